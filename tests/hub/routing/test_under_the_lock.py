"""Routing on the real PostgreSQL: what it decided is done only while it is still so under the lock."""

from __future__ import annotations

from uuid import UUID

import pytest

from hub.ledger import directory
from hub.places import Places
from hub.routing.stage import PlacesGone, Routing
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.task import Party
from tests.hub.deciding.directories import prescriber
from tests.hub.making import Known, Record, policy

SWANSEA = {"areas": ["W06000011"]}
UNCOUNTED = {**SWANSEA, "capacity": {"state": "capacity", "places": None}}
FULL = {**SWANSEA, "capacity": {"state": "no-capacity", "places": None}}


def _routing(opened: Record) -> Routing:
    return Routing(opened.ledger, policy(), Places.load(), Known())  # type: ignore[arg-type]


async def _facts(opened: Record, referral: UUID) -> list[str]:
    return [event.type.fact for event in await opened.events(referral)]


async def _owners(opened: Record, referral: UUID) -> list[str]:
    return [row["owner"] for row in await opened.fetch("SELECT owner FROM task WHERE referral_id = $1 AND role = 'hand-over'", referral)]


async def _route(opened: Record, routing: Routing, referral: UUID) -> None:
    prepared = await routing((await opened.events(referral))[:1])
    await opened.ledger.commit_together([one for one in prepared if one is not None])


async def test_a_service_without_a_limit_that_closed_meanwhile_gets_nobody(opened: Record) -> None:
    """What routing read knows of no limit there; under the lock it is closed, and stays closed when counted again."""
    await directory.store(opened.ledger.pool, [prescriber("p1", **UNCOUNTED)], [])
    routing, referral = _routing(opened), await opened.create()
    (prepared,) = await routing((await opened.events(referral))[:1])
    assert prepared is not None
    await directory.store(opened.ledger.pool, [prescriber("p1", **FULL)], [])
    with pytest.raises(PlacesGone):
        await opened.ledger.commit_together([prepared])
    assert await _owners(opened, referral) == []
    await _route(opened, routing, referral)
    assert (await _facts(opened, referral))[:2] == ["received", "held"]
    assert await _owners(opened, referral) == []


async def test_a_directory_that_is_not_as_it_was_read_is_read_again(opened: Record) -> None:
    """The row that counts under the lock says full where the snapshot says nothing: the snapshot is forgotten even if its mark still fits."""
    await directory.store(opened.ledger.pool, [prescriber("p1", **UNCOUNTED), prescriber("p2", **UNCOUNTED)], [])
    routing, referral = _routing(opened), await opened.create()
    (prepared,) = await routing((await opened.events(referral))[:1])
    before = await routing.reader.now()
    assert prepared is not None
    first = prepared.counted[0]
    await directory.store(opened.ledger.pool, [prescriber(first, **FULL)], [])
    routing.reader._mark = await directory.changed(opened.ledger.pool)
    with pytest.raises(PlacesGone):
        await opened.ledger.commit_together([prepared])
    assert await routing.reader.now() is not before
    await _route(opened, routing, referral)
    assert await _owners(opened, referral) == [({"p1", "p2"} - {first}).pop()]


async def test_who_asked_to_take_it_back_is_not_handed_over_to_anybody(opened: Record) -> None:
    await directory.store(opened.ledger.pool, [prescriber("p1", **SWANSEA)], [])
    routing, referral = _routing(opened), await opened.create()
    await opened.apply(referral, Update(FactType.CANCEL_REQUESTED, Party.REFERRER))
    await _route(opened, routing, referral)
    assert await _facts(opened, referral) == ["received", "cancel-requested"]
    assert await opened.value("SELECT clock FROM referral WHERE id = $1", referral) == "cancel", "watch confirms it when the clock runs out"


async def test_who_asked_to_take_it_back_is_handed_to_nobody_else_when_the_prescriber_lets_go(opened: Record) -> None:
    await directory.store(opened.ledger.pool, [prescriber("p1", **SWANSEA), prescriber("p2", **SWANSEA)], [])
    routing, referral = _routing(opened), await opened.create()
    hand_over = await opened.assign(referral, "p1")
    await opened.apply(referral, Update(FactType.CANCEL_REQUESTED, Party.REFERRER))
    for fact in (FactType.ACCEPTED, FactType.HANDED_BACK):
        await opened.apply(referral, Update(fact, Party.PRESCRIBER, hand_over))
    await _route(opened, routing, referral)
    assert await _facts(opened, referral) == ["received", "assigned", "cancel-requested", "accepted", "handed-back"]
    assert await opened.value("SELECT clock FROM referral WHERE id = $1", referral) == "cancel", "watch confirms it when the clock runs out"
