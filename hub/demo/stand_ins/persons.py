"""Beside the flow: synthetic people and the texts that a GP system and a hospital would write about them.

NHS numbers come from the range kept for tests (999), names are of nobody, postcodes are whole districts of Wales with an invented ending.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]  # Any: JSON

_FAMILIES = ("Prawf", "Enghraifft", "Ffug-Jones", "Testdon", "Samplwyn", "Dychmygol", "O'Brawf", "Ŵyn-Prawf")
_GIVEN = ("Non", "Siân", "Dafydd", "Llŷr", "Ffion", "Gŵyn", "Ann", "Tomos", "Zoë", "Idris")
_DISTRICTS = ("LL57", "LL77", "SA1", "SA15", "CF10", "CF37", "NP20", "LD1", "SY23", "LL13", "CF62", "SA43")
_NEEDS = (
    ("422650009", "Social isolation"), ("160932005", "Financial problem"), ("390893007", "Referral to physical activity programme"),
    ("105531004", "Housing unsatisfactory"), ("733423003", "Food insecurity"),
)  # fmt: skip
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
SNOMED = "http://snomed.info/sct"


@dataclass(frozen=True, slots=True)
class Person:
    """One synthetic person and why they are referred."""

    nhs_number: str
    family: str
    given: str
    birth_date: str
    postcode: str
    language: str
    need: tuple[str, str]


def person(seed: int, number: int) -> Person:
    """The `number`-th person of a seed; the same each time."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311  not for secrets: the same people each time
    district = chance.choice(_DISTRICTS)
    return Person(
        nhs_number=_nhs_number(chance),
        family=chance.choice(_FAMILIES),
        given=chance.choice(_GIVEN),
        birth_date=f"{chance.randint(1935, 2003)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        postcode=f"{district} {chance.randint(1, 9)}{chance.choice('ABDEFGHJLN')}{chance.choice('ABDEFGHJLN')}",
        language=chance.choice(("cy", "en", "en")),
        need=chance.choice(_NEEDS),
    )


def _nhs_number(chance: random.Random) -> str:
    while True:
        nine = f"999{chance.randint(0, 999_999):06}"
        check = 11 - sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True)) % 11
        if check != 10:
            return nine + str(check % 11)


def service_request(who: Person, own_number: str, note: str = "") -> Json:
    """A FHIR R4 ServiceRequest with its patient contained, as a GP system would send it."""
    return {
        "resourceType": "ServiceRequest",
        "contained": [_patient(who), _condition(who)],
        "identifier": [{"system": "https://gp.example.wales/referral", "value": own_number}],
        "status": "active",
        "intent": "order",
        "code": {"text": "Social prescribing"},
        "subject": {"reference": "#person"},
        "authoredOn": "2026-03-02T09:00:00Z",
        "reasonReference": [{"reference": "#reason"}],
        **({"note": [{"text": note}]} if note else {}),
    }


def _patient(who: Person) -> Json:
    return {
        "resourceType": "Patient",
        "id": "person",
        "identifier": [{"system": NHS_NUMBER, "value": who.nhs_number}],
        "name": [{"family": who.family, "given": [who.given]}],
        "birthDate": who.birth_date,
        "address": [{"line": ["1 Stryd y Prawf"], "postalCode": who.postcode}],
        "telecom": [{"system": "phone", "value": "07700 900123"}],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": who.language}]}, "preferred": True}],
    }


def _condition(who: Person) -> Json:
    code, display = who.need
    return {
        "resourceType": "Condition",
        "id": "reason",
        "code": {"coding": [{"system": SNOMED, "code": code, "display": display}], "text": display},
        "subject": {"reference": "#person"},
    }


def wrong_in_three_places() -> Json:
    """No status, an intent that is none, and nobody whom it is about."""
    return {"resourceType": "ServiceRequest", "intent": "wish", "code": {"text": "Social prescribing"}, "authoredOn": "2026-03-02T09:00:00Z"}


def as_bytes(resource: Json) -> bytes:
    """The bytes that are sent; the same for the same resource."""
    return json.dumps(resource, ensure_ascii=False).encode()


def referral_message(who: Person, control_id: str, sender: tuple[str, str], own_number: str, note: str = "") -> bytes:
    """A REF^I12 (HL7 v2.4), UTF-8."""
    code, display = who.need
    lines = [
        _header(sender, "REF^I12^REF_I12", control_id),
        f"RF1|P|R|SP^Social prescribing^L|AM|O|{own_number}^{sender[0]}|20260302",
        f"PRD|RP|Prawf^Sian^^^Dr||^^{sender[1]}C7|||C1234567^GMC",
        _pid(who),
        f"DG1|1||{code}^{display}^SCT",
        *([f"NTE|1||{note}"] if note else []),
    ]
    return "\r".join(lines).encode() + b"\r"


def discharge_message(who: Person, control_id: str, sender: tuple[str, str], *, died: bool = False) -> bytes:
    """An ADT^A03 (HL7 v2.4): gone home, or died in hospital."""
    dead = f"{'|' * 16}20260302|Y" if died else ""
    lines = [
        _header(sender, "ADT^A03^ADT_A03", control_id),
        "EVN||20260302150500",
        _pid(who, to_phone=True) + dead,
        f"PV1|1|I|WARD 7^Bay 2^Bed 3^{sender[1]}C7|||||||320|||||||||V1001^^^VISITID{'|' * 17}19||||||||202602251100+0000|202603021500+0000",
    ]
    return "\r".join(lines).encode() + b"\r"


def _header(sender: tuple[str, str], kind: str, control_id: str) -> str:
    return f"MSH|^~\\&|{sender[0]}|{sender[1]}|SPHUB|SPHUB|20260302090000||{kind}|{control_id}|P|2.4|||||GBR|UNICODE UTF-8"


def _pid(who: Person, *, to_phone: bool = False) -> str:
    born = who.birth_date.replace("-", "")
    phone = "07700900123" if to_phone else f"07700900123||{who.language}"
    return f"PID|1||{who.nhs_number}^^^NHS^NH||{who.family}^{who.given}||{born}|F|||1 STRYD Y PRAWF^^ABERTAWE^^{who.postcode}^^H||{phone}"
