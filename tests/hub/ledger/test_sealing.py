"""What of a person rests in the record is sealed: nothing of it can be read in any table, and no ciphertext opens in another's place."""

from __future__ import annotations

import base64
from pathlib import Path
from uuid import uuid4

import pytest

from hub.errors import Misconfigured
from hub.ledger import refusals
from hub.ledger.changes import Amendment, Answered, Decision, Effects, Locked, NewDelivery
from hub.ledger.parking import DeadLetter
from hub.ledger.parking import write as write_dead_letter
from hub.ledger.refusals import Refusal
from hub.ledger.sealing import NotReadable, Sealing, body_hash, read_secret
from hub.recording import Recorder
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.rejection import Issue, Reason
from schemas.task import Party
from tests.hub.making import Record, clocks, service_request

SECRET = bytes(range(32))
CANARIES = ("Canari-Teulu", "Canari-Enw", "9990000018", "1931-03-04", "Stryd y Canari", "SA99 9ZZ", "07700900123", "canary narrative")


def canary_request() -> bytes:
    """A referral whose every word of a person can be looked for."""
    person = {
        "resourceType": "Patient", "id": "person", "birthDate": "1931-03-04", "name": [{"family": "Canari-Teulu", "given": ["Canari-Enw"]}],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "address": [{"line": ["1 Stryd y Canari"], "postalCode": "SA99 9ZZ"}], "telecom": [{"system": "phone", "value": "07700900123"}],
    }  # fmt: skip
    return service_request(contained=[person], note=[{"text": "canary narrative"}])


async def test_no_word_of_a_person_rests_in_any_table(book: Record) -> None:
    id_ = await book.create(body=canary_request())
    event = await book.value("SELECT id FROM event")
    words = " ".join(CANARIES).encode()

    def owing(locked: Locked) -> Decision:
        recorder = Recorder(locked, str(uuid4()), "/test", clocks())
        recorder.apply(Update(FactType.UPDATED, Party.REFERRER), resources=[{"resourceType": "Communication", "note": [{"text": words.decode()}]}])
        owed = NewDelivery(uuid4(), event, FactType.UPDATED, "p", Party.PRESCRIBER, "x", "kafka", "k", "application/json", 1, words)
        return recorder.effects(deliveries=(owed,), content=locked.content)

    await book.ledger.commit(Amendment(owing, (id_,), request=Answered("cases", "k", body_hash(words), lambda _: words)))
    issues = (Issue(Reason.REQUIRED, "ServiceRequest.subject"),)
    await refusals.record(book.ledger.pool, book.ledger.sealing, Refusal(uuid4(), "gp", "k", "fhir_rest", Reason.REQUIRED, issues, words))
    letter = DeadLetter("routing", "referrals", 0, 1, Reason.POISON, "LookupError at x.py:1", id_, event, words)
    await write_dead_letter(book.ledger.pool, book.ledger.sealing, letter)
    everything = await _dump(book)
    assert len(everything) > 10
    for table, text in everything.items():
        for canary in CANARIES:
            assert canary not in text, (table, canary)
            assert canary.encode().hex() not in text, (table, canary)
            assert base64.b64encode(canary.encode()).decode().rstrip("=") not in text, (table, canary)


