"""Makes referrals for tests the way intake does, moves them on as routing and prescribers do, and gives the events that the ledger holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson

from hub.content import bundle_of, content_of, read_content
from hub.deciding.clocks import PolicyClocks
from hub.deciding.policy import Policy, load_policy
from hub.intake.creation import Arrival, Maker, together
from hub.ledger.changes import Amendment, Audit, Creation, Done, Effects, Locked, RequestRow
from hub.ledger.commit import Ledger
from hub.ledger.database import open_pool
from hub.ledger.records import event_of
from hub.ledger.sealing import Sealing, body_hash
from hub.places import Places
from hub.recording import Recorder, task_id
from hub.registry import installed
from hub.security.client import Client, Outbound
from schemas.events import Event, FactType
from schemas.fhir import build
from schemas.lifecycle import Applied, Update
from schemas.messages import InboundMessage
from schemas.profile import Profile
from schemas.task import Party, ReferralState, Role, TaskState, TaskStatus
from schemas.words import Text

SECRET = bytes(range(32))
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
GP, CASES, HOSPITAL = "gp-prawf", "cases-prawf", "ysbyty-prawf"


@cache
def policy() -> Policy:
    """The rules that ship with the hub."""
    return load_policy()


def clocks() -> PolicyClocks:
    """Their clocks."""
    return PolicyClocks(policy())


def service_request(**more: Any) -> bytes:  # Any: FHIR JSON
    """A sound referral of an obviously invented person; `more` sets or replaces elements."""
    sent = {
        "resourceType": "ServiceRequest",
        "identifier": [{"system": "https://gp.example.wales/referral", "value": f"GP-{uuid4().hex[:8]}"}],
        "status": "active",
        "intent": "order",
        "code": {"text": "Social prescribing"},
        "subject": {"reference": "#person"},
        "authoredOn": "2026-03-01T16:30:00Z",
        "contained": [
            {
                "resourceType": "Patient", "id": "person", "birthDate": "1948-05-17", "name": [{"family": "Prawf", "given": ["Non"]}],
                "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}],
                "address": [{"line": ["1 Stryd y Prawf"], "postalCode": "SA1 1AA"}],
            }
        ],
    }  # fmt: skip
    return orjson.dumps(sent | more)


def locked(state: ReferralState, *, clients: Mapping[str, str] | None = None) -> Locked:
    """A referral in this state under its lock, for what is decided without a database."""
    return Locked(
        id=UUID(state.referral_id), ref="0123456789AB", client=GP, connector="fhir_rest", correlation=None, state=state, content_version=1, held=None,
        clock=None, deadline_at=None, overdue=False, priority="routine", area=None, needs=(), tried=(), task_clients=clients or {}, created={}, trace=None,
        now=NOW, content=b"", message=b"",
    )  # fmt: skip


def creation(
    sealing: Sealing, *, body: bytes | None = None, client: str = GP, key: str | None = None, connector: str = "fhir_rest", trace: str | None = None
) -> Creation:
    """A valid creation of one referral, as the door of this connector makes it. `client` is who refers, `key` its request id."""
    sent = body or service_request()
    target = "mllp" if connector == "hospital_hl7v2" else "POST /fhir/ServiceRequest"
    translated = installed()[connector].connector.translate(InboundMessage(sent, target, {}, received_at=NOW, client=client))
    arrival = Arrival(client, connector, key or str(uuid4()), NOW, sent, trace)
    referrals, _ = together([Maker(policy(), Places.load(), sealing).make(arrival, fact, uuid4()) for fact in translated.facts])
    request = RequestRow(client, arrival.key, body_hash(sent), b"{}", arrival.key)

    def again(_marks: frozenset[str]) -> Creation:
        raise AssertionError("nobody here carries a mark")

    return Creation(request, referrals, Audit(client, "referral.received"), again)


@dataclass(slots=True)
class Record:
    """A ledger on a test's own database, and what tests do with it in one line."""

    dsn: str = field(repr=False)
    ledger: Ledger = field(repr=False)

    async def create(self, **how: Any) -> UUID:  # Any: see `creation`
        """Commit a new referral; its id."""
        outcome = await self.ledger.commit(creation(self.ledger.sealing, **how))
        assert isinstance(outcome, Done)
        return outcome.referrals[0]

    async def apply(self, referral: UUID, *updates: Update, agreed: bool | None = None) -> None:
        """Commit these updates as facts; every one must be legal. `agreed` sets the person's consent to direct care in the content."""

        def decide(locked: Locked) -> Effects:
            recorder = Recorder(locked, str(uuid4()), "/test", clocks())
            for update in updates:
                assert isinstance(recorder.apply(update), Applied), update
            return recorder.effects(**({} if agreed is None else {"content": _with_consent(locked.content, agreed)}))

        await self.ledger.commit(Amendment(decide, (referral,)))

    async def assign(self, referral: UUID, prescriber: str = "p-1", client: str | None = CASES, place: bool = True) -> str:
        """Hand over to a prescriber, as routing does; the id of the hand-over. `place`: take a place with it."""
        made: list[str] = []

        def decide(locked: Locked) -> Effects:
            ordinal = 1 + sum(task.role is Role.HAND_OVER for task in locked.state.tasks)
            task = TaskState(task_id(locked.id, Role.HAND_OVER, ordinal), Role.HAND_OVER, ordinal, TaskStatus.REQUESTED, "matched", prescriber)
            made.append(task.id)
            recorder = Recorder(locked, str(uuid4()), "/routing", clocks())
            resources = [why(), *(entry["resource"] for entry in bundle_of(locked.content)["entry"][1:])]
            recorder.apply(Update(FactType.ASSIGNED, Party.HUB, new_task=task), resources=resources)
            return recorder.effects(task_clients={task.id: client} if client else {}, take=(prescriber, UUID(task.id)) if place else None)

        await self.ledger.commit(Amendment(decide, (referral,)))
        return made[-1]

    async def events(self, referral: UUID) -> list[Event]:
        """Every fact of the referral in order, as Kafka carries them."""
        rows = await self.fetch(
            "SELECT e.*, r.sealing_key FROM event e JOIN referral r ON r.id = e.referral_id WHERE e.referral_id = $1 ORDER BY version", referral
        )
        return [event_of(row, self.ledger.sealing) for row in rows]

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:  # Any: whatever the driver takes
        """Rows as they stand."""
        async with self.ledger.pool.acquire() as connection:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return found

    async def value(self, query: str, *arguments: Any) -> Any:  # Any: as in `fetch`
        """The first column of the first row."""
        rows = await self.fetch(query, *arguments)
        return rows[0][0] if rows else None

    async def overdue(self, referral: UUID) -> None:
        """Let the referral's deadline pass."""
        await self.fetch("UPDATE referral SET deadline_at = now() - interval '1 minute' WHERE id = $1", referral)

    async def list_prescriber(self, id_: str, name: str, *, client: str | None = None, places: int | None = 10) -> None:
        """Put a prescriber into the directory."""
        data = orjson.dumps({"id": id_, "name": name}).decode()
        await self.fetch("INSERT INTO prescriber (id, data, state, places, client) VALUES ($1, $2::jsonb, 'capacity', $3, $4)", id_, data, places, client)


