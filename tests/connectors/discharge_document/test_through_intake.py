"""A discharge document meets the real record: taken once, offered, withdrawn, and stopped by a death."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from hub.registry import installed
from schemas.messages import InboundMessage, Reply
from schemas.profile import Profile
from tests.connectors.discharge_document.documents import PATIENT, PLAN, REQUEST, document, section
from tests.hub.intake.conftest import Door, a_client, door  # noqa: F401  (the fixture)
from tests.hub.making import NOW

AGREED = Profile(organisation_type="hospital", triggers=("373942005",))


async def send(door: Door, sent: dict[str, Any], key: str | None = None, profile: Profile | None = None) -> Reply:  # noqa: F811
    headers = {"content-type": "application/fhir+json", "x-request-id": key or str(uuid4())}
    message = InboundMessage(json.dumps(sent).encode(), "POST /fhir/document", headers, {}, NOW, "ward-a", profile or Profile(organisation_type="hospital"))
    return await door.intake.receive(installed()["discharge_document"], message, a_client("ward-a"), "http")


def said(reply: Reply) -> str:
    return str(json.loads(reply.parts[0])["issue"][0]["details"]["text"])


async def states(door: Door) -> list[tuple[str, str | None]]:  # noqa: F811
    rows = await door.book.fetch("SELECT status, held_reason FROM referral")
    return [(row["status"], row["held_reason"]) for row in rows]


async def test_the_same_document_is_one_referral_under_whatever_request_id_it_comes(door: Door) -> None:  # noqa: F811
    asked = document(section("outbound-referral", PLAN), resources=(REQUEST,))
    key = str(uuid4())
    first = await send(door, asked, key)
    again, anew = await send(door, asked, key), await send(door, asked)
    assert (first.status, again.status, anew.status) == (201, 201, 200)
    assert again.parts == first.parts
    assert dict(anew.headers)["Location"] == dict(first.headers)["Location"]
    assert len(await states(door)) == 1


async def test_a_discharge_that_asks_nothing_is_acknowledged_and_keeps_nothing(door: Door) -> None:  # noqa: F811
    reply = await send(door, document(section("social-context", "<p>Lives alone.</p>")))
    assert (reply.status, await states(door)) == (200, [])
    assert "not a referral" in said(reply)


async def test_an_offer_is_held_until_somebody_asks_the_person(door: Door) -> None:  # noqa: F811
    reply = await send(door, document(section("social-context", "<p>Lives alone.</p>")), profile=AGREED)
    assert reply.status == 201
    assert [held for _, held in await states(door)] == ["offer-to-confirm"]
    assert "has not been asked" in said(reply)


async def test_a_document_entered_in_error_ends_the_referral_that_it_began(door: Door) -> None:  # noqa: F811
    asked = document(section("outbound-referral", PLAN))
    await send(door, asked)
    reply = await send(door, asked | {"entry": [{"resource": asked["entry"][0]["resource"] | {"status": "entered-in-error"}}, *asked["entry"][1:]]})
    assert reply.status == 200
    assert [status for status, _ in await states(door)] == ["entered-in-error"]


async def test_a_document_of_a_death_stops_the_referral_that_stands(door: Door) -> None:  # noqa: F811
    await send(door, document(section("outbound-referral", PLAN)))
    later = document(section("outbound-referral", PLAN), resources=(PATIENT | {"deceasedBoolean": True},)) | {"identifier": {"value": "another"}}
    reply = await send(door, later)
    assert reply.status == 200
    assert [status for status, _ in await states(door)] == ["cancelled"]


async def test_a_risk_under_its_heading_is_held_in_the_commit_that_receives_it(door: Door) -> None:  # noqa: F811
    reply = await send(door, document(section("risks-to-self", "<p>See the letter.</p>"), section("outbound-referral", PLAN)))
    assert (reply.status, [held for _, held in await states(door)]) == (201, ["crisis"])
    assert "999" in said(reply)
