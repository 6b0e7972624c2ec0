"""What `hub translate` says of a fixture, without the words: the words have tests of their own. `python -m tests.connectors.golden FILE…`
writes the golden file beside each; read it before you keep it."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.cli.translate import Given, lines
from hub.deciding.policy import load_policy
from hub.deciding.triage import triage
from hub.registry import installed
from schemas.fhir.strict_json import dump
from schemas.profile import Profile

CONNECTORS = Path(__file__).resolve().parents[2] / "connectors"
RECEIVED_AT = "2026-03-02T09:00:00+00:00"


def golden_of(fixture: Path) -> Path:
    """`accepted.json` → `accepted.expected.json`."""
    return fixture.with_name(f"{fixture.stem}.expected.json")


def fixtures() -> list[Path]:
    """Every message file of every connector's fixtures; `<condition>.given.json` says what else is known of one (headers, profile)."""
    found = sorted(CONNECTORS.glob("*/fixtures/*"))
    return [one for one in found if one.is_file() and not one.name.endswith((".expected.json", ".given.json", ".md"))]


def given_with(fixture: Path) -> Given:
    """`{"headers": {…}, "profile": {…}, "received_at": …}` of the file beside a fixture; without it a time of receipt alone."""
    beside = fixture.with_name(f"{fixture.stem}.given.json")
    said = json.loads(beside.read_text("utf-8")) if beside.exists() else {}
    moment = said.get("received_at", RECEIVED_AT)
    return Given(said.get("headers"), datetime.fromisoformat(moment) if moment else None, "client", Profile.model_validate(said.get("profile", {})))


def translated(fixture: Path) -> bytes:
    """The lines as bytes, sorted and indented by nobody: one list, without file names and texts."""
    policy = load_policy()
    registered = installed()[fixture.parent.parent.name]
    made = lines(registered, fixture.name, fixture.read_bytes(), given_with(fixture), lambda referral: triage(referral, policy).contract())
    return dump([_without_words(line) for line in made], sort=True)


def _without_words(node: Any) -> Any:  # Any: the JSON that is compared
    if isinstance(node, dict):
        return {name: _without_words(value) for name, value in node.items() if not (name == "text" and _is_words(value)) and name != "file"}
    return [_without_words(one) for one in node] if isinstance(node, list) else node


def _is_words(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"en", "cy"}


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        source = Path(argument).resolve()
        written = json.dumps(json.loads(translated(source)), ensure_ascii=False, indent=1, sort_keys=True)
        golden_of(source).write_text(written + "\n", "utf-8")
