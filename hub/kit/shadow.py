"""Beside the flow, in the kit: a connector as it is and as it was, or would be, over the same messages; each side runs in a process of its own."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.errors import Misconfigured
from hub.kit.differences import differing, unmapped

ROOT = Path(__file__).resolve().parents[2]
_OURS = ("hub", "connectors", "schemas")
_PATIENCE = 600
Read = Mapping[str, Any]
"""What a side made of one message: `lines` of `hub translate`, and `needs`, the codes that are no need of its lists. Any: JSON."""

# What each side runs, given to Python as text: it uses only what `hub translate` has had since it was published.
_READER = """
import base64, json, sys
from datetime import datetime
from hub.cli.translate import Given, lines
from hub.deciding.policy import load_policy
from hub.deciding.triage import triage
from hub.registry import Registered
from schemas.codes.needs import need_of
from schemas.fhir.strict_json import dump
from schemas.manifest import read_manifest
from schemas.profile import Profile
name, policy = sys.argv[1], load_policy()
one = Registered(read_manifest(open(f"connectors/{name}/manifest.toml", encoding="utf-8").read(), name), "connectors")
for number, line in enumerate(sys.stdin):
    said = json.loads(line)
    moment = datetime.fromisoformat(said["received_at"]) if said["received_at"] else None
    known = {key: value for key, value in said["profile"].items() if key in Profile.model_fields}
    given = Given(said["headers"], moment, "shadow", Profile.model_validate(known))
    try:
        made = list(lines(one, str(number), base64.b64decode(said["body"]), given, lambda r: triage(r, policy).contract()))
    except Exception as fault:
        made = [{"outcome": "bug " + type(fault).__name__, "facts": [], "warnings": [], "ignored": None, "rejected": None}]
    needs = [need for line in made for fact in line["facts"] for need in (fact["referral"] or {}).get("needs", ())]
    unknown = [[need["system"], need["code"]] for need in needs if not need_of(need["system"], need["code"])]
    sys.stdout.buffer.write(dump({"lines": made, "needs": unknown}) + b"\\n")
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Against what (a git revision, or a changed file), and over which messages: files, or the latest so many that are stored."""

    against: str
    files: tuple[Path, ...] = ()
    stored: int = 0
    received_at: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message to be read by both sides."""

    body: bytes = field(repr=False)
    received_at: str | None = None
    profile: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] | None = None

    @property
    def line(self) -> str:
        """As it goes to a side's process."""
        body = base64.b64encode(self.body).decode()
        return json.dumps({"body": body, "received_at": self.received_at, "profile": dict(self.profile), "headers": self.headers}) + "\n"


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen: how many messages, in how many something differs, each field's masked changes with counts, unmapped codes then and now."""

    connector: str
    against: str
    messages: int
    changed: int
    differences: Mapping[str, Mapping[str, int]]
    unmapped: Mapping[str, tuple[int, int]]

    def as_dict(self) -> dict[str, Any]:  # Any: JSON
        """For programs."""
        codes = {code: {"before": before, "after": after} for code, (before, after) in self.unmapped.items()}
        of = {"connector": self.connector, "against": self.against, "messages": self.messages, "changed": self.changed}
        return {**of, "differences": {path: dict(found) for path, found in self.differences.items()}, "unmapped": codes}


def shadowed(name: str, asked: Asked) -> Report:
    """Run both sides. With a revision the other side is what was, with a file what would be. Raises Misconfigured for what cannot be had."""
    messages = list(_stored(name, asked.stored) if asked.stored else _files(asked))
    with _other_side(name, asked.against) as (other, is_past):
        if not (other / "connectors" / name / "manifest.toml").is_file():
            raise Misconfigured(f"That revision has no connector {name}.")
        now, then = _read(ROOT, name, messages), _read(other, name, messages)
    before, after = (then, now) if is_past else (now, then)
    return _report(name, asked.against, before, after)


