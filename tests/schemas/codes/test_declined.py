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
        "",
    ],
)
def test_nobody_said_no(words: str) -> None:
    assert not declined_in([words])
