"""Read before a decision: who may be chosen. One prescriber or one asset is one line of `prescribers.jsonl` or `assets.jsonl`.

`python -m schemas.directory` writes the JSON Schemas of both to `schemas/published/`. Unknown is not false: an empty list of areas (of an
asset), languages, needs or sources, a null limit of age and a null number of places mean "not stated" and leave nobody out.
"""

from __future__ import annotations

import json
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from schemas.codes.areas import authorities, boards
from schemas.codes.languages import languages
from schemas.codes.needs import needs
from schemas.profile import SourceCode

WALES = "W92000004"
"""The area code of the whole of Wales (GSS)."""


def _known_need(code: str) -> str:
    if code not in needs():
        raise ValueError("not a need of the hub's list")
    return code


def _known_area(code: str) -> str:
    if code != WALES and code not in authorities() and code not in boards():
        raise ValueError("not the GSS code of a Welsh authority (W06), health board (W11) or of Wales (W92000004)")
    return code


def _known_language(code: str) -> str:
    if code not in languages():
        raise ValueError("not a language code that the hub writes")
    return code


NeedCode = Annotated[str, AfterValidator(_known_need), WithJsonSchema({"type": "string", "enum": sorted(needs())})]
AreaCode = Annotated[str, AfterValidator(_known_area), WithJsonSchema({"type": "string", "enum": [*sorted(authorities()), *sorted(boards()), WALES]})]
LanguageCode = Annotated[str, AfterValidator(_known_language), WithJsonSchema({"type": "string", "enum": sorted(languages())})]
DirectoryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Mode = Literal["in-person", "phone", "online", "at-home"]
Access = Literal["step-free", "hearing-loop", "accessible-toilet", "parking", "bus-route", "quiet-space", "transport-offered", "bsl"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class CapacityState(StrEnum):
    """Whether more people can be taken (Gravity SDOH Clinical Care 3.0.0, capacityStatus)."""

    NO_CAPACITY = "no-capacity"
    CAPACITY = "capacity"
    WAITLIST = "waitlist"
    ASSESSMENT = "additional-assessment-required"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=2000)


class Ages(_Row):
    """Whole years, both ends included; null is no limit."""

    min: int | None = Field(None, ge=0, le=130)
    max: int | None = Field(None, ge=0, le=130)

    @model_validator(mode="after")
    def _in_order(self) -> Ages:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self


class Capacity(_Row):
    """`places` is how many people may be held at once (null: not counted); how many are held is the ledger's, not the directory's."""

    state: CapacityState
    places: int | None = Field(ge=0, le=100_000)


class Spot(_Row):
    """Where an asset meets. Degrees, WGS84."""

    postcode: str | None
    latitude: float | None = Field(ge=49, le=61)
    longitude: float | None = Field(ge=-9, le=2)


class Contact(_Row):
    """How to reach a service: for the prescriber or for the person, never used by the hub itself."""

    phone: str | None = None
    email: str | None = None
    url: str | None = None
    hours: str | None = None


class Session(_Row):
    """A weekly time, local to Wales (Europe/London), `HH:MM`."""

    day: Day
    opens: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    closes: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")


class _Listed(_Row):
    id: DirectoryId
    name: str = Field(min_length=1, max_length=200)
    name_cy: str | None = None
    organisation: str | None = None
    areas: tuple[AreaCode, ...]
    needs: tuple[NeedCode, ...]
    languages: tuple[LanguageCode, ...]
    sources: tuple[SourceCode, ...]
    age: Ages
    capacity: Capacity
    valid_to: date | None
    verified_on: date | None
    status: Literal["active", "closed"] = "active"
    contact: Contact = Contact()
    modes: tuple[Mode, ...] = ()
    access: tuple[Access, ...] = ()
    synthetic: bool = False


class Prescriber(_Listed):
    """A social prescriber (link worker) or a small team of them.

    `areas` says whom it serves, so it is never empty; empty `needs` is every need. `client` is the case management system that receives its
    assignments; null: the assignment waits in the hub's own inbox. `first_contact_days` is in working days, as the service states it.
    """

    areas: tuple[AreaCode, ...] = Field(min_length=1)
    client: str | None = None
    first_contact_days: int | None = Field(None, ge=0, le=365)


class Asset(_Listed):
    """A community asset: a group, a club or a service. Advice to the prescriber, never chosen over the person's head.

    `tier`: `signposting` (the person is told of it, nobody is told of the person), `offer` (it is asked first, with the person's own yes),
    `supported` (as `offer`, and somebody goes along the first time). `reach_km` is how far people usually come; null: not stated.
    """

    needs: tuple[NeedCode, ...] = Field(min_length=1)
    places: tuple[Spot, ...]
    cost: Literal["free", "paid", "unknown"]
    tier: Literal["signposting", "offer", "supported"]
    reach_km: float | None = Field(None, gt=0, le=500)
    schedule: tuple[Session, ...] = ()
    description: str | None = None
    description_cy: str | None = None


def published() -> dict[str, str]:
    """The published JSON Schemas (draft 2020-12) as text, by file name."""
    models: tuple[tuple[str, type[BaseModel]], ...] = (("asset.json", Asset), ("prescriber.json", Prescriber))
    return {name: json.dumps(_schema(name, model), indent=1, sort_keys=True) + "\n" for name, model in models}


def _schema(name: str, model: type[BaseModel]) -> dict[str, object]:
    head: dict[str, object] = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"https://hub.example.wales/schemas/{name}"}
    return {**model.model_json_schema(), **head}


if __name__ == "__main__":
    for file_name, words in published().items():
        (Path(__file__).parent / "published" / file_name).write_text(words, "utf-8")
