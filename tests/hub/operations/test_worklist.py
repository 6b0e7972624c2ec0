"""`hub worklist`: what waits for a person, what they need to see, and what becomes of what they decide."""

from __future__ import annotations

import base64
from uuid import UUID

import orjson

from hub.ledger.changes import Amendment, Effects, Locked, NewDelivery
from schemas.events import FactType
from schemas.identifiers import ReferralRef
from schemas.lifecycle import Update
from schemas.task import Party
from tests.hub.making import GP, Record
from tests.hub.operations.commands import Commands
from tests.hub.operations.test_trace import CANARY, SEEDS


async def _held(opened: Record, reason: str = "crisis", **how: object) -> UUID:
    referral = await opened.create(**how)
    await opened.apply(referral, Update(FactType.HELD, Party.HUB, reason=reason))
    return referral


async def _item(opened: Record, referral: UUID) -> str:
    found = await opened.value("SELECT id FROM worklist_item WHERE referral_id = $1 AND closed_at IS NULL", referral)
    return str(found)


async def test_an_empty_worklist_says_so_in_both_languages(hub: Commands, opened: Record) -> None:
    assert (await hub("worklist", "list")).out == "Nothing waits for a person.\n"
    assert (await hub("worklist", "list", "--language", "cy")).out == "Nid oes dim yn aros am berson.\n"


async def test_open_items_are_listed_with_the_next_alarm_first(opened: Record, hub: Commands) -> None:
    later, sooner = await _held(opened, "consent-refused"), await _held(opened)
    await opened.fetch("UPDATE worklist_item SET alert_at = now() - interval '3 minutes' WHERE referral_id = $1", sooner)
    rows = (await hub("worklist", "list", "--json")).lines
    assert [(row["referral"], row["kind"], row["reason"], row["overdue"]) for row in rows] == [
        (str(sooner), "hold", "crisis", True),
        (str(later), "hold", "consent-refused", False),
    ]
    said = (await hub("worklist", "list")).out
    assert ReferralRef.of(sooner).spoken in said
    assert "sounded 3 min ago" in said


async def test_one_item_says_what_to_do_and_shows_nobody_unless_asked_with_a_reason(opened: Record, hub: Commands) -> None:
    referral = await _held(opened, body=CANARY)
    item = await _item(opened, referral)
    masked = await hub("worklist", "show", item[:8])
    assert "release it to be matched, or close it" in masked.out
    assert [seed for seed in SEEDS if seed in masked.out] == []
    seen = await hub("worklist", "show", item, "--unmask", "to ring 9990000018 about the crisis")
    told = ("Qqfelin Zzcanari", "9990000018", "1931-01-09", "01632960999", "mourns her canary", "LEAVE NO MESSAGE")
    assert [seed for seed in told if seed not in seen.out] == []
    (row,) = await opened.fetch("SELECT actor, detail FROM audit WHERE action = 'referral.unmasked' AND referral_id = $1", referral)
    assert orjson.loads(row["detail"]) == {"why": "to ring (number) about the crisis", "item": item}
    again = (await hub("worklist", "show", item, "--unmask", "again", "--json")).lines[0]
    assert (again["person"]["nhs-number"], (await hub("worklist", "show", item, "--json")).lines[0]["person"]) == ("9990000018", None)


async def test_a_released_hold_goes_back_to_routing_and_keeps_who_released_it(opened: Record, hub: Commands) -> None:
    referral = await _held(opened)
    item = await _item(opened, referral)
    ended = await hub("worklist", "release", item, "--by", "Non ar ddyletswydd", "--note", "Rang her: she is safe, Zzcanari is dead")
    assert (ended.code, ended.out.startswith("Released:")) == (0, True)
    (row,) = await opened.fetch("SELECT * FROM referral WHERE id = $1", referral)
    assert (row["held_reason"], row["awaits"], row["clock"], row["business_status"], row["version"]) == (None, "hub", "route", "received", 3)
    (closed,) = await opened.fetch("SELECT * FROM worklist_item WHERE id = $1", UUID(item))
    assert (closed["closed_by"], closed["closed_at"] is not None) == ("Non ar ddyletswydd", True)
    assert b"Zzcanari" not in base64.b64decode(closed["note"]) + closed["note"].encode()
    shown = await hub("worklist", "show", item, "--unmask", "to read the note")
    assert "she is safe" in shown.out
    (fact,) = await opened.fetch("SELECT type, source FROM event WHERE referral_id = $1 AND version = 3", referral)
    assert (fact["type"], fact["source"]) == ("referral.released.v1", "/operations")
    assert await opened.value("SELECT actor FROM audit WHERE action = 'worklist.release'") == "operations:Non ar ddyletswydd"


