"""What the tests of intake share: the door on the real record, and clients that come to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio

from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.places import Places
from hub.registry import installed
from hub.security.client import Client
from schemas.messages import InboundMessage, Reply
from schemas.profile import Profile
from tests.hub.making import NOW, Record, policy, record


@dataclass(slots=True)
class Door:
    """Intake as a sender meets it."""

    book: Record
    intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        self.intake = Intake(self.book.ledger, Maker(policy(), Places.load(), self.book.ledger.sealing))

    async def refer(self, body: bytes, key: str, client: str = "gp-prawf", **headers: str) -> Reply:
        """`POST /fhir/ServiceRequest`."""
        said = {"content-type": "application/fhir+json", "x-request-id": key, **headers}
        message = InboundMessage(body, "POST /fhir/ServiceRequest", said, received_at=NOW, client=client)
        return await self.intake.receive(installed()["fhir_rest"], message, a_client(client), "http")

    async def update(self, task: str, body: bytes, version: int | None, client: str = "cases-prawf", key: str | None = None) -> Reply:
        """`PUT /fhir/Task/{id}`."""
        said = {"content-type": "application/fhir+json"}
        said |= {"if-match": f'W/"{version}"'} if version is not None else {}
        said |= {"x-request-id": key} if key else {}
        message = InboundMessage(body, "PUT /fhir/Task/{id}", said, {"id": task}, NOW, client)
        return await self.intake.receive(installed()["case_management"], message, a_client(client), "http")

    async def hear(self, body: bytes, client: str = "ysbyty-prawf") -> Reply:
        """One HL7 v2 message."""
        message = InboundMessage(body, "mllp", None, received_at=NOW, client=client, profile=Profile())
        return await self.intake.receive(installed()["hospital_hl7v2"], message, a_client(client), "mllp")


def a_client(id_: str) -> Client:
    """A client that may knock; what it may do was looked at before."""
    return Client(id_, id_, "gp", frozenset(), Profile())


@pytest_asyncio.fixture(loop_scope="session")
async def door(database: str) -> AsyncIterator[Door]:
    """The door on this test's own database."""
    async with record(database) as opened:
        yield Door(opened)
