"""In translating: what a message says of risk and of consent, read from its Flags, codes and Consents."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from schemas.codes.flags import Flag, flags_of, flags_of_resource
from schemas.fhir.read import Coded, Found, JsonObject, Message, codings, objects, string
from schemas.rejection import Issue, Reason

DIRECT_CARE = frozenset({"DRC"})
COMMUNITY = frozenset({"IDSCL", "share-with-community"})


class Consents(BaseModel):
    """What the person said; None where nothing was stated."""

    model_config = ConfigDict(frozen=True)

    direct_care: bool | None = None
    share_with_community: bool | None = None


def read_flags(message: Message) -> tuple[tuple[Flag, ...], tuple[Issue, ...]]:
    """The flags that are in force, each once in message order, and a warning for a Flag whose codes are all unknown."""
    found: list[Flag] = []
    warnings = []
    for one in message.found:
        if one.resource.get("resourceType") == "Flag":
            if one.resource.get("status", "active") != "active":
                continue
            coded = list(codings(one.resource, "code", one.path))
            grouped = list(codings(one.resource, "category", one.path))
            found += flags_of_resource(_pairs(grouped), _pairs(coded))
            if coded and all(flags_of(*pair) is None for pair in _pairs(coded)):
                warnings.append(Issue(Reason.CODE_UNKNOWN, coded[0].at))
        else:
            found += [flag for coded in _coded_elsewhere(one) for flag in flags_of(coded.system, coded.code) or ()]
    return tuple(dict.fromkeys(found)), tuple(warnings)


def _pairs(coded: list[Coded]) -> list[tuple[str | None, str]]:
    return [(one.system, one.code) for one in coded]


_MAY_FLAG = {"ServiceRequest": ("category", "code", "reasonCode"), "Condition": ("code",), "Observation": ("code", "valueCodeableConcept")}


def _coded_elsewhere(one: Found) -> Iterator[Coded]:
    """Risk that is coded as a reason or a finding; a sensitive address as the Patient's security label."""
    kind = str(one.resource.get("resourceType"))
    if any(coded.code in ("refuted", "entered-in-error") for coded in codings(one.resource, "verificationStatus", "")):
        return
    for name in _MAY_FLAG.get(kind, ()):
        yield from codings(one.resource, name, one.path)
    meta = one.resource.get("meta")
    if kind == "Patient" and isinstance(meta, dict):
        yield from codings(meta, "security", f"{one.path}.meta")


def read_consents(message: Message) -> Consents:
    """What the message's Consents together say; a refusal outweighs a permission of the same kind."""
    said: dict[str, list[bool]] = {"direct_care": [], "share_with_community": []}
    for one in message.of_type("Consent"):
        given = _is_given(one.resource)
        kinds = {coded.code for coded in codings(one.resource, "category", one.path)}
        if given is None:
            continue
        if kinds & DIRECT_CARE:
            said["direct_care"].append(given)
        if kinds & COMMUNITY:
            said["share_with_community"].append(given)
    return Consents(**{kind: all(answers) for kind, answers in said.items() if answers})


def _is_given(consent: JsonObject) -> bool | None:
    """True when active and not denied; False when rejected, withdrawn (inactive) or denied; None while it is only proposed or was an error."""
    status = consent.get("status")
    if status in ("rejected", "inactive"):
        return False
    if status != "active":
        return None
    return not any(string(provision, "type") == "deny" for provision in objects(consent.get("provision")))
