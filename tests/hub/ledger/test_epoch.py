"""A hub with another key than the record's does not start, rather than read nothing."""

from __future__ import annotations

import os

import pytest

from hub.errors import Misconfigured
from hub.ledger.epoch import check_key
from hub.ledger.sealing import Sealing
from tests.hub.making import Record


async def test_the_first_key_marks_the_record_and_no_other_is_taken(book: Record) -> None:
    pool = book.ledger.pool
    first, other = Sealing.from_secret(os.urandom(32)), Sealing.from_secret(os.urandom(32))
    await check_key(pool, first)
    await check_key(pool, first)
    with pytest.raises(Misconfigured, match="another key"):
        await check_key(pool, other)