async def test_what_is_not_held_any_more_is_not_released(opened: Record, hub: Commands) -> None:
    referral = await _held(opened)
    item = await _item(opened, referral)
    await opened.fetch("UPDATE referral SET held_reason = NULL WHERE id = $1", referral)
    ended = await hub("worklist", "release", item, "--by", "Non")
    assert (ended.code, ended.out) == (2, "")
    assert "not held any more" in ended.err
    (row,) = await opened.fetch("SELECT closed_at, closed_by, note FROM worklist_item WHERE id = $1", UUID(item))
    assert tuple(row) == (None, None, None)  # nobody's name stays with what was not done


async def test_releasing_twice_is_releasing_once(opened: Record, hub: Commands) -> None:
    referral = await _held(opened)
    item = await _item(opened, referral)
    assert [(await hub("worklist", "release", item, "--by", name)).code for name in ("Non", "Alun")] == [0, 2]
    assert await opened.value("SELECT count(*) FROM event WHERE referral_id = $1 AND type = 'referral.released.v1'", referral) == 1
    assert await opened.value("SELECT closed_by FROM worklist_item WHERE id = $1", UUID(item)) == "Non"


async def test_a_referral_that_ended_meanwhile_stays_as_it_is(opened: Record, hub: Commands) -> None:
    referral = await _held(opened)
    item = await _item(opened, referral)
    await opened.apply(referral, Update(FactType.PERSON_DIED, Party.HOSPITAL))
    ended = await hub("worklist", "release", item, "--by", "Non", "--close", "no-suitable-service")
    assert (ended.code, "dealt with already" in ended.err) == (2, True)


async def test_closing_ends_the_referral_with_a_reason_and_tells_whoever_referred(opened: Record, hub: Commands) -> None:
    referral = await _held(opened, "no-prescriber")
    ended = await hub("worklist", "release", ReferralRef.of(referral).spoken, "--by", "Non", "--close", "no-suitable-service", "--language", "cy")
    assert (ended.code, ended.out.startswith("Caewyd:")) == (0, True)
    (row,) = await opened.fetch("SELECT status, business_status, closed_at FROM referral WHERE id = $1", referral)
    assert (row["status"], row["business_status"], row["closed_at"] is not None) == ("rejected", "closed", True)
    (fact,) = await opened.fetch("SELECT reason, tells FROM event WHERE referral_id = $1 AND type = 'referral.closed.v1'", referral)
    assert (fact["reason"], fact["tells"]) == ("no-suitable-service", ["referrer"])


async def test_a_prescriber_who_has_the_referral_hears_that_it_was_closed(opened: Record, hub: Commands) -> None:
    referral = await opened.create()
    hand_over = await opened.assign(referral)
    await opened.apply(referral, Update(FactType.STEPPED_UP, Party.PRESCRIBER, hand_over, reason="crisis"))
    assert (await hub("worklist", "release", await _item(opened, referral), "--by", "Non", "--close", "clinical")).code == 0
    assert await opened.value("SELECT tells FROM event WHERE referral_id = $1 AND type = 'referral.closed.v1'", referral) == ["prescriber", "referrer"]


async def test_a_risk_that_was_dealt_with_goes_on_with_its_prescriber(opened: Record, hub: Commands) -> None:
    referral = await opened.create()
    hand_over = await opened.assign(referral, "p-9")
    await opened.apply(referral, Update(FactType.STEPPED_UP, Party.PRESCRIBER, hand_over, reason="crisis"))
    ended = await hub("worklist", "release", await _item(opened, referral), "--by", "Non", "--note", "with the crisis team")
    assert (ended.code, ended.out.startswith("Dealt with")) == (0, True)
    (row,) = await opened.fetch("SELECT awaits, owner, clock, version FROM referral WHERE id = $1", referral)
    assert (row["awaits"], row["owner"], row["clock"], row["version"]) == ("prescriber", "p-9", "progress", 3)  # no fact: nothing happened to the referral


