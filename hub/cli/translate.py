"""Beside the flow: `hub translate`, which shows what the hub would read from message files. Needs no store, no broker and no clock."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from hub.errors import Misconfigured
from hub.registry import Registered, installed
from schemas.fhir.strict_json import dump
from schemas.messages import Fact, InboundMessage, Translation
from schemas.profile import Profile
from schemas.referral import Referral
from schemas.rejection import Issue, Reason, Rejected

DONE, REJECTED, USAGE, BUG = 0, 2, 64, 70
LARGEST_FILE = 64 * 1_048_576
Line = dict[str, object]
Triage = Callable[[Referral], Mapping[str, object]]


def command(
    connector: Annotated[str, typer.Argument(help="Whose format it is: the name of a folder of connectors/.")],
    files: Annotated[list[str], typer.Argument(help="Message files; - is standard input.")],
    header: Annotated[list[str] | None, typer.Option("--header", help="NAME=VALUE, as it would arrive; may be repeated.")] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="A client's configuration, in JSON or TOML.")] = None,
    received_at: Annotated[str | None, typer.Option("--received-at", help="Stands for now: a time with an offset.")] = None,
    client: Annotated[str | None, typer.Option("--client", help="The id of the client that would have sent it.")] = None,
) -> None:
    """Say what each message becomes, one JSON line each: facts, ignored with a reason, or rejected with every issue."""
    registry = installed()
    if connector not in registry or "translate" not in registry[connector].manifest.functions:
        able = ", ".join(name for name in registry.names if "translate" in registry[name].manifest.functions)
        _stop(f"There is no connector of that name that translates. There are: {able}.")
    given = Given(_headers(header), _time(received_at), client, profile_of(profile))
    contents = [(file, _content(file)) for file in files]
    code = DONE
    for file, content in contents:
        code = max(code, _print(registry[connector], file, content, given))
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class Given:
    """What is known of a message besides its bytes."""

    headers: Mapping[str, str] | None = None
    received_at: datetime | None = None
    client: str | None = None
    profile: Profile = field(default_factory=Profile)


def _print(registered: Registered, file: str, content: bytes, given: Given) -> int:
    """A bug ends this file, not the command: what failed is said on stderr by its type alone."""
    code = DONE
    try:
        for line in lines(registered, file, content, given, _shipped_triage()):
            sys.stdout.buffer.write(dump(line, sort=True) + b"\n")
            code = max(code, REJECTED if line["rejected"] else DONE)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except Misconfigured as fault:
        typer.echo(f"hub: {fault.message}", err=True)
        return BUG
    except Exception as fault:  # noqa: BLE001  whatever it is, it is ours, and nothing of the message may be said
        typer.echo(f"hub: a bug of ours in the connector {registered.manifest.name} ({type(fault).__name__}): {printable(file)}", err=True)
        return BUG
    return code


def lines(registered: Registered, file: str, content: bytes, given: Given, triage: Triage) -> Iterator[Line]:
    """One line for each message of a file, in order."""
    try:
        messages = registered.messages(content)
    except Rejected as rejected:
        yield _line(registered, file, 1, given, rejected)
        return
    for number, body in enumerate(messages, start=1):
        try:
            outcome: Translation | Rejected = _translated(registered, body, given, number)
        except Rejected as rejected:
            outcome = rejected
        yield _line(registered, file, number, given, outcome) | _facts(outcome, triage)


def _translated(registered: Registered, body: bytes, given: Given, number: int) -> Translation:
    listeners = registered.manifest.listeners
    is_record = given.headers is not None and "ce_id" in given.headers
    target = next((one.target for one in listeners if (one.topic is not None) is is_record), listeners[0].target)
    message = InboundMessage(body, target, given.headers, {}, given.received_at, given.client, given.profile, number)
    if given.headers is not None:
        registered.connector.identify(message)
    return registered.connector.translate(message)


# --- the shapes of the published contract -----------------------------------------------------------------------------------------------


def _line(registered: Registered, file: str, number: int, given: Given, outcome: Translation | Rejected) -> Line:
    rejected = outcome if isinstance(outcome, Rejected) else None
    ignored = outcome.ignored if isinstance(outcome, Translation) else None
    warnings = [*_not_checked(given), *(outcome.warnings if isinstance(outcome, Translation) else ())]
    return {
        "connector": registered.manifest.name,
        "file": printable(file),
        "message": number,
        "outcome": "rejected" if rejected else "ignored" if ignored else "facts",
        "facts": [],
        "warnings": [_issue(one) for one in _once(warnings)],
        "ignored": {"reason": ignored.value, "text": Issue(ignored, "").text.as_dict()} if ignored else None,
        "rejected": {"reason": rejected.reason.value, "issues": [_issue(one) for one in rejected.issues]} if rejected else None,
    }


def _not_checked(given: Given) -> Iterator[Issue]:
    """The rules that could not run for want of what only a real sending has."""
    if given.headers is None:
        yield Issue(Reason.HEADERS_NOT_CHECKED, "headers")
    if given.received_at is None:
        yield Issue(Reason.TIME_NOT_GIVEN, "received-at")


def _once(warnings: list[Issue]) -> Iterator[Issue]:
    """Every warning, but that no time was given only once."""
    said = False
    for one in warnings:
        if not (said and one.reason is Reason.TIME_NOT_GIVEN):
            yield one
        said = said or one.reason is Reason.TIME_NOT_GIVEN


def _issue(issue: Issue) -> Line:
    return {"reason": issue.reason.value, "at": issue.at, "text": issue.text.as_dict()}


def _facts(outcome: Translation | Rejected, triage: Triage) -> Line:
    return {"facts": [_fact(one, triage) for one in outcome.facts]} if isinstance(outcome, Translation) else {}


def _fact(fact: Fact, triage: Triage) -> Line:
    identifiers = [{"system": one.system, "value": one.value} for one in fact.about.identifiers]
    return {
        "type": fact.type.value,
        "about": {"correlation": fact.about.correlation, "identifiers": identifiers},
        "referral": fact.referral.contract() if fact.referral else None,
        "triage": triage(fact.referral) if fact.referral else None,
        "bundle": fact.bundle,
    }


def _shipped_triage() -> Triage:
    """Triage by the policy that ships with the hub; imported only when there is a referral to look at."""

    @cache
    def rules() -> Triage:
        from hub.deciding.policy import load_policy
        from hub.deciding.triage import triage

        shipped = load_policy()
        return lambda referral: triage(referral, shipped).contract()

    return lambda referral: rules()(referral)


# --- what was typed ---------------------------------------------------------------------------------------------------------------------

_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,80})=([^\x00-\x08\x0a-\x1f\x7f]*)")


def _headers(given: Sequence[str] | None) -> Mapping[str, str] | None:
    """Lower-case names; one that was given twice is joined by a comma, as HTTP does."""
    if not given:
        return None
    found: dict[str, str] = {}
    for number, one in enumerate(given, start=1):
        parts = _HEADER.fullmatch(one)
        if parts is None:
            _stop(f"--header number {number} must be NAME=VALUE, on one line.")
        name = parts[1].lower()
        found[name] = f"{found[name]}, {parts[2]}" if name in found else parts[2]
    return found


def _time(written: str | None) -> datetime | None:
    if written is None:
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        _stop("--received-at must be a time with an offset, such as 2026-03-02T09:00:00Z.")
    return found


def profile_of(file: str | None) -> Profile:
    """A client's configuration as it was written to a file; ends the command where it is none."""
    if file is None:
        return Profile()
    try:
        written = Path(file).read_text("utf-8")
        return Profile.model_validate(json.loads(written) if written.lstrip().startswith("{") else tomllib.loads(written))
    except (OSError, UnicodeDecodeError):
        _stop(f"The profile {printable(file)} cannot be read: check that it is there and is a text file in UTF-8.")
    except ValidationError as fault:
        wrong = ", ".join(sorted({str(error["loc"][0]) if error["loc"] else "the whole" for error in fault.errors(include_input=False)}))
        _stop(f"The profile {printable(file)} is not a client's configuration; look at: {wrong}.")
    except (ValueError, RecursionError):
        _stop(f"The profile {printable(file)} is neither JSON nor TOML.")


def _content(file: str) -> bytes:
    """At most LARGEST_FILE bytes and one: a connector refuses what is too large, and nothing is gained by reading on."""
    try:
        if file == "-":
            return sys.stdin.buffer.read(LARGEST_FILE + 1)
        with Path(file).open("rb") as source:
            return source.read(LARGEST_FILE + 1)
    except (OSError, ValueError):
        _stop(f"{printable(file)} cannot be read: check that it is there and is a file that you may read.")


def printable(written: str) -> str:
    """What was typed, with a mark for bytes that are no text (an argument may hold them)."""
    return written.encode("utf-8", "replace").decode()


def _stop(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(USAGE)
