"""Beside the flow: `hub send`, which sends message files to a running hub's doors and prints its answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn
from uuid import UUID

import httpx
import orjson
import typer

from hub.errors import Misconfigured, Unavailable
from hub.ledger.database import lent
from hub.operations.finding import find
from hub.operations.reach import Place, place, reached
from hub.operations.sending import Answer, send_fhir, send_hl7
from hub.operations.showing import Language, say
from hub.registry import Registry, installed
from schemas.rejection import Rejected

USAGE, REFUSED, TRY_AGAIN = 64, 2, 75
_HL7, _FHIR = "hospital_hl7v2", "fhir_rest"


def command(
    files: Annotated[list[Path], typer.Argument(help="Message files: FHIR JSON, or HL7 v2 (.hl7, also in frames).")],
    client: Annotated[str | None, typer.Option("--as", help="The client that the key must belong to.")] = None,
    key: Annotated[str | None, typer.Option(envvar="REFERRAL_CLIENT_KEY", show_envvar=True, help="The client's key, for FHIR.")] = None,
    connector: Annotated[str | None, typer.Option(help="fhir_rest or hospital_hl7v2; without it, by the file's name.")] = None,
    request_id: Annotated[str | None, typer.Option(help="X-Request-Id, for one FHIR file; without it a fresh one each.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a message instead.")] = False,
    language: Annotated[Language, typer.Option(help="en or cy.")] = "en",
) -> None:
    """Send files to the hub that runs here, one message after another, and say what it answered: its first sentence, status and reference."""
    if connector not in (None, _HL7, _FHIR):
        raise typer.BadParameter(f"--connector is {_FHIR} or {_HL7}")
    if request_id is not None and len(files) > 1:
        raise typer.BadParameter("--request-id goes with one file")
    messages = list(_messages(files, connector, installed()))
    if any(one.connector == _FHIR for one in messages):
        _check_key(client, key, language)
    codes = asyncio.run(_send(messages, key or "", request_id, _Printing(as_json, language)))
    raise typer.Exit(REFUSED if REFUSED in codes else max(codes, default=0))


@dataclass(frozen=True, slots=True)
class _Message:
    file: str
    number: int
    connector: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Printing:
    as_json: bool
    language: Language

    def show(self, one: _Message, answer: Answer) -> None:
        """One answer: for a person its sentence, status and reference, then each fault."""
        if self.as_json:
            said = {"faults": [fault.as_dict() for fault in answer.faults], "outcome": answer.outcome, "reference": answer.reference, "request_id": answer.key}
            line = {**said, "file": one.file, "message": one.number, "referral": str(answer.referral) if answer.referral else None}
            typer.echo(orjson.dumps({**line, "sentence": answer.sentence.as_dict(), "status": answer.status}, option=orjson.OPT_SORT_KEYS))
            return
        about = " · ".join(part for part in (answer.status, answer.reference) if part)
        file = f"{one.file} ({one.number})" if one.number > 1 else one.file
        typer.echo(f"{file}: {answer.sentence.in_language(self.language)}" + (f"  [{about}]" if about else ""))
        for fault in answer.faults:
            typer.echo(f"  - {fault.in_language(self.language)}")


async def _send(messages: Sequence[_Message], key: str, request_id: str | None, printing: _Printing) -> list[int]:
    codes = []
    async for one, answer in _answers(place(), messages, key, request_id):
        printing.show(one, answer)
        codes.append({"accepted": 0, "refused": REFUSED}.get(answer.outcome, TRY_AGAIN))
    return codes


async def _answers(hub: Place, messages: Sequence[_Message], key: str, request_id: str | None) -> AsyncIterator[tuple[_Message, Answer]]:
    async with httpx.AsyncClient(base_url=hub.http, trust_env=False, timeout=30) as door:
        for one in messages:
            if one.connector == _FHIR:
                yield one, await send_fhir(door, one.content, key, request_id)
                continue
            answer = await send_hl7(hub.mllp, one.content)
            referral = await _made_of(answer.key) if answer.outcome == "accepted" else None
            yield one, Answer(answer.outcome, answer.status, answer.key, answer.sentence, referral)


async def _made_of(control_id: str) -> UUID | None:
    """An acknowledgement names no referral; the ledger knows which was made of this MSH-10, if it can be asked from here."""
    with suppress(Unavailable, Misconfigured):
        async with reached() as hub, lent(hub.pool) as connection:
            found = (await find(connection, control_id)).referrals
            return found[0] if found else None
    return None


def _messages(files: Sequence[Path], connector: str | None, registry: Registry) -> list[_Message]:
    found = []
    for file in files:
        name = connector or (_HL7 if file.suffix.lower() in (".hl7", ".er7", ".mllp") else _FHIR)
        try:
            parts = registry[name].messages(file.read_bytes())
        except OSError:
            _stop(f"{file.name} cannot be read: check that it is there and is a file that you may read.")
        except Rejected:
            _stop(f"{file.name} holds no message that can be framed.")
        found += [_Message(file.name, number, name, part) for number, part in enumerate(parts, start=1)]
    return found


def _check_key(client: str | None, key: str | None, language: Language) -> None:
    if not key:
        _stop(say("send.key-missing", language))
    elif client is not None and not key.startswith(f"hub_{client}_"):
        _stop(say("send.key-of-another", language, client=client))


def _stop(why: str) -> NoReturn:
    typer.echo(f"hub: {why}", err=True)
    raise typer.Exit(USAGE)