@asynccontextmanager
async def record(dsn: str) -> AsyncIterator[Record]:
    """Open the ledger on a database; closed at the end."""
    pool = await open_pool(dsn, size=6)
    ledger = Ledger(pool, Sealing.from_secret(SECRET))
    ledger.start()
    try:
        yield Record(dsn, ledger)
    finally:
        await ledger.stop()
        await asyncio.wait_for(pool.close(), 10)


@dataclass(slots=True)
class Known:
    """A fixed set of clients."""

    clients: dict[str, Client] = field(default_factory=dict)

    def by_id(self, client: str) -> Client | None:
        """The client, unless it is unknown."""
        return self.clients.get(client)

    def add(self, id_: str, outbound: Outbound | None = None, *, kafka: bool = False, profile: Profile | None = None, kind: str = "gp") -> None:
        """One client more, or another in its place; the secret is the same for all."""
        self.clients[id_] = Client(id_, id_, kind, frozenset(), profile or Profile(), outbound, kafka=kafka, secrets=(WEBHOOK_SECRET,))


WEBHOOK_SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="


def why() -> dict[str, Any]:  # Any: FHIR JSON
    """An explanation, as routing adds it to an assignment."""
    words = Text("Asked for: company. It helps with loneliness in Swansea.", "Gofynnwyd am gwmni. Mae'n helpu gydag unigrwydd yn Abertawe.")
    return {"resourceType": "Communication", "status": "completed", "payload": [build.bilingual("contentString", words)]}


def _with_consent(stored: bytes, agreed: bool) -> bytes:
    content = read_content(stored)
    consent = content.referral.consent.model_copy(update={"direct_care": agreed})
    return content_of(content.referral.model_copy(update={"consent": consent}), content.bundle)
