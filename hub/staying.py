"""Shared by the stages: what the ledger keeps of a referral says where the person is: in hospital, on which ward, home again; and what a hospital changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from hub.content import still_agreed
from schemas.codes.discharge import Ending
from schemas.fhir.person import Person, read_person
from schemas.fhir.read import Found, Message, fhir_date, objects, string
from schemas.fhir.stay import OUTPATIENT, Stay, home_postcode, postcode_after, read_stay, temporary_postcode
from schemas.fhir.strict_json import Caps, dump, parse
from schemas.referral import Referral

JsonObject = dict[str, Any]  # Any: FHIR JSON
_CAPS = Caps(body=16 * 2**20, depth=80, keys=200_000, items=200_000, string=2 * 2**20)

# What a hospital may say anew of a person, and which parts of the Person it is; what it does not name stays as it was.
_SAID_ANEW: Mapping[str, tuple[str, ...]] = {
    "name": ("family", "given"),
    "birthDate": ("birth_date",),
    "_birthDate": ("birth_date",),
    "gender": ("gender",),
    "_gender": ("gender",),
    "telecom": ("phones", "emails"),
    "address": ("postcode", "has_address"),
    "communication": ("language_spoken",),
}


def stay_of(stored: bytes) -> Stay | None:
    """The stay as a hospital told it last, else the ward's own, from which the referral came; None when no hospital said anything."""
    if b'"Encounter"' not in stored:
        return None
    content = parse(stored, _CAPS)
    if isinstance(told := content.get("stay"), dict):
        return read_stay(told)
    own = (read_stay(one) for one in _resources(content["bundle"], "Encounter"))
    return next((stay for stay in own if stay.inpatient), None)


def own_visit(stored: bytes) -> tuple[str, str] | None:
    """The hospital's number of the stay from which the referral itself came; None where it came from none, or from one without a number."""
    if b'"Encounter"' not in stored:
        return None
    return next((visit for one in _resources(parse(stored, _CAPS)["bundle"], "Encounter") if (visit := read_stay(one).visit)), None)


def is_inside(stored: bytes) -> bool:
    """Whether the person is in a hospital now, as far as we were told."""
    return (stay := stay_of(stored)) is not None and stay.inside


def expected_out(stored: bytes) -> date | None:
    """The day by which the ward said that the person would leave."""
    if b'"occurrenceDateTime"' not in stored:
        return None
    request = next(_resources(parse(stored, _CAPS)["bundle"], "ServiceRequest"), {})
    day = fhir_date(string(request, "occurrenceDateTime"))
    return date.fromisoformat(day[:10]) if day and len(day) >= 10 else None


def carried_over(before: bytes, now: bytes) -> bytes:
    """New content, with what the content before it knew from elsewhere than its sender: the stay, and the person's own yes."""
    now = still_agreed(before, now)
    if b'"stay"' not in before or not isinstance(told := parse(before, _CAPS).get("stay"), dict):
        return now
    return dump({**parse(now, _CAPS), "stay": told})


def moved(stored: bytes, encounter: JsonObject, patient: JsonObject) -> bytes:
    """The content once a hospital has said where the person is now: the stay, and the postcode at which to look for services.

    A discharge from another visit than the one that goes on changes nothing, unless that one went on in another hospital, which numbers it
    otherwise; nor does what happens in an outpatient clinic.
    """
    content, told = parse(stored, _CAPS), read_stay(encounter)
    known = stay_of(stored)
    elsewhere = known is not None and known.ending is Ending.MOVED
    if known and known.inside and not told.inside and known.visit and told.visit and known.visit != told.visit and not elsewhere:
        return stored
    if string(encounter.get("class") or {}, "code") == OUTPATIENT:
        return stored
    referral = Referral.model_validate(content["referral"])
    home = home_postcode(patient) or next((code for one in _patients(content["bundle"]) if (code := home_postcode(one))), referral.person.postcode)
    person = referral.person.model_copy(update={"postcode": postcode_after(told, home, temporary_postcode(patient))})
    return dump({**content, "stay": encounter, "referral": _as_json(referral, person)})


def told_anew(stored: bytes, patient: JsonObject) -> bytes:
    """The content once a hospital has changed a person's details: in the bundle, where it holds one Patient, and in what is decided by.

    An element with a data-absent-reason is deleted; one that is not there stays as it was.
    """
    content = parse(stored, _CAPS)
    referral = Referral.model_validate(content["referral"])
    said, _ = read_person(Message({"entry": [{"fullUrl": "urn:p", "resource": patient}]}), Found({"subject": {"reference": "urn:p"}}, "Encounter"), None)
    anew = {part: getattr(said, part) for element, parts in _SAID_ANEW.items() if element in patient for part in parts}
    if patient.get("deceasedBoolean") is False:
        anew["deceased"] = False
    person = referral.person.model_copy(update=anew)
    bundle = _with_details(content["bundle"], patient) if len(list(_patients(content["bundle"]))) == 1 else content["bundle"]
    return dump({**content, "bundle": bundle, "referral": _as_json(referral, person if person.is_enough else referral.person)})


def _as_json(referral: Referral, person: Person) -> JsonObject:
    return referral.model_copy(update={"person": person}).model_dump(mode="json")


def _with_details(bundle: JsonObject, patient: JsonObject) -> JsonObject:
    said = {name: patient[name] for name in _SAID_ANEW if name in patient}
    gone = {each for name, value in said.items() if _is_absent(value) for each in (name, name.removeprefix("_"))}

    def changed(resource: JsonObject) -> JsonObject:
        if resource.get("resourceType") == "Patient":
            return {name: value for name, value in {**resource, **said}.items() if name not in gone}
        if objects(resource.get("contained")):
            return {**resource, "contained": [changed(one) for one in objects(resource["contained"])]}
        return resource

    return {**bundle, "entry": [{**entry, "resource": changed(entry["resource"])} for entry in bundle["entry"]]}


def _is_absent(value: object) -> bool:
    """Nothing but a data-absent-reason: the sender deleted it."""
    parts = objects(value)
    return bool(parts) and all(set(one) == {"extension"} or (set(one) == {"language"} and _is_absent(one["language"])) for one in parts)


def _patients(bundle: JsonObject) -> list[JsonObject]:
    held = [one for entry in bundle["entry"] for one in (entry["resource"], *objects(entry["resource"].get("contained")))]
    return [one for one in held if one.get("resourceType") == "Patient"]


def _resources(bundle: JsonObject, kind: str) -> Iterator[JsonObject]:
    return (entry["resource"] for entry in bundle["entry"] if entry["resource"].get("resourceType") == kind)
