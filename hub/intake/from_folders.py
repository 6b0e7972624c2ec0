"""In intake: files from drop folders. The folder's name is the author, whatever the file says; a file's rows go in as an upload's would."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from hub.errors import Unavailable
from hub.intake import answers
from hub.intake.batches import Batches, later
from hub.registry import Registered
from hub.security.client import Client
from hub.security.clients import Clients
from hub.security.scopes import Scope
from hub.telemetry import cleared, trace_from
from hub.transports.drop_folder import BESIDE, Dropped, Finished
from schemas.manifest import Listener
from schemas.messages import InboundMessage, Reply
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected
from schemas.row_report import as_csv, read_line

TRANSPORT = "folder"
_OWN = frozenset({"columns", "charset", "dialect"})
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class FromFolders:
    """What a drop folder hands its files to. `pause`: seconds before what could not be stored is tried again, at first."""

    batches: Batches
    registered: Registered
    listener: Listener
    clients: Clients
    pause: float = 1.0

    def knows(self, owner: str) -> bool:
        """Whether this is a client that may send here."""
        client = self.clients.by_id(owner)
        return client is not None and client.may(Scope(self.listener.scope))

    async def take(self, file: Dropped, note: Callable[[bytes], None]) -> Finished:
        """Every row until it is answered; what is answered is noted, and not asked again when we were killed in between. Raises Unavailable
        when the client went away meanwhile."""
        with cleared(trace_from(None), transport=TRANSPORT):
            client = self._client(file.owner)
            whole = InboundMessage(file.content, self.listener.target, None, {}, datetime.now(UTC), client.id, client.profile)
            try:
                whole = InboundMessage(file.content, whole.target, None, {}, whole.received_at, client.id, agreed(client.profile, file.beside))
                parts = await self.batches.parts(self.registered, whole)
            except Rejected as fault:
                return _finished(await self.batches.refuse(self.registered, whole, client, fault, TRANSPORT))
            answered = dict(found for line in file.noted if (found := _noted(line)) is not None)
            await self._until_all(parts, client, answered, note)
            return _finished(await asyncio.to_thread(self.registered.together, whole, [answered[number] for number in sorted(answered)]))

    async def unreadable(self, owner: str, reason: Reason) -> Finished:
        """A report that says so, for a file of which nothing could be read."""
        client = self._client(owner)
        whole = InboundMessage(b"", self.listener.target, None, {}, datetime.now(UTC), client.id, client.profile)
        detail = "batch.file-too-large" if reason is Reason.TOO_LARGE else "batch.unreadable"
        fault = Rejected(reason, [Issue(reason, "file", detail, {"limit": "64"})])
        return _finished(await self.batches.refuse(self.registered, whole, client, fault, TRANSPORT))

    def _client(self, owner: str) -> Client:
        client = self.clients.by_id(owner)
        if client is None:
            raise Unavailable("The client of this folder is not known any more")
        return client

    async def _until_all(self, parts: tuple[InboundMessage, ...], client: Client, answered: dict[int, Reply], note: Callable[[bytes], None]) -> None:
        """Until each has an answer other than "later": the file waits with us, so nobody need send it again."""
        pause = self.pause
        while True:
            waits = False
            async for message, reply in self.batches.each(self.registered, parts, client, TRANSPORT, answered.keys()):
                if later(reply):
                    waits = True
                    continue
                answered[message.number] = reply
                note(b"%d %s" % (message.number, answers.freeze(reply)))
            if not waits:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def agreed(profile: Profile, beside: bytes | None) -> Profile:
    """The client's profile with what the file beside its folders says of its tables. Raises Rejected when that says anything else."""
    if beside is None:
        return profile
    try:
        said = tomllib.loads(beside.decode("utf-8"))
        if not said.keys() <= _OWN:
            raise ValueError("other keys")
        return Profile.model_validate({**profile.model_dump(), **said})
    except (ValueError, ValidationError):
        raise Rejected(Reason.INVALID, [Issue(Reason.INVALID, BESIDE, "batch.columns-file")]) from None


def _noted(line: bytes) -> tuple[int, Reply] | None:
    number, _, kept = line.partition(b" ")
    try:
        return int(number), answers.thaw(kept)
    except (ValueError, KeyError, TypeError):
        return None


def _finished(reply: Reply) -> Finished:
    """The answer as a file for programs and as one for a spreadsheet."""
    lines = b"".join(reply.parts)
    reports = [found for line in lines.splitlines() if (found := read_line(line)) is not None]
    return Finished(reply.status == 200, {".report.ndjson": lines, ".report.csv": as_csv(reports)})
