"""The one way through, on the real record: every message has its answer, after its commit, and the same one again when it is repeated."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import orjson
import pytest

from connectors.fhir_rest import connector
from hub.errors import Unavailable
from hub.intake import turns
from hub.ledger.changes import Change, Outcome
from schemas.messages import Reply
from schemas.rejection import Issue, Reason, Rejected
from tests.hub.intake.conftest import Door
from tests.hub.making import service_request

BODY = service_request()
ADT = "\r".join(
    (
        r"MSH|^~\&|WPAS|7A3|SPHUB|SPHUB|20260302090000||ADT^{kind}|{id}|P|2.4|||||GBR|UNICODE UTF-8", "EVN||20260301150500",
        "PID|1||{number}^^^NHS^NH||PRAWF^NON||19480517|F|||1 STRYD Y PRAWF^^ABERTAWE^^SA1 1AA||01792000000{died}",
        "PV1|1|I|WARD 7^Bay 2^Bed 3^7A3C7" + 33 * "|" + "19||||||||202602251100+0000|202603011500+0000\r",
    )
)  # fmt: skip


def adt(kind: str = "A03", number: str = "9990000026", *, died: bool = False, id_: str | None = None) -> bytes:
    return ADT.format(kind=kind, id=id_ or uuid4().hex[:16], number=number, died=16 * "|" + "20260301|Y" if died else "").encode()


def _said(reply: Reply) -> dict:  # type: ignore[type-arg]
    return orjson.loads(reply.parts[0])


async def test_a_referral_is_answered_with_its_place_once_it_is_stored(door: Door) -> None:
    reply = await door.refer(BODY, str(uuid4()))
    assert reply.status == 201
    id_ = await door.book.value("SELECT id::text FROM referral")
    assert any(name == "Location" and id_ in value for name, value in reply.headers)
    assert await door.book.value("SELECT count(*) FROM outbox") == 1


async def test_the_same_request_hears_the_same_bytes_and_makes_nothing_new(door: Door) -> None:
    key = str(uuid4())
    first = await door.refer(BODY, key)
    again = await door.refer(BODY, key)
    assert (again.status, again.parts) == (first.status, first.parts)
    assert await door.book.value("SELECT count(*) FROM referral") == 1


async def test_the_same_key_for_another_body_is_refused_and_kept(door: Door) -> None:
    key = str(uuid4())
    await door.refer(BODY, key)
    reply = await door.refer(service_request(), key)
    assert reply.status == 422
    assert await door.book.value("SELECT reason FROM refusal") == "request-key-reused"


async def test_two_clients_with_one_key_do_not_meet(door: Door) -> None:
    key = str(uuid4())
    replies = await asyncio.gather(door.refer(BODY, key), door.refer(BODY, key, "gp-arall"))
    assert [reply.status for reply in replies] == [201, 201]
    assert await door.book.value("SELECT count(*) FROM referral") == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not-json"),
        (orjson.dumps({"resourceType": "Patient"}), "unsupported-type"),
        (service_request(subject={"display": "somebody"}, contained=[]), "no-identity"),
        (service_request(code={"text": "Cardiology"}), "wrong-service"),
    ],
)
async def test_a_wrong_message_is_answered_with_its_faults_kept_and_its_key_is_free(door: Door, body: bytes, reason: str) -> None:
    key = str(uuid4())
    reply = await door.refer(body, key)
    assert reply.status in (400, 422)
    assert _said(reply)["resourceType"] == "OperationOutcome"
    assert await door.book.value("SELECT count(*) FROM refusal") == 1
    assert await door.book.value("SELECT count(*) FROM request") == 0
    assert (await door.refer(BODY, key)).status == 201, "a corrected resend is welcome"
    assert reason in str(await door.book.fetch("SELECT reason, issues FROM refusal")), reason


async def test_a_request_whose_key_cannot_be_read_is_refused_before_anything_else(door: Door) -> None:
    reply = await door.refer(BODY, "not a key")
    assert reply.status == 400
    assert await door.book.value("SELECT key FROM refusal") is None


async def test_a_message_that_was_accepted_once_hears_that_again_even_if_it_would_be_refused_now(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = str(uuid4())
    first = await door.refer(BODY, key)
    def stricter(_message: object) -> None:
        raise Rejected(Reason.REQUIRED, [Issue(Reason.REQUIRED, "ServiceRequest.reasonCode")])

    monkeypatch.setattr(connector, "translate", stricter)
    assert (await door.refer(BODY, key)).parts == first.parts
    assert (await door.refer(service_request(), key)).status in (400, 422)


class Slow:
    """A ledger whose commits wait until they are let go, or fail as an outage; all else is the real one's."""

    def __init__(self, real, fault: Exception | None = None) -> None:  # type: ignore[no-untyped-def]
        self.real, self.fault, self.go, self.began = real, fault, asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)

    async def commit(self, change: Change) -> Outcome:
        """As `Ledger.commit` promises: an outcome when it is on disk, or Unavailable."""
        if self.fault is not None:
            raise self.fault
        self.began.set()
        await self.go.wait()
        return await self.real.commit(change)


