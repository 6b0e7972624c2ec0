"""Many messages that come as one, on the real record: each is a request of its own, and the sender hears of all."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.batch_csv import connector as batch_csv
from hub.errors import Unavailable
from hub.intake import batches as batches_module
from hub.intake.batches import Batches
from hub.ledger.changes import Creation
from hub.registry import installed
from schemas.messages import InboundMessage, Reply
from schemas.profile import Profile
from tests.hub.intake.conftest import Door, a_client
from tests.hub.making import NOW

HEADER = "reference,name,date of birth,postcode,phone,need,service,action"
GOOD = [f"T-{n},Non Prawf{n},17/05/19{n % 90 + 10},SA1 1AA,01792 000000,loneliness,social prescribing," for n in range(100)]
CLIENT = replace(a_client("cymdeithas-tai"), profile=Profile(organisation_type="housing", sharing_agreement=True))


def table(*rows: str, header: str = HEADER) -> bytes:
    return "\r\n".join([header, *rows, ""]).encode()


Lines = list[dict[str, Any]]  # Any: JSON


async def upload(
    door: Door, content: bytes, client: str = "cymdeithas-tai", content_type: str = "text/csv", agreed: bool | None = True
) -> tuple[Reply, Lines]:
    who = replace(CLIENT, id=client, profile=Profile(organisation_type="housing", sharing_agreement=agreed))
    message = InboundMessage(content, "POST /batch/referrals", {"content-type": content_type}, received_at=NOW, client=client, profile=who.profile)
    reply = await Batches(door.intake).receive(installed()["batch_csv"], message, who, "http")
    return reply, [json.loads(line) for line in b"".join(reply.parts).splitlines()]


async def referrals(door: Door) -> int:
    return int(await door.book.value("SELECT count(*) FROM referral"))


async def test_every_row_is_a_referral_with_its_own_reference(door: Door) -> None:
    reply, lines = await upload(door, table(*GOOD[:40]))
    assert reply.status == 200
    assert [(line["row"], line["outcome"]) for line in lines] == [(0, "taken"), *((row, "taken") for row in range(2, 42))]
    assert len({line["reference"] for line in lines[1:]}) == 40 == await referrals(door)
    assert await door.book.value("SELECT count(*) FROM outbox") == 40


async def test_the_same_file_twice_does_nothing_twice_and_a_corrected_one_makes_only_what_is_new(door: Door) -> None:
    wrong = "T-x,Ann Prawf,30/02/1950,,,,social prescribing,"
    first, lines = await upload(door, table(GOOD[0], wrong, GOOD[1]))
    assert (first.status, [line["outcome"] for line in lines[1:]]) == (207, ["taken", "refused", "taken"])
    assert [fault["at"] for fault in lines[2]["faults"]] == ["row 3, name", "row 3, birth_date"]
    _, lines = await upload(door, table(GOOD[0], wrong, GOOD[1]))
    assert [line["outcome"] for line in lines[1:]] == ["known", "refused", "known"]
    # a row put in before the others, one corrected, the delimiter changed: rows are known by what they say, wherever they stand
    corrected = table("T-new,Eira Prawf,1950,,01792 1,,social prescribing,", GOOD[0], wrong.replace("30/02", "28/02"), GOOD[1]).replace(b",", b";")
    third, lines = await upload(door, corrected)
    assert (third.status, [line["outcome"] for line in lines[1:]]) == (200, ["taken", "known", "taken", "known"])
    assert lines[2]["row"] == 3
    assert lines[2]["reference"]
    assert await referrals(door) == 4


@pytest.mark.parametrize("agreed", [None, False])
async def test_a_row_that_nobody_agreed_to_is_said_to_be_held_and_why(door: Door, agreed: bool | None) -> None:
    reply, lines = await upload(door, table(GOOD[0], GOOD[1]), agreed=agreed)
    assert (reply.status, [line["outcome"] for line in lines]) == (200, ["taken", "held", "held"])
    assert next(warning["reason"] for warning in lines[1]["warnings"]) == "consent-unclear"
    assert "no sharing agreement with your organisation is recorded" in lines[1]["text"]["en"]
    assert "those that a person at the hub looks at first: 2" in lines[0]["text"]["en"]
    assert {row["held_reason"] for row in await door.book.fetch("SELECT held_reason FROM referral")} == {"consent-unclear"}


async def test_a_file_that_a_spreadsheet_saved_anew_makes_nothing_new(door: Door) -> None:
    rows = ("T-1,Non Prawf,17/05/1948,SA1 1AA,01792 000000,loneliness,social prescribing,", ",Ann Prawf,1950-01-02,,01792 1,,social prescribing,")
    again = ("T-1,non prawf ,1948-05-17,SA1  1AA,01792000000,Loneliness,Social Prescribing,", ',"Ann Prawf",02/01/1950,,01792 1,,social prescribing,')
    await upload(door, table(*rows))
    reply, lines = await upload(door, table(*again))
    assert (reply.status, [line["outcome"] for line in lines[1:]]) == (200, ["known", "known"])
    assert await referrals(door) == 2


async def test_a_reference_begins_one_referral_and_a_later_row_changes_and_cancels_it(door: Door) -> None:
    await upload(door, table(GOOD[1]))
    changed = GOOD[1].replace("01792 000000", "01792 000009")
    reply, lines = await upload(door, table(changed))
    assert (reply.status, lines[1]["outcome"], lines[1]["faults"][0]["reason"]) == (422, "refused", "duplicate")
    reply, lines = await upload(door, table(changed + "update"))
    assert (reply.status, lines[1]["outcome"]) == (200, "changed")
    reply, lines = await upload(door, table("T-1,,,,,,,canslo", "T-unheard-of,,,,,,,canslo"))
    assert [line["outcome"] for line in lines[1:]] == ["changed", "refused"]
    assert [fault["at"] for fault in lines[2]["faults"]] == ["row 3, reference"]
    assert await referrals(door) == 1
    assert await door.book.value("SELECT status FROM referral") == "cancelled"


async def test_what_belongs_together_goes_in_order_within_one_file(door: Door) -> None:
    reply, lines = await upload(door, table(*GOOD[:5], "T-3,,,,,,,cancel", *GOOD[5:9], "T-3,,,,,,,cancel"))
    assert reply.status == 200
    assert [line["outcome"] for line in lines[1:]] == [*["taken"] * 5, "changed", *["taken"] * 4, "known"]


async def test_another_client_has_its_own_references(door: Door) -> None:
    await upload(door, table(GOOD[1]))
    _, lines = await upload(door, table(GOOD[1]), client="cyngor")
    assert lines[1]["outcome"] == "taken"
    _, lines = await upload(door, table("T-1,,,,,,,cancel"), client="neb")
    assert [fault["reason"] for fault in lines[1]["faults"]] == ["not-found"]


@pytest.mark.parametrize(
    ("content", "headers", "status", "reason"),
    [
        (b"", {}, 422, "no-referral"),  # nothing at all
        (b"PK\x03\x04" + b"x" * 99, {}, 415, "unsupported-media-type"),  # Excel's own format
        ("name\r\nNon".encode("utf-16"), {}, 400, "encoding"),  # what Excel calls Unicode text
        (table(*["T,Non"] * 3_000), {}, 413, "too-large"),  # more rows than a sender may wait for
        (table(GOOD[0]), {"content_type": "application/pdf"}, 415, "unsupported-media-type"),
        (table(GOOD[0]), {"content_type": "text/csv; charset=iso-8859-1"}, 415, "unsupported-media-type"),
    ],
)
async def test_what_is_no_table_is_refused_as_a_whole_and_kept(door: Door, content: bytes, headers: dict[str, str], status: int, reason: str) -> None:
    reply, lines = await upload(door, content, **headers)
    assert (reply.status, len(lines), lines[0]["row"], lines[0]["outcome"]) == (status, 1, 0, "refused")
    assert [fault["reason"] for fault in lines[0]["faults"]] == [reason]
    assert await door.book.value("SELECT reason FROM refusal") == reason
    assert await referrals(door) == 0


async def test_no_value_of_the_file_is_said_back(door: Door) -> None:
    canary = "Gwdihw Zzcanary"
    rows = [f"{canary},{canary},{canary},{canary},{canary},{canary},{canary},{canary}", f",{canary},9990000018,{canary},{canary},{canary},Cardiology,"]
    reply, _ = await upload(door, table(*rows, f'T-9,"{canary}', header=f"{HEADER},{canary}"))
    assert b"canary" not in b"".join(reply.parts).lower()
    assert b"9990000018" not in b"".join(reply.parts)


class Down:
    """A record that stores `first` changes and is then away; all else is the real one's."""

    def __init__(self, real: Any, first: int) -> None:
        self.real, self.left, self.asked = real, first, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def commit(self, change: Any) -> Any:
        """As `Ledger.commit` promises."""
        self.asked += 1
        self.left -= 1
        if self.left < 0:
            raise Unavailable("The database does not answer")
        return await self.real.commit(change)


