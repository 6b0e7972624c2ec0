"""Beside the flow, in the kit: a connector's fixtures, and what `hub translate` says of one without the words, which are tested elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from hub.cli.translate import Given, lines
from hub.deciding.policy import Policy, load_policy
from hub.deciding.triage import triage
from hub.registry import Registered
from schemas.fhir.strict_json import dump
from schemas.messages import InboundMessage
from schemas.profile import Profile
from schemas.referral import Referral

RECEIVED_AT = "2026-03-02T09:00:00+00:00"
_BESIDE = (".expected.json", ".given.json", ".md")


@dataclass(frozen=True, slots=True)
class Fixture:
    """One message file of a connector's fixtures, named for its condition."""

    path: Path

    @property
    def golden(self) -> Path:
        """`accepted.json` → `accepted.expected.json`."""
        return self.path.with_name(f"{self.path.stem}.expected.json")

    @property
    def body(self) -> bytes:
        """The file as it is: one message, or several where the connector offers `messages`."""
        return self.path.read_bytes()

    @property
    def given(self) -> Given:
        """`{"headers": {…}, "profile": {…}, "received_at": …}` of `<condition>.given.json`; without it a time of receipt alone."""
        beside = self.path.with_name(f"{self.path.stem}.given.json")
        said = json.loads(beside.read_text("utf-8")) if beside.exists() else {}
        moment = said.get("received_at", RECEIVED_AT)
        return Given(said.get("headers"), datetime.fromisoformat(moment) if moment else None, "client", Profile.model_validate(said.get("profile", {})))


def fixtures_of(folder: Path) -> tuple[Fixture, ...]:
    """Every message file in the fixtures of a connector's folder, by name."""
    found = sorted((folder / "fixtures").glob("*"))
    return tuple(Fixture(one) for one in found if one.is_file() and not one.name.endswith(_BESIDE))


def inbound(registered: Registered, body: bytes, given: Given) -> InboundMessage:
    """The message as it would stand at the connector's first door (the Kafka one where its headers are a record's)."""
    listeners = registered.manifest.listeners
    is_record = given.headers is not None and "ce_id" in given.headers
    target = next((one.target for one in listeners if (one.topic is not None) is is_record), listeners[0].target)
    return InboundMessage(body, target, given.headers, {}, given.received_at, given.client, given.profile)


def translated(registered: Registered, fixture: Fixture) -> bytes:
    """The lines of `hub translate` as bytes, sorted, as one list, without file names and texts: what a golden file holds."""
    made = lines(registered, fixture.path.name, fixture.body, fixture.given, shipped_triage)
    return dump([_without_words(line) for line in made], sort=True)


def golden_text(made: bytes) -> str:
    """How a golden file is written."""
    return json.dumps(json.loads(made), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def shipped_triage(referral: Referral) -> Mapping[str, object]:
    """Triage by the policy that ships with the hub."""
    return triage(referral, _shipped_policy()).contract()


@cache
def _shipped_policy() -> Policy:
    return load_policy()


def _without_words(node: Any) -> Any:  # Any: the JSON that is compared
    if isinstance(node, dict):
        return {name: _without_words(value) for name, value in node.items() if not (name == "text" and _is_words(value)) and name != "file"}
    return [_without_words(one) for one in node] if isinstance(node, list) else node


def _is_words(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"en", "cy"}
