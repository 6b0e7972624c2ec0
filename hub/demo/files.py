"""Beside the flow: `hub demo FOLDER`: other people's files through the demonstration's hub, and what became of each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx

from hub.demo.fhir_words import Json, faults, issues
from hub.demo.run_hub import RunningHub
from hub.demo.screen import Screen
from hub.demo.stand_ins import mllp
from hub.errors import Misconfigured
from hub.security.client import MllpBinding
from hub.security.registration import NewClient, add_client
from hub.security.scopes import USUAL
from schemas.rejection import Reason
from schemas.words import Text, text

_ENDINGS = frozenset({".json", ".hl7", ".txt", ".er7"})
_MOST = 500
_LONGEST = 60.0
_KNOWN_AFTER = 2.5


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of a file and its answer: `referral` when it became one. `said`: faults, or warnings when it was taken, each with its place."""

    name: str
    answer: str
    taken: bool
    referral: str | None = None
    said: tuple[tuple[str, Text], ...] = field(default=(), repr=False)


async def tell_files(hub: RunningHub, screen: Screen, folder: Path) -> None:
    """Send every file of the folder that could be a referral, then say what became of each. A refusal is an outcome, not a failure."""
    screen.step("demo.files", folder=folder.name)
    bodies = _bodies(folder)
    if not bodies:
        screen.see(False, "demo.files.none")
        return
    texts = [(name, body) for name, body in bodies if _is_hl7(body)]
    resources = [(name, body) for name, body in bodies if not _is_hl7(body)]
    sent = [*await _post(hub, resources), *await _frames(hub, texts)]
    for one in sent:
        await _became(hub, screen, one)


def _bodies(folder: Path) -> list[tuple[str, bytes]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in _ENDINGS)[:_MOST]
    return [(str(path.relative_to(folder)), path.read_bytes()) for path in files]


async def _became(hub: RunningHub, screen: Screen, one: Sent) -> None:
    screen.say("demo.files.answer" if one.taken else "demo.files.refused", file=one.name, answer=one.answer)
    for where, words in one.said:
        screen.quote("demo.wrong.at" if where else "demo.files.says", words, where=where)
    if one.taken and one.referral is None:
        screen.say("demo.files.nothing", file=one.name)
    if one.referral is not None:
        await _routed_to(hub, screen, one.name, one.referral)


async def _routed_to(hub: RunningHub, screen: Screen, name: str, referral: str) -> None:
    row = await _routed(hub, referral)
    why = await hub.explanation(referral)
    if row["held_reason"]:
        screen.quote("demo.files.held", why or text(f"reason.{Reason(row['held_reason'])}"), file=name)
    elif row["prescriber"]:
        screen.quote("demo.files.with", why or "", file=name, prescriber=row["prescriber"])
    else:
        screen.say("demo.files.became", file=name, status=screen.words(text(f"business.{row['business_status']}")))


async def _routed(hub: RunningHub, referral: str) -> Json:
    """The referral once the hub has decided; as it stands when that takes too long."""
    query = """SELECT r.awaits, r.held_reason, r.business_status, p.data->>'name' AS prescriber FROM referral r
        LEFT JOIN task t ON t.referral_id = r.id AND t.role = 'hand-over' LEFT JOIN prescriber p ON p.id = t.owner
        WHERE r.id::text = $1 ORDER BY t.ordinal DESC NULLS LAST LIMIT 1"""
    end = time.monotonic() + _LONGEST
    while True:
        row = dict((await hub.rows(query, referral))[0])
        if row["awaits"] != "hub" or time.monotonic() > end:
            return row
        await asyncio.sleep(0.1)


# --- FHIR -------------------------------------------------------------------------------------------------------------------------------


async def _post(hub: RunningHub, files: Sequence[tuple[str, bytes]]) -> list[Sent]:
    key = json.loads((hub.data / "gp.secrets.json").read_text())["key"]
    found = []
    async with httpx.AsyncClient(base_url=hub.run.http or "", trust_env=False, timeout=30, headers={"Authorization": f"Bearer {key}"}) as door:
        for name, body in files:
            reply = await door.post("/fhir/ServiceRequest", content=body, headers={"Content-Type": "application/fhir+json", "X-Request-Id": str(uuid4())})
            found.append(_answered(name, reply))
    return found