async def test_rows_that_cannot_be_stored_now_must_be_sent_again_and_then_only_they_are_new(door: Door) -> None:
    real = door.intake.ledger
    door.intake.ledger = away = Down(real, 10)  # type: ignore[assignment]
    reply, lines = await upload(door, table(*GOOD[:60]))
    became = [line["outcome"] for line in lines[1:]]
    assert reply.status == 503
    assert ("Retry-After", "5") in reply.headers
    assert (became.count("taken"), became.count("postponed")) == (10, 50)
    assert away.asked <= 2 * batches_module.AT_ONCE, "where nothing can be stored the rest is not tried"
    door.intake.ledger = real
    reply, lines = await upload(door, table(*GOOD[:60]))
    became = [line["outcome"] for line in lines[1:]]
    assert (reply.status, became.count("known"), became.count("taken")) == (200, 10, 50)


async def test_a_cancellation_does_not_overtake_the_row_that_could_not_be_stored(door: Door) -> None:
    door.intake.ledger = Down(door.intake.ledger, 0)  # type: ignore[assignment]
    _, lines = await upload(door, table(GOOD[3], "T-3,,,,,,,cancel"))
    assert [line["outcome"] for line in lines[1:]] == ["postponed", "postponed"]


async def test_a_cancellation_far_behind_waits_for_the_row_that_could_not_be_stored_too(door: Door) -> None:
    class Flaky(Down):
        """Away for one row's first commit alone, as when that one takes too long."""

        async def commit(self, change: Any) -> Any:
            if self.left and isinstance(change, Creation) and b"T-3," in change.referrals[0].message:
                self.left -= 1
                raise Unavailable("This one took too long")
            return await self.real.commit(change)

    rows = [GOOD[3], *GOOD[10:40], "T-3,,,,,,,cancel"]
    door.intake.ledger = Flaky(door.intake.ledger, 1)  # type: ignore[assignment]
    _, lines = await upload(door, table(*rows))
    became = [line["outcome"] for line in lines[1:]]
    assert became[0] == "postponed"
    assert became[-1] == "postponed", "refused as unknown it would be over, and the referral would then stand for good"
    _, lines = await upload(door, table(*rows))
    assert (lines[1]["outcome"], lines[-1]["outcome"]) == ("taken", "changed")


async def test_a_bug_with_one_row_takes_the_answer_from_no_other(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = batch_csv.translate

    def translate(message: InboundMessage) -> Any:
        if b"Prawf7" in message.body:
            raise ZeroDivisionError("Prawf7")
        return sound(message)

    monkeypatch.setattr(batch_csv, "translate", translate)
    reply, lines = await upload(door, table(*GOOD[5:10]))
    assert reply.status == 207
    assert [line["outcome"] for line in lines[1:]] == ["taken", "taken", "refused", "taken", "taken"]
    assert (lines[3]["row"], lines[3]["faults"][0]["reason"]) == (4, "poison")
    assert await door.book.value("SELECT reason FROM refusal") == "poison"


async def test_two_senders_of_one_file_at_once_make_each_referral_once(door: Door) -> None:
    await asyncio.gather(*(upload(door, table(*GOOD[:30])) for _ in range(3)))
    assert await referrals(door) == 30
