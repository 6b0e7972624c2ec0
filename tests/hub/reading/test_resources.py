"""Who may read a referral: its referrer, and who has it or has finished with it; nobody who declined or lost it."""

from __future__ import annotations

import pytest

from hub.reading.resources import find_requests, read_request
from hub.reading.search import Search
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.task import Party
from tests.hub.making import CASES, GP, Record

P, H = Party.PRESCRIBER, Party.HUB


@pytest.mark.parametrize(
    ("facts", "reads"),
    [
        ((), True),  # it was just handed over
        (((FactType.ACCEPTED, P),), True),
        (((FactType.ACCEPTED, P), (FactType.COMPLETED, P)), True),  # who did the work may look at what they did
        (((FactType.DECLINED, P),), False),
        (((FactType.NO_RESPONSE, H),), False),
        (((FactType.ACCEPTED, P), (FactType.HANDED_BACK, P)), False),
    ],
)
async def test_a_case_system_reads_a_referral_while_it_is_its_own(opened: Record, facts: tuple[tuple[FactType, Party], ...], reads: bool) -> None:
    id_ = await opened.create()
    task = await opened.assign(id_, place=False)
    for fact, party in facts:
        await opened.apply(id_, Update(fact, party, task))
    pool, sealing = opened.ledger.pool, opened.ledger.sealing
    assert (await read_request(pool, sealing, id_, CASES) is not None) is reads
    assert await read_request(pool, sealing, id_, GP) is not None, "its referrer always may"
    assert await read_request(pool, sealing, id_, "somebody-else") is None


async def test_a_case_system_that_is_asked_again_reads_again(opened: Record) -> None:
    id_ = await opened.create()
    await opened.apply(id_, Update(FactType.NO_RESPONSE, H, await opened.assign(id_, place=False)))
    await opened.assign(id_, "p-2", place=False)
    assert await read_request(opened.ledger.pool, opened.ledger.sealing, id_, CASES) is not None


async def test_once_the_person_has_said_no_only_the_referrer_reads_it(opened: Record) -> None:
    id_ = await opened.create()
    await opened.assign(id_, place=False)
    await opened.apply(id_, Update(FactType.UPDATED, Party.REFERRER), agreed=False)
    pool, sealing = opened.ledger.pool, opened.ledger.sealing
    assert await read_request(pool, sealing, id_, CASES) is None
    assert (await find_requests(pool, sealing, Search("ServiceRequest"), CASES))[0] == []
    assert await read_request(pool, sealing, id_, GP) is not None
