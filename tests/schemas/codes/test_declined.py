"""What words say of a refusal: a wrong no rings nobody, a wrong yes rings somebody who said no."""

from __future__ import annotations

import pytest

from schemas.codes.declined import declined_in


@pytest.mark.parametrize(
    "words",
    [
        "Patient declined social prescribing when asked.",
        "Social prescribing discussed, patient declined",
        "Offered link worker. Refused social prescribing today",
        "Does not want a link worker",
        "He doesn't want to be referred",
        "Not keen on social prescribing at present",
        "Does not consent to sharing with community groups.",
        "Has not given consent",
        "Consent refused",
        "Consent: withdrawn on 3 March. Consent was withdrawn.",
        "Referred without her consent",
        "Gwrthododd bresgripsiynu cymdeithasol",
        "Nid yw'n cydsynio; ddim yn cydsynio i rannu",
        # without the name of the service, which the message itself is about
        "Patient declined referral",
        "Declined to be referred",
        "Would not agree to being referred",
        "Does not want any contact",
        "Please do not contact me.",
        "I do not want my information shared",
        "Please don't share my details",
        # as forms and lists have it
        "Consent: No",
        "Consent obtained: N",
        "No consent",
        "Unable to obtain consent",
        "No longer consents",
        "Discussed social prescribing. Declined.",
        "Offered link worker; patient not interested",
        "does not\nconsent",
        # the ordinary ways of Welsh
        "Nid yw'r claf yn cydsynio",
        "Nid oes caniatâd",
        "Dim cydsyniad",
        "Cydsyniad: Na",
        "Heb roi cydsyniad",
        "Ni chydsyniodd",
        "Mae hi wedi tynnu ei chydsyniad yn ôl",
        "Mae'r claf wedi gwrthod cael ei atgyfeirio",
        "Nid yw am gael ei hatgyfeirio",
        "Nid yw eisiau presgripsiynu cymdeithasol",
        "Dydw i ddim eisiau i neb rannu fy ngwybodaeth",
        "Peidiwch â chysylltu â mi",
    ],
)
def test_somebody_said_no(words: str) -> None:
    assert declined_in([words])


@pytest.mark.parametrize(
    "words",
    [
        "Consents to referral to social prescribing",
        "Declined physiotherapy, would like social prescribing",  # something else
        "Social prescribing please; declined counselling",
        "Her health declined after he died. Social prescribing please",  # another sentence, another meaning
        "Consent not recorded",  # nothing said is no refusal
        "Refuses to leave the house since the fall",
        "Not for the first time she asked about the walking group",
        "Hoffai bresgripsiynu cymdeithasol",
        "Universal Credit refused - please social prescribing",
        "Cognitive decline, social prescribing please",
        "Social prescribing. Not keen on exercise.",  # the next sentence declines something of its own
        "Social prescribing please. Her mobility has declined.",
        "Does not want to be referred to mental health services",
        "He does not want referral to alcohol services but agrees to social prescribing",
        "Refused consent for surgery",
        "Landlord refuses consent for adaptations",
        "No consent needed",
        "No consent for research",
        "He does not share details of his illness with family",
        "Consent - not applicable",
        "Does not wish to be contacted by telephone",  # a wish about how, not whether
        "Nid oes angen caniatâd",
        "Nid yw'n mynd allan ond mae'n cydsynio i'r atgyfeiriad",
        "Caniatâd wedi'i roi",
        "Heb deulu gerllaw. Yn cydsynio i gael ei atgyfeirio",
        "",
    ],
)
def test_nobody_said_no(words: str) -> None:
    assert not declined_in([words])