async def test_items_that_differ_only_in_whom_to_tell_are_told_apart_and_the_masking_is_said(opened: Record, hub: Commands) -> None:
    referral = await opened.create()
    (event,) = await opened.fetch("SELECT id FROM event WHERE referral_id = $1", referral)
    for whom in ("person", "professional", GP):
        await opened.fetch(_UNTOLD, referral, event["id"], whom)
    await opened.fetch("INSERT INTO worklist_item (id, referral_id, kind, reason) SELECT id, referral_id, 'tell-by-hand', 'held' FROM delivery")
    listed = (await hub("worklist", "list")).out
    assert [who in listed for who in ("the person must be told", "the professional who referred must be told", f"{GP} must be told")] == [True] * 3
    assert "--unmask WHY" in listed
    welsh = (await hub("worklist", "list", "--language", "cy")).out
    assert [who in welsh for who in ("wrth y person", "wrth y gweithiwr proffesiynol", f"wrth {GP}", "--unmask PAM")] == [True] * 4
    rows = (await hub("worklist", "list", "--json")).lines
    assert {row["tell"] for row in rows} == {"person", "professional", GP}
    item = next(row["id"] for row in rows if row["tell"] == "professional")
    shown = (await hub("worklist", "show", item)).out
    assert ("Ring the professional who referred" in shown, "--unmask WHY" in shown) == (True, True)
    assert "shows them" not in (await hub("worklist", "show", item, "--unmask", "to ring them")).out


_UNTOLD = """
INSERT INTO delivery (id, referral_id, event_id, fact, recipient, party, connector, transport, message_key, content_type, sequence, next_attempt_at)
VALUES (gen_random_uuid(), $1, $2, 'referral.held.v1', $3, 'referrer', 'person', 'hand', 'k', 'application/json', 1, now())
"""


async def test_what_must_be_told_by_hand_shows_whom_to_ring_and_the_words(opened: Record, hub: Commands) -> None:
    referral = await opened.create()
    event = await opened.value("SELECT id FROM event WHERE referral_id = $1", referral)
    body = orjson.dumps({"tell": GP, "en": "Nobody could take it.", "cy": "Ni allai neb ei gymryd."})
    delivery = NewDelivery(event, event, FactType.HELD, GP, Party.REFERRER, "by-hand", "by-hand", "held", "application/json", 1, body)

    def decide(locked: Locked) -> Effects:
        return Effects(locked.state, deliveries=(delivery,))

    await opened.ledger.commit(Amendment(decide, (referral,)))
    await opened.fetch("UPDATE delivery SET state = 'refused' WHERE id = $1", event)
    await opened.fetch("INSERT INTO worklist_item (id, referral_id, kind, reason) VALUES ($1, $2, 'tell-by-hand', 'held')", event, referral)
    shown = (await hub("worklist", "show", str(event), "--language", "cy")).out
    assert (f"Ffoniwch {GP}" in shown, "Ni allai neb ei gymryd." in shown) == (True, True)
    assert (await hub("worklist", "release", str(event), "--by", "Non")).code == 0
    (row,) = await opened.fetch("SELECT state, outcome FROM delivery WHERE id = $1", event)
    assert tuple(row) == ("refused", "told by hand")  # the courier did not deliver it, and nobody says that it did


async def test_unknown_items_reasons_and_nameless_people_are_refused_by_name(opened: Record, hub: Commands) -> None:
    item = await _item(opened, await _held(opened))
    assert (await hub("worklist", "show", "ffffffff")).code == 2
    unknown = await hub("worklist", "release", item, "--by", "Non", "--close", "because")
    assert (unknown.code, "no-suitable-service" in unknown.err) == (64, True)
    assert (await hub("worklist", "release", item, "--by", " ")).code == 64