def _report(name: str, against: str, before: Sequence[Read], after: Sequence[Read]) -> Report:
    found: dict[str, Counter[str]] = {}
    changed = 0
    for pair in zip(before, after, strict=True):
        differs = list(differing(*(_without_words(side["lines"]) for side in pair)))
        changed += bool(differs)
        for path, how in differs:
            found.setdefault(path.removeprefix("[]."), Counter())[how] += 1
    counts = [Counter(code for read in side for code in unmapped(read["lines"], read["needs"])) for side in (before, after)]
    codes = {code: (counts[0][code], counts[1][code]) for code in sorted(counts[0].keys() | counts[1].keys())}
    return Report(name, against, len(before), changed, {path: dict(found[path].most_common()) for path in sorted(found)}, codes)


def _without_words(lines: Any) -> Any:  # Any: lines of `hub translate`; texts are words, which reasons already stand for
    if isinstance(lines, dict):
        return {key: _without_words(value) for key, value in lines.items() if key not in ("file", "text", "fullUrl", "reference")}
    return [_without_words(one) for one in lines] if isinstance(lines, list) else lines


# --- the two sides ----------------------------------------------------------------------------------------------------------------------


def _read(sources: Path, name: str, messages: Iterable[Message]) -> list[Read]:
    asked = "".join(one.line for one in messages).encode()
    command = [sys.executable, "-c", _READER, name]
    done = subprocess.run(command, input=asked, capture_output=True, cwd=sources, timeout=_PATIENCE, check=False)  # noqa: S603  our own code
    if done.returncode:
        raise Misconfigured(f"The connector {name} cannot be run there: {_last_line(done.stderr)}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _last_line(stderr: bytes) -> str:
    """The kind of the error alone: its text could hold anything."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1].partition(":")[0] if lines else "it ended without a word"


@contextmanager
def _other_side(name: str, against: str) -> Iterator[tuple[Path, bool]]:
    """The other sources in a folder of their own, and whether they are the past (a revision) and not a change (a file)."""
    with tempfile.TemporaryDirectory(prefix="hub-shadow-") as folder:
        to, changed = Path(folder), Path(against)
        if changed.is_file():
            for part in _OURS:
                shutil.copytree(ROOT / part, to / part, ignore=shutil.ignore_patterns("__pycache__", "fixtures", "published"))
            shutil.copyfile(changed, _replaced(to, name, changed.name))
            yield to, False
            return
        git = ["git", "-C", str(ROOT), "archive", "--format=tar", against, *_OURS]  # `against` cannot be an option: git archive takes it as a tree-ish
        if against.startswith("-") or (done := subprocess.run(git, capture_output=True, timeout=_PATIENCE, check=False)).returncode:  # noqa: S603
            raise Misconfigured("--against is neither a file nor a revision of this repository.")
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(to, filter="data")
        yield to, True


def _replaced(to: Path, name: str, file: str) -> Path:
    """Which file of the sources a changed one stands for: of the connector's own folder, else of the code lists."""
    for place in (to / "connectors" / name / file, to / "schemas" / "codes" / file):
        if place.is_file():
            return place
    raise Misconfigured(f"Neither connectors/{name} nor schemas/codes has a file {file}.")


# --- the messages -----------------------------------------------------------------------------------------------------------------------


def _files(asked: Asked) -> Iterator[Message]:
    """The messages of files; one with a `.given.json` beside it, as fixtures have, is read under what that says."""
    for path in asked.files:
        beside = path.with_name(f"{path.stem}.given.json")
        try:
            body, said = path.read_bytes(), json.loads(beside.read_text("utf-8")) if beside.exists() else {}
        except (OSError, ValueError):
            raise Misconfigured(f"{path.name} cannot be read: check that it is there and is a file that you may read.") from None
        yield Message(body, said.get("received_at", asked.received_at), said.get("profile", {}), said.get("headers"))


def _stored(name: str, most: int) -> list[Message]:
    """The latest messages of accepted referrals and of refusals that came by this connector. Raises Misconfigured and Unavailable."""
    from hub.kit.stored import latest

    return [Message(one.body, one.received_at, one.profile) for one in latest(name, most)]
