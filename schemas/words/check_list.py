"""Beside the flow: `python -m schemas.words.check_list` writes the one list of Welsh sentences that still need a fluent reader.

A reader who has checked a sentence adds a row to `checked_welsh.csv`: its key and the fingerprint that the list shows. When the words
change, the fingerprint does, and the sentence is on the list again.
"""

from __future__ import annotations

import csv
import hashlib
from importlib.resources import files
from pathlib import Path

from schemas.words.catalogue import Forms, domains, read_domain

FILE = Path(__file__).with_name("welsh_to_check.md")
_HEAD = """Welsh that was written without a fluent reader and waits for one. Made by `python -m schemas.words.check_list`; do not edit.

{count} sentences. To check one: correct it in `cy/<domain>.po` if need be, make this list again, then add its key and fingerprint to
`checked_welsh.csv`.
"""


def fingerprint(english: Forms, welsh: Forms) -> str:
    """Eight hexadecimal digits that change when the words of either language do."""
    return hashlib.sha256("\n".join((*english, "", *welsh)).encode()).hexdigest()[:8]


def check_list() -> str:
    """The list as it should stand now."""
    checked = _checked()
    parts: list[str] = []
    count = 0
    for domain in domains("cy"):
        english, welsh = read_domain("en", domain), read_domain("cy", domain)
        rows = [(key, english.get(key, ("",)), words) for key, words in sorted(welsh.items())]
        waiting = [row for row in rows if (row[0], fingerprint(row[1], row[2])) not in checked]
        if waiting:
            parts.append(f"\n## {domain}\n\n| key | English | Welsh | fingerprint |\n|---|---|---|---|\n" + "".join(map(_row, waiting)))
        count += len(waiting)
    return _HEAD.format(count=count) + "".join(parts)


def _row(row: tuple[str, Forms, Forms]) -> str:
    key, english, welsh = row
    cells = (key, " · ".join(english), " · ".join(welsh), fingerprint(english, welsh))
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells) + " |\n"


def _checked() -> frozenset[tuple[str, str]]:
    with files(__package__).joinpath("checked_welsh.csv").open(encoding="utf-8") as file:
        return frozenset((row["key"], row["fingerprint"]) for row in csv.DictReader(file))


if __name__ == "__main__":
    FILE.write_text(check_list(), encoding="utf-8")
