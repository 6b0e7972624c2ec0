"""Beside the flow: `hub match`, which shows whom a referral would be assigned to, and why. Needs no store and no broker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import orjson
import typer

from hub.deciding.decide import decide
from hub.deciding.policy import Policy, load_policy
from hub.deciding.received import ReceivedReferral, read_line
from hub.deciding.triage import merged, triage
from hub.deciding.wanted import Moment
from hub.directory.snapshot import DirectorySnapshot, FaultyDirectory, load_directory
from hub.errors import Misconfigured
from hub.places import Places
from schemas.rejection import Rejected

DONE, REJECTED, USAGE = 0, 2, 64


@dataclass(frozen=True, slots=True)
class _Rules:
    directory: DirectorySnapshot
    policy: Policy
    places: Places
    now: datetime | None
    every: bool


def command(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Lines of 'hub translate'; - is standard input.", show_default=False)],
    directory: Annotated[Path | None, typer.Option("--directory", help="A folder with prescribers.jsonl and assets.jsonl.")] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="A policy file instead of the hub's own.")] = None,
    now: Annotated[str | None, typer.Option("--now", help="The time to decide for, with its zone; else the referral's own.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Everybody who was left out, not the near misses alone.")] = False,
    places: Annotated[Path | None, typer.Option("--places", help="The folder that 'hub places load' made.")] = None,
) -> None:
    """Show whom each referral would be assigned to, and why, one JSON line each."""
    bodies = [(name, _body(name)) for name in files]
    moment = None if now is None else _time(now) or _stop("--now is a time with its zone, such as 2026-03-02T09:00:00Z.")
    try:
        rules = _Rules(load_directory(directory), load_policy(policy), Places.load(places), moment, every)
    except FaultyDirectory as faulty:
        for fault in faulty.faults:
            _say(rejected_row(str(directory / fault.file) if directory else fault.file, fault.row, fault.rejected))
        raise typer.Exit(REJECTED) from None
    except OSError:
        _stop(f"{directory} cannot be read: give a folder that holds prescribers.jsonl and assets.jsonl.")
    except Misconfigured as wrong:
        _stop(wrong.message)
    answers = [answer for name, body in bodies for answer in _answers(name, body, rules)]
    for answer in answers:
        _say(answer)
    raise typer.Exit(REJECTED if any("rejected" in answer for answer in answers) else DONE)


def rejected_row(file: str, row: int, rejected: Rejected) -> dict[str, object]:
    """The shape that goes out for an input that cannot be used."""
    issues = [{"reason": issue.reason.value, "at": issue.at, "text": issue.text.as_dict()} for issue in rejected.issues]
    return {"file": file, "row": row, "rejected": {"reason": rejected.reason.value, "issues": issues}}


def _answers(file: str, body: bytes, rules: _Rules) -> Iterator[dict[str, object]]:
    """One answer for each line that is not blank; a file without any is itself no line."""
    lines = [(row, line) for row, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1) if line.strip()]
    for row, line in lines or [(1, b"")]:
        try:
            received = read_line(line)
        except Rejected as rejected:
            yield rejected_row(file, row, rejected)
        else:
            yield {"file": file, **_decided(received, rules, f"{file}, row {row}")}


def _decided(received: ReceivedReferral, rules: _Rules, where: str) -> dict[str, object]:
    referral = received.referral
    now = rules.now or _time(referral.authored_on or "") or _stop(f"{where}: the referral does not say when it was written; give --now.")
    found = merged(received.triage, triage(referral, rules.policy))
    moment = Moment(now, rules.places.resolve(referral.person.postcode), triage=found, all_exclusions=rules.every)
    return decide(referral, rules.directory, rules.policy, moment).contract()


def _time(written: str) -> datetime | None:
    """A time, of UTC where it has no zone; a day is its midnight; a month or a year its first day's."""
    parts = written.split("-")
    try:
        found = datetime.fromisoformat("-".join((*parts, "01", "01")[:3]) if len(parts) < 3 else written)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _body(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError:
        _stop(f"{name} cannot be read: check that it is there and is a file that you may read.")


def _say(line: dict[str, object]) -> None:
    typer.echo(orjson.dumps(line, option=orjson.OPT_SORT_KEYS))


def _stop(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(USAGE)
