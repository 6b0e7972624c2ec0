"""In intake: the MLLP door. A sender is who its address, MSH-3 and MSH-4 together say; every frame is answered, nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from hub.errors import Unavailable
from hub.intake.door import Intake
from hub.ledger import refusals
from hub.ledger.refusals import Refusal
from hub.registry import Registered
from hub.security.client import Client
from hub.security.clients import Clients
from hub.security.scopes import Scope
from hub.telemetry import LogEvent, cleared, count, log, trace_from
from hub.transports.mllp import Peer
from hub.transports.mllp_frames import FrameFault
from schemas.hl7v2 import read_header
from schemas.messages import InboundMessage, NotStored, Reply
from schemas.rejection import Issue, Reason, Rejected

_NO_ANSWER_YET = 425
_FAULTS = {FrameFault.TOO_LARGE: Reason.TOO_LARGE, FrameFault.NO_TRAILER: Reason.FRAME}


@dataclass(frozen=True, slots=True)
class MllpDoor:
    """What a listener is given: `on_frame` and `on_fault`."""

    intake: Intake
    registered: Registered
    clients: Clients

    async def on_frame(self, peer: Peer, content: bytes) -> Sequence[bytes] | None:
        """The acknowledgements of one frame, in order (none for a sender that asks for none); None where no answer may be given yet."""
        with cleared(trace_from(None), transport="mllp"):
            client = self._client(peer, content)
            if client is None:
                return await self._stranger(content)
            reply = await self._received(self._message(content, client), client)
            return None if reply.status == _NO_ANSWER_YET else reply.parts

    async def _received(self, message: InboundMessage, client: Client) -> Reply:
        """A bug of ours is said (AE) and logged: a sender without an answer would send the same frame again and again, and nobody would know."""
        try:
            return await self.intake.receive(self.registered, message, client, "mllp")
        except Exception as fault:  # noqa: BLE001  whatever it is, this sender must hear that nothing was stored
            log(LogEvent.BUG, "error", fault, stage="intake", connector=self.registered.manifest.name, client=client.id)
            return self.registered.connector.answer(message, NotStored())

    async def on_fault(self, peer: Peer, fault: FrameFault, head: bytes) -> bytes | None:
        """Frames that are too large or have no end are refused by name; the rest leaves nobody to answer. All are counted, none is silent."""
        log(LogEvent.CONNECTION_REFUSED, "warning", transport="mllp", reason=fault.value, host=peer.address)
        count("hub_messages_total", transport="mllp", outcome="refused")
        reason = _FAULTS.get(fault)
        if reason is None or not head:
            return None
        client = self._client(peer, head)
        reply = self.registered.connector.answer(self._message(head, client), Rejected(reason, [Issue(reason, "MSH")]))
        return reply.parts[-1] if reply.parts else None

    def _client(self, peer: Peer, content: bytes) -> Client | None:
        header = read_header(content)
        separator = header.separators.component
        application, facility = (part.split(separator)[0].strip() for part in header.sender)
        client = self.clients.by_mllp(peer.address, application, facility, peer.names)
        return client if client is not None and client.may(Scope.REFERRAL_CREATE) else None

    def _message(self, content: bytes, client: Client | None) -> InboundMessage:
        known = {"client": client.id, "profile": client.profile} if client else {}
        return InboundMessage(content, "mllp", received_at=datetime.now(UTC), **known)  # type: ignore[arg-type]

    async def _stranger(self, content: bytes) -> Sequence[bytes] | None:
        """An address, application or facility that is bound to nobody: AR, nothing is translated."""
        fault = Rejected(Reason.NOT_PERMITTED, [Issue(Reason.NOT_PERMITTED, "MSH-3")])
        log(LogEvent.CLIENT_REFUSED, "warning", transport="mllp", reason=fault.reason.value)
        ledger = self.intake.ledger
        try:
            refusal = Refusal(uuid4(), "unknown", None, self.registered.manifest.name, fault.reason, fault.issues, b"")
            await refusals.record(ledger.pool, ledger.sealing, refusal)
        except Unavailable as down:
            log(LogEvent.STORE_UNAVAILABLE, "warning", error=down, store="postgres")
        return self.registered.connector.answer(self._message(content, None), fault).parts or None
