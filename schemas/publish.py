"""Beside the language: writes what others may rely on, `python -m schemas.publish`. The files are committed, compared by a test, and never edited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas import directory
from schemas.client_schemas import from_client_headers_schema, from_client_schema, to_client_schema, to_referrer_schema
from schemas.fact_schemas import PUBLISHED, fact_schema, headers_schema, status_schema

FOLDER = Path(__file__).parent / "published"


def published() -> dict[str, str]:
    """Every JSON Schema (draft 2020-12) as text, by its place in the folder."""
    made: dict[str, dict[str, Any]] = {f"facts/{fact.value}.json": fact_schema(fact) for fact in PUBLISHED}
    made |= {"headers.json": headers_schema(), "referral-status.json": status_schema()}
    made |= {"to-client.json": to_client_schema(), "to-referrer.json": to_referrer_schema()}
    made |= {"from-client.json": from_client_schema(), "from-client-headers.json": from_client_headers_schema()}
    return {name: json.dumps(schema, indent=1, sort_keys=True) + "\n" for name, schema in made.items()} | directory.published()


def write(files: dict[str, str], folder: Path = FOLDER) -> None:
    """Write these files; those that are there already are replaced."""
    for name, words in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words, "utf-8")


if __name__ == "__main__":
    write(published())