async def test_a_second_one_with_the_same_key_waits_and_hears_the_firsts_answer(door: Door) -> None:
    door.intake.ledger = slow = Slow(door.book.ledger)  # type: ignore[assignment]
    key = str(uuid4())
    first = asyncio.create_task(door.refer(BODY, key))
    await slow.began.wait()
    second = asyncio.create_task(door.refer(BODY, key))
    other = asyncio.create_task(door.refer(BODY, str(uuid4())))
    await asyncio.sleep(0.05)
    assert not second.done()
    slow.go.set()
    assert (await first).parts == (await second).parts
    assert (await other).status == 201


async def test_a_second_one_that_waits_too_long_is_told_that_it_comes_too_early(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_PATIENCE", 0.05)
    door.intake.ledger = slow = Slow(door.book.ledger)  # type: ignore[assignment]
    key = str(uuid4())
    first = asyncio.create_task(door.refer(BODY, key))
    await slow.began.wait()
    early = await door.refer(BODY, key)
    assert early.status == 503
    assert "Retry-After" in dict(early.headers)
    slow.go.set()
    assert (await first).status == 201
    assert await door.book.value("SELECT count(*) FROM referral") == 1


async def test_what_cannot_be_stored_now_is_said_so_and_the_key_stays_free(door: Door) -> None:
    key = str(uuid4())
    door.intake.ledger = Slow(door.book.ledger, Unavailable("gone", retry_after=7))  # type: ignore[assignment]
    reply = await door.refer(BODY, key)
    assert reply.status == 503
    assert dict(reply.headers)["Retry-After"] == "7"
    assert b"AE" in (await door.hear(adt())).parts[-1], "and over MLLP by an AE"
    door.intake.ledger = door.book.ledger
    assert (await door.refer(BODY, key)).status == 201


async def test_a_crisis_is_held_in_the_commit_that_receives_it(door: Door) -> None:
    reply = await door.refer(service_request(note=[{"text": "He told me that he wants to kill himself tonight."}]), str(uuid4()))
    assert reply.status == 201
    row = (await door.book.fetch("SELECT held_reason, awaits, owner, clock, version FROM referral"))[0]
    assert tuple(row) == ("crisis", "operations", "operations", "human", 2)
    assert await door.book.value("SELECT alert_at IS NOT NULL FROM worklist_item WHERE kind = 'hold'")
    assert b"999" in reply.parts[0] or b"111" in reply.parts[0], "the sender is told at once what to do now"


# --- persons --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("died", "status", "fact"), [(True, "cancelled", "referral.person-died.v1"), (False, "requested", "referral.person-moved.v1")])
async def test_what_happens_to_a_person_reaches_their_open_referrals(door: Door, died: bool, status: str, fact: str) -> None:
    await door.refer(service_request(), str(uuid4()))
    await door.refer(service_request(), str(uuid4()))
    reply = await door.hear(adt(died=died))
    assert b"MSA|AA" in reply.parts[-1]
    rows = await door.book.fetch("SELECT r.status, e.type FROM referral r JOIN event e ON e.referral_id = r.id WHERE e.type = $1", fact)
    assert [tuple(row) for row in rows] == [(status, fact)] * 2


async def test_a_death_of_somebody_unknown_is_acknowledged_and_remembered(door: Door) -> None:
    assert b"MSA|AA" in (await door.hear(adt(died=True))).parts[-1]
    assert await door.book.value("SELECT count(*) FROM event") == 0
    assert (await door.refer(service_request(), str(uuid4()))).status == 201
    assert await door.book.value("SELECT held_reason FROM referral") == "deceased"


async def test_a_message_for_nobody_here_is_answered_and_its_repeat_too(door: Door) -> None:
    body = adt("A04", id_="SAME")
    first, again = await door.hear(body), await door.hear(body)
    assert b"MSA|A" in first.parts[-1]
    assert await door.book.value("SELECT count(*) FROM request") <= 1
    assert first.parts[-1].split(b"MSA")[1] == again.parts[-1].split(b"MSA")[1]


# --- updates --------------------------------------------------------------------------------------------------------------------------------


def _task(id_: str, status: str, **more: object) -> bytes:
    return orjson.dumps({"resourceType": "Task", "id": id_, "status": status, "intent": "order", **more})


async def test_a_link_workers_yes_is_recorded_and_answered_with_the_task_as_it_is(door: Door) -> None:
    referral = await door.book.create()
    task = await door.book.assign(referral)
    reply = await door.update(task, _task(task, "accepted"), 2)
    assert (reply.status, _said(reply)["status"]) == (200, "accepted")
    assert dict(reply.headers)["ETag"] == 'W/"3"'
    assert await door.book.value("SELECT status FROM referral") == "accepted"


@pytest.mark.parametrize(
    ("status", "version", "answer"),
    [
        ("accepted", 1, 412),  # somebody was quicker
        ("accepted", None, 428),  # it must say what it saw
        ("on-hold", 2, 409),  # no way from requested
    ],
)
async def test_an_update_that_cannot_be_is_refused_and_changes_nothing(door: Door, status: str, version: int | None, answer: int) -> None:
    referral = await door.book.create()
    task = await door.book.assign(referral)
    assert (await door.update(task, _task(task, status), version)).status == answer
    assert await door.book.value("SELECT version FROM referral") == 2
    assert await door.book.value("SELECT count(*) FROM refusal") == 1


async def test_absent_and_anothers_task_are_the_same(door: Door) -> None:
    referral = await door.book.create()
    task, nobodys = await door.book.assign(referral), str(uuid4())
    theirs = await door.update(task, _task(task, "accepted"), 2, client="cases-arall")
    absent = await door.update(nobodys, _task(nobodys, "accepted"), 2, client="cases-arall")
    assert (theirs.status, absent.status) == (404, 404)
    assert theirs.parts == absent.parts
    no_id = await door.update("x", _task("x", "accepted"), 2, client="cases-arall")
    assert no_id.status in (400, 404)


@pytest.mark.parametrize(
    ("before", "status", "reason", "ends"),
    [
        ("accepted", "completed", None, "completed"),
        ("accepted", "failed", "disengaged", "failed"),
        (None, "rejected", "declined-by-person", "rejected"),  # the person does not want it: nobody else is asked
        (None, "rejected", "at-capacity", None),  # the next prescriber is sought
    ],
)
async def test_a_hand_over_that_ends_the_matter_ends_the_referral(door: Door, before: str | None, status: str, reason: str | None, ends: str | None) -> None:
    referral = await door.book.create()
    task, version = await door.book.assign(referral), 2
    if before:
        await door.update(task, _task(task, before), version)
        version += 1
    said = {"statusReason": {"coding": [{"system": "https://hub.example.wales/CodeSystem/reason", "code": reason}]}} if reason else {}
    assert (await door.update(task, _task(task, status, **said), version)).status == 200
    row = (await door.book.fetch("SELECT status, closed_at IS NOT NULL AS closed FROM referral"))[0]
    assert (row["status"] if row["closed"] else None) == ends
    assert await door.book.value("SELECT count(*) FROM place_taken WHERE released_at IS NULL") == 0


async def test_a_door_that_is_told_to_wait_takes_nothing(door: Door) -> None:
    def full() -> None:
        raise Unavailable("The disk is nearly full", retry_after=60)

    door.intake.gate = full
    reply = await door.refer(BODY, str(uuid4()))
    assert reply.status == 503
    assert await door.book.value("SELECT count(*) FROM referral") == 0
