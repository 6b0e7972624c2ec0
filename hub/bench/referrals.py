"""Beside the flow: referrals for a bench: synthetic persons over Welsh postcodes, as many as are asked for, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from uuid import UUID

import orjson

_POSTCODES = ("CF10 1AA", "SA1 1AA", "LL57 1AA", "SY23 1AA", "NP20 1AA", "LD1 5AA", "CF40 1AA", "SA31 1AA", "LL30 1AA", "CF62 1AA")
_NEEDS = ("social-connection", "food-insecurity", "material-hardship", "employment-status", "stress", "transportation-insecurity")
_GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
_FIRST = 9_990_000_00
_WEIGHTS = range(10, 1, -1)


def numbers(start: int = 0) -> Iterator[str]:
    """NHS numbers of the range kept for tests (999), with their check digits, from the `start`-th on; no two alike."""
    at = _FIRST + start
    while True:
        digits = f"{at:09d}"
        check = (11 - sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11) % 11
        if check != 10:
            yield f"{digits}{check}"
        at += 1


def referrals(seed: int, start: int = 0) -> Iterator[tuple[str, bytes]]:
    """Endless (request id, FHIR ServiceRequest) pairs; each another person."""
    chance = random.Random(seed)  # noqa: S311  nothing secret: the same seed gives the same load
    for number in numbers(start):
        yield str(UUID(int=chance.getrandbits(128), version=4)), _request(number, chance)


def _request(number: str, chance: random.Random) -> bytes:
    person = {
        "resourceType": "Patient", "id": "person", "birthDate": f"{chance.randint(1935, 2000)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}],
        "name": [{"family": "Prawf", "given": ["Mesur"]}],
        "address": [{"line": ["1 Stryd y Prawf"], "postalCode": chance.choice(_POSTCODES)}],
    }  # fmt: skip
    asked = {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": {"reference": "#person"},
        "identifier": [{"system": "https://gp.example.wales/referral", "value": f"BENCH-{number}"}],
        "code": {"text": "Social prescribing"}, "authoredOn": "2026-03-01T16:30:00Z",
        "category": [{"coding": [{"system": _GRAVITY, "code": chance.choice(_NEEDS)}]}],
        "note": [{"text": "Lives alone and would like company during the week."}],
        "contained": [person],
    }  # fmt: skip
    return orjson.dumps(asked)