def _answered(name: str, reply: httpx.Response) -> Sent:
    taken = reply.status_code in (200, 201)
    try:
        outcome = reply.json()
    except ValueError:
        outcome = None
    referral = reply.headers["location"].rpartition("/")[2] if "location" in reply.headers else None
    said = [] if taken else faults(outcome) or [("", words) for words in issues(outcome)]
    return Sent(name, str(reply.status_code), taken, referral, tuple(said))


# --- HL7 v2 -----------------------------------------------------------------------------------------------------------------------------


async def _frames(hub: RunningHub, files: Sequence[tuple[str, bytes]]) -> list[Sent]:
    """Each sender (MSH-3, MSH-4) becomes a client of the demonstration; each message a frame."""
    messages = [(name, message) for name, body in files for message in _messages(body)]
    clients: dict[tuple[str, str], str | None] = {}
    for _, message in messages:
        who = _sender(message)
        if who not in clients:
            clients[who] = await _register(hub, who, len(clients) + 1)
    if clients:
        await asyncio.sleep(_KNOWN_AFTER)
    assert hub.run.mllp is not None
    line = mllp.Line(hub.run.mllp.host, hub.run.mllp.port)
    try:
        return [await _frame(hub, line, name, message, clients[_sender(message)]) for name, message in messages]
    finally:
        await line.close()


async def _frame(hub: RunningHub, line: mllp.Line, name: str, message: bytes, client: str | None) -> Sent:
    answer = await line.ask(message, 10.0)
    if answer is None:
        return Sent(name, "-", False, None, (("", text("demo.files.silent", file=name)),))
    code = mllp.field(answer, "MSA", 1)
    said = tuple((_place(one), Text(_words(one), _words(one))) for one in answer.decode("utf-8", "replace").split("\r") if one.startswith("ERR|"))
    key = "|".join((*_sender(message), mllp.field(message, "MSH", 10)))
    referral = await hub.value("SELECT referral_id::text FROM request WHERE client = $1 AND key = $2", client, key)
    return Sent(name, code, code in ("AA", "CA"), referral, said)


def _place(err: str) -> str:
    return "".join(err.split("|")[2:3]).replace("^", "-")


def _words(err: str) -> str:
    """ERR-8, else ERR-3: what the acknowledgement says of this fault."""
    parts = err.split("|")
    return parts[8] if len(parts) > 8 and parts[8] else "".join(parts[3:4])


async def _register(hub: RunningHub, who: tuple[str, str], number: int) -> str | None:
    """The client id; None where the sender names itself in a way that no client may have (its messages are then refused)."""
    taken = await hub.value("SELECT id FROM client WHERE mllp->>'sending_application' = $1 AND mllp->>'sending_facility' = $2", *who)
    if taken:
        return str(taken)
    new = NewClient(f"sender-{number}", "hospital", USUAL["referrer"], mllp=MllpBinding(("127.0.0.1/32",), *who))
    try:
        await add_client(hub.pool, hub.sealing, new)
    except Misconfigured:
        return None
    return new.id


def _sender(message: bytes) -> tuple[str, str]:
    """The namespace ids of MSH-3 and MSH-4."""
    return mllp.field(message, "MSH", 3).partition("^")[0], mllp.field(message, "MSH", 4).partition("^")[0]


def _is_hl7(body: bytes) -> bool:
    return body.lstrip(b"\x0b\xef\xbb\xbf \r\n").startswith(b"MSH")


def _messages(body: bytes) -> list[bytes]:
    """The messages of a file, framed or one after the other, with the segment ends that HL7 wants."""
    whole = body.removeprefix(b"\xef\xbb\xbf").replace(b"\x0b", b"").replace(b"\x1c", b"").replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    parts = [part for part in whole.split(b"\rMSH") if part.strip()]
    return [(part if part.lstrip().startswith(b"MSH") else b"MSH" + part).strip(b"\r ") + b"\r" for part in parts]