async def _dump(book: Record) -> dict[str, str]:
    tables = [row["tablename"] for row in await book.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return {table: str(await book.value(f'SELECT coalesce(string_agg(t::text, chr(10)), \'\') FROM "{table}" t')) for table in tables}


async def test_the_dump_would_find_a_canary(book: Record) -> None:
    """The guard has been seen to fail."""
    id_ = await book.create(body=canary_request())
    await book.fetch("UPDATE referral SET trace = 'Canari-Teulu' WHERE id = $1", id_)
    await book.fetch("UPDATE referral SET message = $2 WHERE id = $1", id_, b"07700900123")
    dumped = (await _dump(book))["referral"]
    assert "Canari-Teulu" in dumped
    assert b"07700900123".hex() in dumped


async def test_a_referral_reads_back_what_was_sealed(book: Record) -> None:
    id_, seen = await book.create(body=(sent := canary_request())), []

    def look(locked: Locked) -> Decision:
        seen.append((locked.message, b"Canari-Teulu" in locked.content))
        return Effects(locked.state)

    await book.ledger.commit(Amendment(look, (id_,)))
    assert seen == [(sent, True)]


@pytest.mark.parametrize("column", ["content", "message"])
async def test_one_referrals_bytes_do_not_open_as_anothers(book: Record, column: str) -> None:
    one, two = await book.create(), await book.create()
    await book.fetch(f"UPDATE referral SET {column} = (SELECT {column} FROM referral WHERE id = $2) WHERE id = $1", one, two)
    with pytest.raises(NotReadable):
        await book.ledger.commit(Amendment(lambda locked: Effects(locked.state), (one,)))


async def test_one_referrals_key_does_not_open_as_anothers(book: Record) -> None:
    one, two = await book.create(), await book.create()
    wrapped = await book.value("SELECT sealing_key FROM referral WHERE id = $1", two)
    with pytest.raises(NotReadable):
        book.ledger.sealing.key(one, wrapped)


async def test_after_erasure_nothing_opens(book: Record) -> None:
    id_ = await book.create()
    with pytest.raises(NotReadable):
        book.ledger.sealing.key(id_, None)
    await book.fetch("UPDATE referral SET sealing_key = NULL WHERE id = $1", id_)
    event = (await book.events(id_))[0]
    assert event.content_type == "application/json", "its events go out thin, with the same ids"
    assert b"Prawf" not in event.data


SEALING = Sealing.from_secret(SECRET)


def test_sealed_bytes_open_for_their_purpose_and_key_only() -> None:
    id_ = uuid4()
    key = SEALING.new_key(id_)
    sealed = key.seal("content", b"words")
    assert SEALING.key(id_, key.wrapped).open("content", sealed) == b"words"
    assert key.seal("content", b"words") != sealed, "a nonce of its own each time"
    strange = key.seal("message", b"words"), SEALING.new_key(id_).seal("content", b"words")
    for other in (*strange, sealed[:-1], sealed[:5], b"", bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(NotReadable):
            key.open("content", other)
    with pytest.raises(NotReadable):
        Sealing.from_secret(bytes(reversed(SECRET))).key(id_, key.wrapped)
    assert SEALING.open("client", SEALING.seal("client", b"x")) == b"x"
    with pytest.raises(NotReadable):
        SEALING.open("other", SEALING.seal("client", b"x"))


def test_a_look_up_hash_depends_on_the_hubs_key_and_the_kind() -> None:
    assert SEALING.hash("person-nhs", "9990000018") == Sealing.from_secret(SECRET).hash("person-nhs", "9990000018")
    assert len({SEALING.hash("person-nhs", "1"), SEALING.hash("person-local", "1"), Sealing.from_secret(bytes(reversed(SECRET))).hash("person-nhs", "1")}) == 3


def test_nothing_secret_is_shown() -> None:
    shown = repr(SEALING) + repr(SEALING.new_key(uuid4()))
    assert "_cipher" not in shown
    assert SECRET.hex() not in shown


@pytest.mark.parametrize(
    "secret",
    [b"", bytes(31), bytes(33), bytes(32), b"aaaaaaaabbbbbbbbaaaaaaaabbbbbbbb"],  # none, too short, too long, zeros, typed by hand
)
def test_a_poor_secret_is_refused(secret: bytes) -> None:
    with pytest.raises(Misconfigured, match="openssl rand"):
        Sealing.from_secret(secret)


def test_the_secret_is_made_once_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "data" / "hub.key"
    made = read_secret(path, make=True)
    assert read_secret(path, make=True) == read_secret(path, make=False) == made
    assert path.stat().st_mode & 0o777 == 0o600
    Sealing.from_secret(made)


@pytest.mark.parametrize("content", [None, b"not base64!"])
def test_a_secret_that_cannot_be_read_is_said_plainly(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "hub.key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_secret(path, make=False)
