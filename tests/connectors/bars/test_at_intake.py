"""BaRS on the real record: a referral, its repeat, its update, cancellation and withdrawal, each found again by its journey."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.places import Places
from hub.registry import installed
from hub.security.client import Client
from schemas.messages import Reply
from tests.connectors.bars.making import JOURNEY, REQUEST, bundle, message, resource
from tests.hub.making import policy, record

OTHER = "9f2a9c1e-5b7d-4c7e-9a55-0d6e2b1f8a43"


@pytest_asyncio.fixture(loop_scope="session")
async def intake(database: str) -> AsyncIterator[Intake]:
    """Intake on this test's own database."""
    async with record(database) as opened:
        yield Intake(opened.ledger, Maker(policy(), Places.load(), opened.ledger.sealing))


async def post(intake: Intake, body: dict[str, Any], request: str, journey: str = JOURNEY, client: str = "gp-prawf") -> tuple[Reply, dict[str, Any]]:
    """`POST $process-message`: the answer and its body."""
    sent = replace(message(body, x_request_id=request, x_correlation_id=journey), client=client)
    reply = await intake.receive(installed()["bars"], sent, Client(client, client, "gp", frozenset()), "http")
    return reply, json.loads(b"".join(reply.parts))


async def test_a_referral_is_taken_once_and_its_repeat_is_a_duplicate(intake: Intake) -> None:
    first, body = await post(intake, bundle(), REQUEST)
    again, said = await post(intake, bundle(), REQUEST)
    assert (first.status, again.status) == (200, 409)
    assert said["issue"][0]["code"] == "duplicate"
    assert resource(body, "OperationOutcome")["issue"][0] in said["issue"]
    changed = bundle()
    changed["timestamp"] = "2026-03-02T08:56:00+00:00"
    assert (await post(intake, changed, REQUEST))[0].status == 422, "the same id with another body is no repeat"
    elsewhere, _ = await post(intake, bundle(), REQUEST, client="gp-arall")
    assert elsewhere.status == 200, "another client's ids are its own"


async def test_the_same_request_while_it_is_worked_on_comes_too_early(intake: Intake) -> None:
    async with intake._turns.alone("gp-prawf", REQUEST):
        reply, _ = await post(intake, bundle(), REQUEST)
    assert reply.status == 425
    assert (await post(intake, bundle(), REQUEST))[0].status == 200, "its id was not used up"


LATER = {"cancel": "cancelled", "withdraw_by_update": "entered-in-error", "withdraw_by_delete": "entered-in-error", "update": "requested"}


@pytest.mark.parametrize(("name", "status"), LATER.items())
async def test_a_later_message_finds_its_referral_by_the_journey(intake: Intake, name: str, status: str) -> None:
    _, body = await post(intake, bundle(), REQUEST)
    later, said = await post(intake, bundle(name), OTHER)
    assert later.status == 200
    assert resource(said, "ServiceRequest")["id"] == resource(body, "ServiceRequest")["id"]
    assert resource(said, "Task")["status"] == status


@pytest.mark.parametrize(("journey", "client"), [(OTHER, "gp-prawf"), (JOURNEY, "gp-arall")])
async def test_a_cancellation_of_nothing_that_this_client_sent_is_not_found(intake: Intake, journey: str, client: str) -> None:
    await post(intake, bundle(), REQUEST)
    cancellation = bundle("cancel_in_the_published_welsh_form")
    resource(cancellation, "ServiceRequest")["identifier"] = [{"system": "https://practice.example.wales/Id/referral", "value": "another"}]
    reply, said = await post(intake, cancellation, OTHER, journey, client)
    assert (reply.status, said["issue"][0]["code"]) == (404, "not-found")


async def test_an_update_that_was_written_before_what_stands_changes_nothing(intake: Intake) -> None:
    await post(intake, bundle(), REQUEST)
    newest, late = bundle("update"), bundle("update")
    resource(newest, "ServiceRequest")["meta"]["lastUpdated"] = "2026-03-02T10:00:00+00:00"
    resource(late, "ServiceRequest")["meta"]["lastUpdated"] = "2026-03-02T09:30:00+00:00"
    assert (await post(intake, newest, OTHER))[0].status == 200
    reply, said = await post(intake, late, JOURNEY)
    assert (reply.status, said["issue"][0]["code"]) == (409, "conflict")
    assert said["issue"][-1]["expression"] == ["ServiceRequest.meta.lastUpdated"]
    resource(late, "ServiceRequest")["meta"]["lastUpdated"] = "2026-03-02T10:00:00Z"
    assert (await post(intake, late, JOURNEY))[0].status == 200, "its id was not used up, and the same moment is not before"


async def test_what_was_withdrawn_cannot_be_cancelled(intake: Intake) -> None:
    await post(intake, bundle(), REQUEST)
    await post(intake, bundle("withdraw_by_delete"), OTHER)
    reply, said = await post(intake, bundle("cancel"), JOURNEY)
    assert (reply.status, said["issue"][0]["code"]) == (409, "conflict")
    assert "stands as it was" in said["issue"][0]["details"]["text"]
