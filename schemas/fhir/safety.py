"""In translating: what a message says of risk and of consent, read from its Flags, codes and Consents."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from pydantic import BaseModel, ConfigDict

from schemas.codes.data_files import SNOMED
from schemas.codes.flags import Flag, flags_of, flags_of_resource
from schemas.codes.requested_service import says_declined
from schemas.fhir.read import Coded, Found, JsonObject, Message, codings, objects, string
from schemas.rejection import Issue, Reason

DIRECT_CARE = frozenset({"drc"})
COMMUNITY = frozenset({"idscl", "share-with-community"})


class Consents(BaseModel):
    """What the person said; None where nothing was stated, or nothing plain: then it is `unclear`, and a human looks. `child_alone` says why that
    is: a child asked for themselves, and an adult who may decide has to be spoken with first."""

    model_config = ConfigDict(frozen=True)

    direct_care: bool | None = None
    share_with_community: bool | None = None
    unclear: bool = False
    child_alone: bool = False


_NOT_IN_FORCE = ("inactive", "entered-in-error")


def read_flags(message: Message) -> tuple[tuple[Flag, ...], tuple[Issue, ...]]:
    """The flags that are in force, each once in message order, and a warning for a Flag whose codes are all unknown.

    `message` is as it was sent, so that a Flag counts whatever is wrong with it: unless it plainly says so, it is in force.
    """
    found: list[Flag] = []
    warnings = []
    for one in message.found:
        if one.resource.get("resourceType") == "Flag":
            if one.resource.get("status") in _NOT_IN_FORCE:
                continue
            coded = list(codings(one.resource, "code", one.path))
            grouped = list(codings(one.resource, "category", one.path))
            found += flags_of_resource(_pairs(grouped), _pairs(coded))
            if all(flags_of(*pair) is None for pair in (_pairs(coded) or _pairs(grouped))):
                warnings.append(Issue(Reason.CODE_UNKNOWN, coded[0].at if coded else f"{one.path}.code"))
        else:
            found += [flag for coded in _coded_elsewhere(one) for flag in flags_of(*_pair(coded)) or ()]
    return tuple(dict.fromkeys(found)), tuple(warnings)


def _pairs(coded: list[Coded]) -> list[tuple[str | None, str]]:
    return [_pair(one) for one in coded]


def _pair(coded: Coded) -> tuple[str | None, str]:
    """A long number without a system is taken for SNOMED CT: rather a flag too many."""
    is_sctid = not coded.system and len(coded.code) > 5 and coded.code.isascii() and coded.code.isdigit()
    return (SNOMED if is_sctid else coded.system), coded.code


_MAY_FLAG = {"ServiceRequest": ("category", "code", "reasonCode"), "Condition": ("code",), "Observation": ("code", "valueCodeableConcept")}


def _coded_elsewhere(one: Found) -> Iterator[Coded]:
    """Risk that is coded as a reason or a finding; a sensitive address as the Patient's security label."""
    kind = str(one.resource.get("resourceType"))
    if kind not in _MAY_FLAG and kind != "Patient":
        return
    if any(coded.code in ("refuted", "entered-in-error") for coded in codings(one.resource, "verificationStatus", "")):
        return
    for name in _MAY_FLAG.get(kind, ()):
        yield from codings(one.resource, name, one.path)
    meta = one.resource.get("meta")
    if kind == "Patient" and isinstance(meta, dict):
        yield from codings(meta, "security", f"{one.path}.meta")


class _Answer(Enum):
    """What one Consent says: None of it counts while it is only proposed, or was an error."""

    GIVEN = True
    REFUSED = False
    UNCLEAR = "unclear"
    NOT_SAID = "not-said"


_NOT_SAID = frozenset({"proposed", "draft", "entered-in-error"})
_REFUSED = frozenset({"rejected", "inactive"})
_OPTED_OUT = frozenset({"OPTOUT"})
_NOT_PLAIN = _OPTED_OUT | {"OPTOUTE", "OPTINR", "EMRGONLY"}
"""Of v3-ActCode, as `policyRule`: dissent, and agreement with exceptions or for an emergency alone."""


def read_consents(message: Message, sent: Message) -> Consents:
    """What the message's Consents together say; a refusal outweighs, and a Consent that is not plainly a permission is none.

    `sent` is the message before anything was left out of it: a Consent that lost something may have lost its "no".
    """
    sound = [_bare(one.resource) for one in message.of_type("Consent")]
    direct: list[_Answer] = []
    community: list[_Answer] = []
    unreadable = False
    for one in sent.of_type("Consent"):
        kinds = {coded.code.lower() for coded in codings(one.resource, "category", one.path)}
        answer = _answer(one.resource, _bare(one.resource) in sound)
        if kinds & DIRECT_CARE:
            direct.append(answer)
        if kinds & COMMUNITY:
            community.append(answer)
        unreadable = unreadable or (not kinds and answer in (_Answer.REFUSED, _Answer.UNCLEAR))
    unclear = unreadable or _Answer.UNCLEAR in (*direct, *community)
    unclear = unclear or any(says_declined(*_pair(coded)) for one in sent.found for coded in _coded_elsewhere(one))
    return Consents(direct_care=_together(direct), share_with_community=_together(community), unclear=unclear)


def _bare(consent: JsonObject) -> JsonObject:
    """Without its narrative, which always goes."""
    return {name: value for name, value in consent.items() if name != "text"}


def _together(answers: list[_Answer]) -> bool | None:
    if _Answer.REFUSED in answers:
        return False
    return True if _Answer.GIVEN in answers and _Answer.UNCLEAR not in answers else None


def _answer(consent: JsonObject, is_sound: bool) -> _Answer:
    """Given only when sound, active and denied nowhere; refused by its status, its own provision or the rule that it stands under; an exception
    within, or a rule with exceptions, makes it unclear."""
    status = (string(consent, "status") or "").lower()
    if status in _NOT_SAID:
        return _Answer.NOT_SAID
    provisions = objects(consent.get("provision"))
    rules = {coded.code.upper() for coded in codings(consent, "policyRule", "")}
    if status in _REFUSED or any(_denies(one) for one in provisions) or (rules & _OPTED_OUT and not provisions):
        return _Answer.REFUSED
    is_plain = is_sound and status == "active" and not rules & _NOT_PLAIN and not any(_denies_within(one) for one in provisions)
    return _Answer.GIVEN if is_plain else _Answer.UNCLEAR


def _denies(provision: JsonObject) -> bool:
    return (string(provision, "type") or "").lower() == "deny"


def _denies_within(provision: JsonObject) -> bool:
    return any(_denies(inner) or _denies_within(inner) for inner in objects(provision.get("provision")))
