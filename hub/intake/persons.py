"""In intake: the keyed hashes by which a person is found again when a death, a move or a merge arrives for them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from hub.ledger.changes import PersonHash
from hub.ledger.sealing import Sealing
from schemas.fhir.person import Person
from schemas.fhir.read import NHS_NUMBER_SYSTEM, is_system
from schemas.identifiers import NhsNumber
from schemas.messages import Identifier


def hashes_of(person: Person, sealing: Sealing) -> tuple[PersonHash, ...]:
    """By NHS number (a usable one), by each local number, by name with birth date; each once, sorted."""
    return _hashed(sealing, (*_by_numbers(person), *_by_name(person)))


def hashes_of_identifiers(identifiers: Iterable[Identifier], sealing: Sealing) -> tuple[PersonHash, ...]:
    """The same hashes from the identifiers of a person event (contracts.md, about)."""
    return _hashed(sealing, (_numbered(one.system, one.value) for one in identifiers))


def nhs_numbers(identifiers: Iterable[Identifier]) -> frozenset[str]:
    """The usable NHS numbers among the identifiers of a person event."""
    found = (one.value.replace(" ", "") for one in identifiers if is_system(one.system, NHS_NUMBER_SYSTEM))
    return frozenset(digits for digits in found if len(digits) == 10 and digits.isascii() and digits.isdigit() and NhsNumber(digits).usable)


def _hashed(sealing: Sealing, found: Iterable[tuple[str, str] | None]) -> tuple[PersonHash, ...]:
    made = {PersonHash(kind, sealing.hash(f"person-{kind}", value)) for kind, value in filter(None, found)}
    return tuple(sorted(made, key=lambda one: one.value))


def _by_numbers(person: Person) -> Iterator[tuple[str, str] | None]:
    if person.nhs_number is not None and NhsNumber(person.nhs_number).usable:
        yield "nhs", person.nhs_number
    for one in person.local_identifiers:
        yield _numbered(one.system, one.value)


def _by_name(person: Person) -> Iterator[tuple[str, str]]:
    if person.family and person.given and person.birth_date and len(person.birth_date) == 10:
        yield "name", "|".join((_plain(person.family), _plain(person.given[0]), person.birth_date))


def _numbered(system: str, value: str) -> tuple[str, str] | None:
    """An NHS number is looked up as one wherever it came from; a local number only under a system that says whose it is."""
    if is_system(system, NHS_NUMBER_SYSTEM):
        digits = value.replace(" ", "")
        return ("nhs", digits) if digits.isascii() and digits.isdigit() and len(digits) == 10 and NhsNumber(digits).usable else None
    return ("local", f"{system.casefold()}|{value.strip()}") if system and value.strip() else None


def _plain(name: str) -> str:
    """Small letters without accents or spaces, so that Siân and SIAN meet."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name.casefold()) if letter.isalpha())
