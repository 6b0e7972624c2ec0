"""Each referral's events form a chain: whatever is done behind the ledger's back shows."""

from __future__ import annotations

from uuid import UUID, uuid4

import asyncpg
import pytest

from hub.ledger.chain import START, Link, hash_of, is_sound
from hub.ledger.verify import Broken, verify
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.task import Party
from tests.hub.making import Record

_LIFE = (FactType.ACCEPTED, FactType.FIRST_CONTACT, FactType.PLAN_AGREED)


async def _lived(book: Record) -> UUID:
    """A referral with five facts, beside another that nobody touches."""
    await book.create()
    id_ = await book.create()
    task = await book.assign(id_)
    for fact in _LIFE:
        await book.apply(id_, Update(fact, Party.PRESCRIBER, task))
    return id_


async def _broken(book: Record, only: UUID | None = None) -> list[Broken]:
    async with book.ledger.pool.acquire() as connection:
        return await verify(connection, None if only is None else [only])


async def test_what_the_ledger_wrote_is_sound(book: Record) -> None:
    id_ = await _lived(book)
    assert await book.value("SELECT count(*) FROM event WHERE referral_id = $1", id_) == 5
    assert await _broken(book) == []


_SWAP = """
UPDATE event SET version = CASE version WHEN 3 THEN -4 WHEN 4 THEN -3 END WHERE referral_id = $1 AND version IN (3, 4);
UPDATE event SET version = -version WHERE referral_id = $1 AND version < 0
"""
_INSERTED = """
INSERT INTO event (id, referral_id, version, type, subject, source, thin, prev_hash, hash)
SELECT gen_random_uuid(), $1, 6, type, subject, source, thin, hash, sha256(hash) FROM event WHERE referral_id = $1 AND version = 5
"""


@pytest.mark.parametrize(
    ("tampered", "how"),
    [
        ("UPDATE event SET payload = payload || '\\x00' WHERE referral_id = $1 AND version = 3", "changed"),  # one byte more
        ("UPDATE event SET thin = replace(thin, 'accepted', 'declined') WHERE referral_id = $1 AND version = 3", "changed"),
        ("UPDATE event SET type = 'referral.declined.v1' WHERE referral_id = $1 AND version = 3", "changed"),
        ("UPDATE event SET id = gen_random_uuid() WHERE referral_id = $1 AND version = 3", "changed"),
        ("UPDATE event SET hash = sha256(hash) WHERE referral_id = $1 AND version = 3", "changed"),
        ("UPDATE event SET prev_hash = sha256(prev_hash) WHERE referral_id = $1 AND version = 3", "changed"),
        ("DELETE FROM event WHERE referral_id = $1 AND version = 1", "changed"),  # the beginning
        ("DELETE FROM event WHERE referral_id = $1 AND version = 3", "changed"),  # the middle
        ("DELETE FROM event WHERE referral_id = $1 AND version = 5", "cut"),  # the end
        ("DELETE FROM event WHERE referral_id = $1", "cut"),  # all
        (_SWAP, "changed"),  # two told in the other order
        (_INSERTED, "changed"),  # one put in at the end
        ("UPDATE referral SET version = 4 WHERE id = $1", "cut"),  # the row says less than the events
        ("UPDATE event SET payload = (SELECT payload FROM event WHERE referral_id = $1 AND version = 2) WHERE referral_id = $1 AND version = 3", "changed"),
    ],
)
async def test_tampering_shows(book: Record, tampered: str, how: str) -> None:
    id_ = await _lived(book)
    for statement in tampered.split(";\n"):
        await book.fetch(statement, id_)
    assert await _broken(book) == [Broken(id_, how)]
    assert await _broken(book, id_) == [Broken(id_, how)]


async def test_the_database_itself_refuses_a_second_event_of_one_version(book: Record) -> None:
    id_ = await _lived(book)
    with pytest.raises(asyncpg.UniqueViolationError):
        await book.fetch(_INSERTED.replace("$1, 6", "$1, 5"), id_)


async def test_erasing_a_referral_breaks_no_chain(book: Record) -> None:
    id_ = await _lived(book)
    await book.fetch("UPDATE referral SET sealing_key = NULL, content = NULL, message = NULL WHERE id = $1", id_)
    assert await _broken(book) == []


def test_bytes_cannot_move_between_fields() -> None:
    one, id_ = uuid4(), uuid4()
    left, right = Link(one, id_, 1, "ab", b"p", b"c"), Link(one, id_, 1, "a", b"p", b"bc")
    assert hash_of(START, left) != hash_of(START, right)
    assert is_sound([(left, START, hash_of(START, left))])
    assert not is_sound([(right, START, hash_of(START, left))])
    assert is_sound([])
