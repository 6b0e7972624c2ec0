"""In translating BaRS: what the Welsh eReferrals services say in their own way, read from where they say it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from connectors.bars.systems import GMC, is_one
from schemas.fhir.read import Found, JsonObject, Message, codings, extensions, identifiers, objects, ods_code, string, strings
from schemas.fhir.request import Priority, Referrer
from schemas.referral import Referral
from schemas.rejection import Issue, Reason

_WRDS = "wrds.wales.nhs.uk/secondary-care/organisations/"
_GMP = re.compile(r"G[0-9]{7}")
_LETTER_PRIORITY: dict[str, Priority] = {"U": "urgent", "UR": "urgent", "URGENT": "urgent", "USC": "urgent", "R": "routine", "ROUTINE": "routine"}
_MORE_URGENT = ("urgent", "asap", "stat")


def with_dialect(referral: Referral, message: Message, header: JsonObject, organisation: JsonObject) -> tuple[Referral, tuple[Issue, ...]]:
    """The referral with what stands elsewhere in a Welsh message: who refers (members by resource id, the header's sender, Welsh organisation
    systems) and the letter's priority. `organisation` is that of the request's own headers, asked last."""
    referrer = _referrer(referral.referrer, message, header, organisation)
    priority, warnings = _priority(referral.priority, message)
    return referral.model_copy(update={"referrer": referrer, "priority": priority}), (*warnings, *_gmp(message))


def without_noise(warnings: tuple[Issue, ...], message: Message) -> tuple[Issue, ...]:
    """Without the warning that `GP` is no SNOMED code, where it stands as the source of the request: every Welsh sender writes it so."""
    request = message.first("ServiceRequest")
    at = f"{request.path}.extension" if request else ""
    sent = extensions(request.resource, "SourceOfServiceRequest") if request else ()
    codes = {one.code for extension in sent for one in codings(extension, "valueCodeableConcept", "")}
    return tuple(one for one in warnings if not (codes == {"GP"} and one.reason is Reason.CODE_UNKNOWN and one.at == at))


def specialties(message: Message) -> list[str]:
    """Where a Welsh message names a specialty by its own code (`dhcw/SPEC`)."""
    places = [(one, "serviceType") for one in message.of_type("Encounter")] + [(one, "orderDetail") for one in message.of_type("ServiceRequest")]
    return [one.at for found, name in places for one in codings(found.resource, name, found.path) if one.system.lower().endswith("/spec")]


# --- who refers -------------------------------------------------------------------------------------------------------------------------


def _referrer(read: Referrer, message: Message, header: JsonObject, organisation: JsonObject) -> Referrer:
    members = [one.resource for name in ("ReferringPractice", "RequestingPractitioner") for one in _member(message, name)]
    sender = message.follow(header.get("sender"))
    known = [*members, *([sender.resource] if sender else []), *_of_requester(message), organisation]
    ods = read.ods or next((code for one in known if (code := _code(one))), None)
    return Referrer(ods=ods, name=read.name or next((name for one in known if (name := _name(one))), None))


def _member(message: Message, identity: str) -> Iterator[Found]:
    return (one for one in message.found if one.resource.get("id") == identity)


def _of_requester(message: Message) -> Iterator[JsonObject]:
    """The organisation of the role that the requester acts in, where the request names the practitioner alone."""
    request = message.first("ServiceRequest")
    asked = message.follow(request.resource.get("requester"), request) if request else None
    for role in message.of_type("PractitionerRole"):
        if asked is not None and message.follow(role.resource.get("practitioner"), role) is asked:
            yield from (one.resource for one in message.follow_all([role.resource.get("organization")], role))


def _code(resource: JsonObject) -> str | None:
    """An ODS code, also under the names that Welsh reference data gives the same list."""
    if resource.get("resourceType") != "Organization":
        return None
    welsh = (one.value for one in identifiers(resource, "") if _WRDS in one.system.lower())
    return ods_code(resource) or next(welsh, None)


def _name(resource: JsonObject) -> str | None:
    if resource.get("resourceType") == "Organization":
        return string(resource, "name")
    for name in objects(resource.get("name")):
        said = string(name, "text") or " ".join([*strings(name, "prefix"), *strings(name, "given"), string(name, "family") or ""])
        return said.strip() or None
    return None


# --- how soon ---------------------------------------------------------------------------------------------------------------------------


def _priority(read: Priority, message: Message) -> tuple[Priority, tuple[Issue, ...]]:
    """The request's own priority if it says one; else the letter's. An urgent letter under a routine request is a warning."""
    request = message.first("ServiceRequest")
    said = next((one for one in _letter(message) if one[0] != "routine"), None)
    if request is None or said is None or read in _MORE_URGENT:
        return read, ()
    priority, at = said
    if "priority" in request.resource:
        return read, (Issue(Reason.PRIORITY_TEXT, at, "bars.letter-priority"),)
    return priority, ()


def _letter(message: Message) -> Iterator[tuple[Priority, str]]:
    places = [(one, "priority") for one in message.of_type("Encounter")] + [(one, "orderDetail") for one in message.of_type("ServiceRequest")]
    for found, name in places:
        for one in codings(found.resource, name, found.path):
            if one.system.lower().endswith("lttrpriority") and (meant := _LETTER_PRIORITY.get(one.code.upper())):
                yield meant, one.at


# --- numbers ----------------------------------------------------------------------------------------------------------------------------


def _gmp(message: Message) -> Iterator[Issue]:
    """A general practitioner's prescribing number (GMP) that is sent as a GMC number; it is kept as it was sent."""
    for one in message.found:
        doctors = enumerate(objects(one.resource.get("generalPractitioner")))
        for holder, path in ((one.resource, one.path), *((doctor, f"{one.path}.generalPractitioner[{index}]") for index, doctor in doctors)):
            if any(_GMP.fullmatch(str(each.get("value")).strip()) for each in objects(holder.get("identifier"))):
                sent = (found for found in identifiers(holder, path) if _GMP.fullmatch(found.value) and is_one(found.system, GMC))
                yield from (Issue(Reason.RULE_NOT_MET, found.at, "bars.gmp") for found in sent)
