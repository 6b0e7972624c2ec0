"""Beside the flow: makes the demonstration's directory from `towns.csv` and `kinds.toml`, the same bytes each time.

`python -m hub.demo.directory.generate` writes `prescribers.jsonl` and `assets.jsonl`. Places are real; every service is synthetic and says
so in its name, organisation and `synthetic`. Telephone numbers are from the range kept for fiction. What is missing is meant: Blaenau Gwent's
only prescriber is full, several counties have nobody for the young, nobody helps with stopping
smoking, and few other needs have an asset everywhere.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from schemas.codes.areas import authorities, boards
from schemas.directory import WALES, Asset, Prescriber

HERE = Path(__file__).parent
CLIENT = "case-management"
"""The demonstration's case management system, for the prescribers that have one."""

_WELSH_SPEAKING = {"W06000001", "W06000002", "W06000003", "W06000004", "W06000008", "W06000009", "W06000010"}
_FULL, _NO_YOUNG = "W06000019", 18
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat")
_CORE = ("choir", "advice", "walking")
_NEXT = 3  # assets of a county beyond the core
Row = dict[str, Any]  # Any: a row as JSON, checked by its model before it is written


@cache
def towns() -> dict[str, list[dict[str, str]]]:
    """The towns of each authority."""
    found: dict[str, list[dict[str, str]]] = {}
    with (HERE / "towns.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["authority"], []).append(row)
    return found


@cache
def kinds() -> dict[str, Row]:
    """The kinds of asset by id."""
    return {kind["id"]: kind for kind in tomllib.loads((HERE / "kinds.toml").read_text("utf-8"))["kind"]}


def prescribers() -> list[Row]:
    """One or two for each county, and one for the young, one for carers or one for older people in most health boards."""
    return [*_county_prescribers(), *_board_prescribers()]


def _county_prescribers() -> Iterator[Row]:
    for index, (code, places) in enumerate(towns().items()):
        welsh = code in _WELSH_SPEAKING
        state = "no-capacity" if code == _FULL else ("waitlist" if index % 9 == 4 else "capacity")
        first = _prescriber(f"pr-{code[-2:]}-1", places[0], [code], index)
        yield {**first, "languages": ["cy", "en"] if welsh or index % 3 == 0 else ["en"], "capacity": {"state": state, "places": 60 + 20 * (index % 8)}}
        if index % 2 == 0 and code != _FULL:
            second = _prescriber(f"pr-{code[-2:]}-2", places[-1], [code], index + 31)
            yield {**second, "languages": ["cy", "en"], "capacity": {"state": "capacity", "places": 40 + 10 * (index % 5)}, "client": None}


def _board_prescribers() -> Iterator[Row]:
    special = (
        ("young", "young people's link worker", "gweithiwr cyswllt pobl ifanc", {"min": 11, "max": 25}, ["youth", "loneliness", "wellbeing", "learning"]),
        ("carers", "carers' link worker", "gweithiwr cyswllt gofalwyr", {"min": 18, "max": None}, ["caring", "dementia-support", "wellbeing"]),
    )  # fmt: skip
    for index, board in enumerate(boards()):
        areas = [code for code, authority in authorities().items() if authority.board == board and code != _FULL]
        place = towns()[areas[0]][-1]
        for turn, (name, english, welsh, age, needs) in enumerate(special):
            if name == "young" and index % 3 == 2:
                continue
            row = _prescriber(f"pr-{board[-2:]}-{name}", place, areas, index + 50 + turn)
            named = {"name": f"{boards()[board].name.en.split(' ')[0]} {english} (synthetic)", "name_cy": f"{welsh}, {place['town_cy']} (enghraifft)"}
            state = "additional-assessment-required" if name == "carers" and index % 2 else "capacity"
            languages = ["cy", "en"] if index % 2 == 0 else ["en"]
            yield {**row, **named, "age": age, "needs": needs, "languages": languages, "capacity": {"state": state, "places": 30}}


def _prescriber(name: str, town: dict[str, str], areas: list[str], index: int) -> Row:
    return {
        "id": name,
        "name": f"{town['town_en']} community connectors (synthetic)",
        "name_cy": f"Cysylltwyr cymunedol {town['town_cy']} (enghraifft)",
        "organisation": f"Synthetic Wellbeing Partnership, {town['town_en']}",
        "areas": areas,
        "needs": [],
        "languages": ["en"],
        "sources": ["gp", "hospital", "local-authority"] if index % 11 == 5 else [],
        "age": {"min": _NO_YOUNG if index % 4 else 16, "max": None},
        "capacity": {"state": "capacity", "places": 60},
        "valid_to": None if index % 5 else "2035-03-31",
        "verified_on": _verified(index),
        "contact": _contact(index),
        "modes": ["in-person", "phone"],
        "client": CLIENT,
        "first_contact_days": 3 + index * 3 % 12,
        "synthetic": True,
    }


def assets() -> list[Row]:
    """The core kinds and some others in each county, telephone services for the health boards, and a few online for all of Wales."""
    return [*_county_assets(), *_wide_assets()]


def _county_assets() -> Iterator[Row]:
    others = [name for name in kinds() if name not in _CORE]
    for index, (code, places) in enumerate(towns().items()):
        chosen = [*_CORE, *(others[(index * 5 + step * 4) % len(others)] for step in range(_NEXT))]
        if code in _WELSH_SPEAKING and "paned" not in chosen:
            chosen.append("paned")
        for turn, name in enumerate(chosen):
            yield _asset(f"as-{code[-2:]}-{name}", kinds()[name], places[turn % len(places)], [code], index * 7 + turn)


def _wide_assets() -> Iterator[Row]:
    for index, board in enumerate(boards()):
        home = towns()[next(code for code, authority in authorities().items() if authority.board == board)][0]
        for turn, name in enumerate(("transport", "carers", "bereavement")[: 2 + index % 2]):
            row = _asset(f"as-{board[-2:]}-{name}-line", kinds()[name], home, [board], 200 + index * 3 + turn)
            yield {**row, "modes": ["phone"], "languages": ["cy", "en"], "places": []}
    for turn, name in enumerate(("living-well", "digital")):
        row = _asset(f"as-wales-{name}", kinds()[name], towns()["W06000015"][0], [WALES], 300 + turn)
        yield {**row, "modes": ["online"], "languages": ["cy", "en"], "places": [], "name": f"Wales online {kinds()[name]['en']} (synthetic)"}


def _asset(name: str, kind: Row, town: dict[str, str], areas: list[str], index: int) -> Row:
    ages = kind.get("ages", [])
    states = ("capacity",) * 7 + ("waitlist", "capacity", "no-capacity")
    return {
        "id": name,
        "name": f"{town['town_en']} {kind['en']} (synthetic)",
        "name_cy": f"{kind['cy'].capitalize()} {town['town_cy']} (enghraifft)",
        "organisation": f"Synthetic Community Trust of {town['town_en']}",
        "areas": areas,
        "needs": kind["needs"],
        "languages": _languages(kind["languages"], areas[0]),
        "sources": [],
        "age": {"min": ages[0] if ages else None, "max": ages[1] if len(ages) > 1 else None},
        "capacity": {"state": states[index * 3 % 10], "places": None if index % 3 else 8 + index % 20},
        "valid_to": ("2026-01-31" if index % 29 == 11 else "2034-12-31") if index % 4 == 1 else None,
        "verified_on": None if index % 23 == 7 else _verified(index),
        "contact": _contact(index),
        "modes": kind.get("modes", ["in-person"]),
        "access": kind["access"],
        "places": [{"postcode": town["district"], "latitude": float(town["latitude"]), "longitude": float(town["longitude"])}],
        "cost": kind["cost"],
        "tier": kind["tier"],
        "reach_km": kind.get("reach_km"),
        "schedule": [{"day": _DAYS[index % 6], "opens": "10:00" if index % 2 else "14:00", "closes": "12:00" if index % 2 else "16:00"}],
        "synthetic": True,
    }


def _languages(rule: str, area: str) -> list[str]:
    both = rule == "bilingual" or (rule == "local" and area in _WELSH_SPEAKING)
    return ["cy"] if rule == "welsh" else ["cy", "en"] if both else ["en"]


def _verified(index: int) -> str:
    """Most within 2026; one in thirteen long ago."""
    day = date(2024, 10, 1) if index % 13 == 9 else date(2026, 1, 5)
    return (day + timedelta(days=index * 37 % 300)).isoformat()


def _contact(index: int) -> Row:
    return {"phone": f"01632 960{index % 1000:03d}", "url": f"https://example.org/synthetic/{index}", "hours": "Mon-Fri 9:00-17:00"}


def lines(rows: list[Row], model: type[Prescriber] | type[Asset]) -> str:
    """One checked row a line, keys sorted."""
    checked = (model.model_validate(row).model_dump(mode="json") for row in sorted(rows, key=lambda row: str(row["id"])))
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in checked)


if __name__ == "__main__":
    (HERE / "prescribers.jsonl").write_text(lines(prescribers(), Prescriber), "utf-8")
    (HERE / "assets.jsonl").write_text(lines(assets(), Asset), "utf-8")
