"""Within translating a hospital's message: XAD and XTN become addresses and telecom: where somebody lives, and how they are reached."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from connectors.hospital_hl7v2.source import clean, tidy
from schemas.fhir.build import JsonObject
from schemas.hl7v2 import Field, Repetition, dates

# Table 0190: where somebody was born or comes from (BDL, BR, F, N) and a bad address (BA) are not where they live.
_ADDRESS_USE = {
    "H": "home", "P": "home", "L": "home", "B": "work", "O": "work", "C": "temp",
    **dict.fromkeys(("BA", "BDL", "BR", "F", "N"), "old"),
}
_PHONE_USE = {"PRN": "home", "WPN": "work", "VHN": "temp", "ORN": "home"}


def address(said: Repetition, today: date | None) -> JsonObject:
    """XAD: two lines, city, county, postcode, country, and until when (12, or 13 and 14); one that was left before `today` is an old one."""
    lines = [clean(said.component(number)) for number in (1, 2)]
    parts = {name: clean(said.component(number)) for name, number in (("city", 3), ("district", 4), ("postalCode", 5), ("country", 6))}
    if not any(lines) and not any(parts.values()):
        return {}
    use = "old" if _was_left(said, today) else _ADDRESS_USE.get(said.component(7).upper())
    return tidy({"use": use, "line": [one for one in lines if one], **parts})


def _was_left(said: Repetition, today: date | None) -> bool:
    until = dates.fhir_date(said.component(12, 2)) or dates.fhir_date(said.component(14))
    return bool(until and today and len(until) == 10 and date.fromisoformat(until) < today)


def points(said: Field, use: str) -> Iterator[JsonObject]:
    """XTN, in any of its forms: the number whole, in parts, or as free text; an e-mail address in component 4 or in the number's place."""
    for one in said.repetitions:
        if mail := one.component(4) or (one.component(1) if "@" in one.component(1) else ""):
            yield {"system": "email", "value": clean(mail)}
        number = next((text for text in _number_forms(one) if sum(map(str.isdigit, text)) >= 5), None)
        if number and "@" not in number:
            kind = "mobile" if one.component(3).upper() == "CP" else _PHONE_USE.get(one.component(2).upper(), use)
            yield {"system": "phone", "value": clean(number), "use": kind}


def _number_forms(one: Repetition) -> Iterator[str]:
    yield from (one.component(1), one.component(12), _in_parts(one), one.component(9), one.component(10))


def _in_parts(one: Repetition) -> str:
    """Country, area, number and extension (5 to 8). A number without its leading 0 can only be rung with its country's code."""
    country, number, extension = one.component(5).strip().lstrip("+"), f"{one.component(6)}{one.component(7)}", one.component(8).strip()
    if number and country.isdigit() and not number.lstrip(" (").startswith(("0", "+")):
        number = f"+{country}{number}"
    return f"{number} ext {extension}" if number and extension else number
