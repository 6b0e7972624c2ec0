"""Within translating a hospital's message: an OBX that asks what the person agreed to becomes a Consent, or is unclear and for a human."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from connectors.hospital_hl7v2.answered import readings
from connectors.hospital_hl7v2.source import Source
from schemas.fhir.build import JsonObject
from schemas.hl7v2 import Message, Repetition, Segment

DIRECT_CARE, COMMUNITY = "DRC", "IDSCL"
_CODES = {"CONSENT-DIRECT-CARE": DIRECT_CARE, "CONSENT-COMMUNITY": COMMUNITY}  # agreed with senders (README)
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_NOT_SO = ("D", "W", "X")  # OBX-11, table 0085: deleted, wrong, could not be obtained

_CONSENT = re.compile(r"consent|caniat|ganiat|chaniat|cydsyni|gydsyni|chydsyni")
_SHARES = re.compile(r"communit|shar(?:e|ing)|rhannu|cymuned|gymuned")
_OF_COMMUNITY = re.compile(r"communit|cymuned|gymuned")
_REFERS = re.compile(r"direct care|referral|gofal uniongyrchol|atgyfeiri")
_REFUSES = re.compile(
    r"\b(?:refus\w*|declin\w*|withdr[ae]w\w*|withh[eo]ld\w*|dissent\w*|object\w*|revok\w*|rescind\w*|denie[sd]|deny|not|no|non|never|without|cannot|"
    r"\w+n['’]t|opt(?:s|ed|ing)? out|na|nac|nad|nid|nag|heb|dim|ddim|ni|yn ôl|[gw]*gwrthod\w*|wrthod\w*|g?wrthwynebu|g?wrthwynebodd)\b"
)
_PLAINLY = frozenset(
    (
        *("y", "yes", "true", "consents", "consented", "given", "granted", "obtained", "agrees", "agreed", "permitted"),
        *("ie", "oes", "ydw", "ydy", "ydyn", "cytuno", "cytunodd", "cydsyniodd", "rhoddwyd"),
    )
)
_YES = frozenset({"y", "yes", "ie", "oes", "ydw", "ydy"})  # beside a no ("Y/N", "yes, but not …") neither is meant plainly
_BESIDE = frozenset(  # words that change nothing of a yes
    (
        *("1", "consent", "verbal", "verbally", "written", "in", "writing", "full", "fully", "patient", "person", "by", "the", "has"),
        *("caniatâd", "ar", "lafar", "yn", "ysgrifenedig"),
    )
)
_SAID_IN_WORDS = re.compile(
    r"(?:n['’]t|\b(?:not|refus\w+(?: to)?|declin\w+(?: to)?|withdr[ae]w\w*|without|no|lacks?)) (?:\w+ ){0,2}(?:consent|agree)|"
    r"\bconsent\w* (?:\w+ ){0,2}(?:not|refused|declined|withdrawn|withheld|revoked)\b|"
    r"\b(?:ddim|nid|nid yw\S*|heb|gwrthod\w*|tynnu) (?:\S+ ){0,4}(?:cydsyni|gydsyni|chydsyni|caniat|ganiat|chaniat)"
)
_WANTS_NONE = re.compile(  # of this service or of none that is named; a referral elsewhere that was declined is another matter
    r"\b(?:declin\w+|refus\w+) (?:(?:to be|being|a|the|this|any|onward|further|social prescribing|community) ){0,3}referr(?:al|ed)\b"
    r"(?! (?:to|for) (?!(?:the |a |your )?(?:social|communit|link|us\b|you\b|this\b)))|"
    r"(?:\bnot|n['’]t) (?:want|wish)\w* (?:(?:to be|a|the|this|any) ){1,2}referr(?:al|ed)\b|"
    r"\b(?:gwrthod\w*|ddim (?:eisiau|am|yn dymuno)) (?:cael )?(?:y |yr |ei |eu )?h?atgyfeiri"
)
_NOBODY_KNOWS = re.compile(r"\b(?:n ?/ ?a|not (?:asked|known|recorded|applicable|stated|sought|discussed|yet)|no (?:objection|answer|record)\w*|unknown)\b")


class Answer(Enum):
    """What the person said, as far as it can be read."""

    GIVEN = "given"
    REFUSED = "refused"
    UNCLEAR = "unclear"
    UNSAID = "unsaid"


def is_consent(obx: Segment) -> bool:
    """Whether an OBX asks for a consent that the hub knows the kind of, by the agreed codes or by its words."""
    return bool(_kinds(obx))


def given(obx: Segment) -> dict[str, bool]:
    """What an OBX plainly says, by kind. A refusal counts for every kind that its words name; a permission for the narrowest alone."""
    kinds, answer = _kinds(obx), _answer(obx)
    if answer is Answer.REFUSED:
        return dict.fromkeys(kinds, False)
    return {kinds[0]: True} if kinds and answer is Answer.GIVEN else {}


def agrees(obx: Segment) -> bool:
    """Whether every answer plainly says yes, perhaps with how it was given ("Yes, verbal consent given")."""
    said = [_said(one) for one in obx.field(5).repetitions]
    return bool(said) and all(one is Answer.GIVEN for one in said)


def doubted(message: Message) -> frozenset[str]:
    """The kinds that some OBX leaves unclear: no other permission for them may be relied on."""
    return frozenset(kind for obx in message.segments("OBX") if _answer(obx) is Answer.UNCLEAR for kind in _kinds(obx))


def unclear(message: Message, texts: Iterable[str]) -> bool:
    """Whether a refusal may stand where the hub cannot read it: an OBX about consent that is no plain yes or no, one about consent to something
    that is not named and is refused, or a text that says so in words. Nobody may route it unseen."""
    answers = {obx.field(5).text.strip() for obx in message.segments("OBX") if is_consent(obx)}
    in_words = (_SAID_IN_WORDS.search(said.casefold()) or _WANTS_NONE.search(said.casefold()) for said in texts if said not in answers)
    return bool(doubted(message)) or any(map(_refuses_something, message.segments("OBX"))) or any(in_words)


def _refuses_something(obx: Segment) -> bool:
    label = _label(obx)
    if _kinds(obx) or not _CONSENT.search(label):
        return False
    return bool(_REFUSES.search(label)) or any(_said(one) is Answer.REFUSED for one in obx.field(5).repetitions)


def consent(source: Source, kind: str, is_given: bool) -> JsonObject:
    """The Consent of one plain answer."""
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": _ACT_CODE, "code": kind}]}],
        "patient": source.reference("Patient"),
        "policyRule": {"coding": [{"system": _ACT_CODE, "code": "OPTIN"}]},
        "provision": {"type": "permit" if is_given else "deny"},
    }


def _label(obx: Segment) -> str:
    return " ".join(part for one in obx.field(3).repetitions for part in readings(one)).casefold()


def _kinds(obx: Segment) -> tuple[str, ...]:
    """The kinds that an OBX names, the narrowest first; none when it is about no consent or about another."""
    if agreed := _CODES.get(obx.component(3).upper()):
        return (agreed,)
    label = _label(obx)
    if not _CONSENT.search(label):
        return ()
    shares, refers = bool(_SHARES.search(label)), bool(_REFERS.search(label))
    if shares and refers:
        return (COMMUNITY, DIRECT_CARE) if _OF_COMMUNITY.search(label) else (DIRECT_CARE, COMMUNITY)
    return (COMMUNITY,) if shares else (DIRECT_CARE,) if refers else ()


def _answer(obx: Segment) -> Answer:
    """Any refusal wins; then anything that cannot be read. "Consent withdrawn: Y" is a refusal, and "Consent withdrawn: N" nobody's guess."""
    said = [_said(one) for one in obx.field(5).repetitions]
    if obx.component(11).upper() in _NOT_SO:
        return Answer.UNCLEAR
    if _REFUSES.search(_label(obx)):
        return Answer.REFUSED if said and all(one is Answer.GIVEN for one in said) else Answer.UNCLEAR
    found = next((one for one in (Answer.REFUSED, Answer.UNCLEAR, Answer.GIVEN) if one in said), Answer.UNSAID)
    return Answer.UNCLEAR if found is Answer.UNSAID and _stands_beside(obx) else found


def _stands_beside(obx: Segment) -> bool:
    """Whether a plain answer stands a field too early or too late (OBX-4 or OBX-6), where OBX-5 is empty: nobody's guess, and not silence."""
    return any(_read(said) in (Answer.GIVEN, Answer.REFUSED) for number in (4, 6) if (said := obx.component(number)))


def _said(one: Repetition) -> Answer:
    """One repetition: a refusal in its code or its words wins, else its words count before its code."""
    if one.is_null:
        return Answer.UNCLEAR
    read = [_read(said) for said in readings(one)]
    if Answer.REFUSED in read:
        return Answer.REFUSED
    return read[0] if read else Answer.UNSAID


def _read(said: str) -> Answer:
    words = said.casefold()
    if _NOBODY_KNOWS.search(words):
        return Answer.UNCLEAR
    tokens = set(re.findall(r"[^\W_]+", words))
    if _REFUSES.search(words) or tokens & {"n", "false"}:
        return Answer.UNCLEAR if tokens & _YES else Answer.REFUSED
    return Answer.GIVEN if tokens <= _PLAINLY | _BESIDE and tokens & _PLAINLY else Answer.UNCLEAR
