"""`hub trace`: a whole life, found by whatever the person who asks has in hand; and nobody's data in it."""

from __future__ import annotations

from uuid import uuid4

import orjson
import pytest

from hub.ledger import refusals
from hub.ledger.refusals import Refusal
from schemas.events import FactType
from schemas.identifiers import ReferralRef
from schemas.lifecycle import Update
from schemas.rejection import Issue, Reason
from schemas.task import Party
from tests.hub.intake.conftest import Door
from tests.hub.making import GP, Record, service_request
from tests.hub.operations.commands import Commands

CANARY = service_request(
    contained=[
        {
            "resourceType": "Patient", "id": "person", "birthDate": "1931-01-09", "name": [{"family": "Zzcanari", "given": ["Qqfelin"]}],
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}], "telecom": [{"system": "phone", "value": "01632960999"}],
            "address": [{"line": ["99 Heol Zzcanari"], "postalCode": "SA1 1AA"}],
        }
    ],
    note=[{"text": "Zzcanari mourns her canary"}],
)  # fmt: skip
SEEDS = ("Zzcanari", "Qqfelin", "9990000018", "999 000 0018", "1931-01-09", "01632960999", "SA1 1AA", "canary")


async def test_a_referral_is_found_by_its_reference_its_ids_and_the_senders_request_key(opened: Record, hub: Commands) -> None:
    key = str(uuid4())
    referral = await opened.create(key=key)
    hand_over = await opened.assign(referral)
    event = await opened.value("SELECT id FROM event WHERE referral_id = $1 AND version = 1", referral)
    ref = ReferralRef.of(referral)
    for typed in (ref.value, ref.spoken.lower(), str(referral), hand_over, str(event), key, key.upper()):
        ended = await hub("trace", typed, "--json")
        assert ended.code == 0, typed
        assert [one["head"]["id"] for one in ended.lines[0]["referrals"]] == [str(referral)], typed


async def test_the_life_is_told_in_order_with_who_is_waited_for(opened: Record, hub: Commands) -> None:
    referral = await opened.create()
    hand_over = await opened.assign(referral, "p-7")
    await opened.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, hand_over))
    ended = await hub("trace", str(referral), "--json")
    (life,) = ended.lines[0]["referrals"]
    assert [fact["type"] for fact in life["facts"]] == ["referral.received.v1", "referral.assigned.v1", "referral.accepted.v1"]
    assert (life["head"]["status"], life["head"]["awaits"], life["head"]["owner"], life["head"]["clock"]) == ("accepted", "prescriber", "p-7", "first-contact")
    assert [(task["role"], task["status"], task["owner"]) for task in life["tasks"]] == [("coordination", "accepted", None), ("hand-over", "accepted", "p-7")]
    assert life["head"]["chain_sound"] is True
    assert life["decisions"][0]["explanation"]["cy"].startswith("Gofynnwyd am gwmni")
    said = await hub("trace", str(referral))
    told = ("The referral was received.", "A social prescriber was asked", "The social prescriber took the referral on.")
    assert sorted(told, key=said.out.index) == list(told)
    assert "It helps with loneliness in Swansea." in said.out
    assert "chain of hashes is sound (facts: 3)" in said.out


async def test_it_speaks_welsh(opened: Record, hub: Commands) -> None:
    referral = await opened.create()
    said = (await hub("trace", str(referral), "--language", "cy")).out
    assert "Daeth yr atgyfeiriad i law." in said
    assert "yn gyfan" in said
    assert "received" not in said.split("Pwy edrychodd")[0]


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE event SET thin = '{}' WHERE referral_id = $1 AND version = 1",  # a fact was changed
        "UPDATE event SET type = 'referral.closed.v1' WHERE referral_id = $1 AND version = 2",  # another fact in its place
        "DELETE FROM event WHERE referral_id = $1 AND version = 3",  # the last fact is gone: nothing after it shows that
        "UPDATE event SET payload = payload || '\\x00' WHERE referral_id = $1 AND version = 2",  # sealed bytes
    ],
)
async def test_a_ledger_that_was_changed_behind_our_back_shows(opened: Record, hub: Commands, tamper: str) -> None:
    referral = await opened.create()
    await opened.apply(referral, Update(FactType.HELD, Party.HUB, reason="crisis"), Update(FactType.RELEASED, Party.OPERATIONS))
    assert (await hub("trace", str(referral), "--json")).lines[0]["referrals"][0]["head"]["chain_sound"] is True
    await opened.fetch(tamper, referral)
    ended = await hub("trace", str(referral))
    assert "BROKEN" in ended.out


async def test_a_refusal_is_found_by_its_id_and_by_the_senders_key_with_every_reason(opened: Record, hub: Commands) -> None:
    refusal, key = uuid4(), "MSG00042-ABC"
    issues = (Issue(Reason.REQUIRED, "PID-5"), Issue(Reason.WRONG_SERVICE, "RF1-3"))
    made = Refusal(refusal, "hospital-a", key, "hospital_hl7v2", Reason.REQUIRED, issues, b"PID|Zzcanari")
    await refusals.record(opened.ledger.pool, opened.ledger.sealing, made)
    for typed in (str(refusal), key):
        ended = await hub("trace", typed, "--json")
        assert [(one["reason"], one["issues"]) for one in ended.lines[0]["refusals"]] == [("required", [["required", "PID-5"], ["wrong-service", "RF1-3"]])]
    said = await hub("trace", key)
    assert (said.code, "hospital-a" in said.out, "PID-5" in said.out, "Zzcanari" in said.out) == (0, True, True, False)


async def test_what_is_not_there_is_said_plainly_and_ends_with_two(hub: Commands, opened: Record) -> None:
    ended = await hub("trace", "0000-0000-0000")
    assert (ended.code, ended.out) == (2, "")
    assert "Nothing in the ledger" in ended.err


async def test_no_part_of_a_person_is_shown_in_any_form(opened: Record, hub: Commands) -> None:
    referral = await opened.create(body=CANARY, key="Zzcanari-1931-01-09")
    await opened.assign(referral)
    held = b"".join([event.data for event in await opened.events(referral)]).decode()
    assert [seed for seed in SEEDS if seed not in held] == ["999 000 0018"]  # the facts do hold her; what follows does not
    for language in ("en", "cy"):
        said = await hub("trace", str(referral), "--language", language)
        assert said.code == 0
        assert [seed for seed in SEEDS if seed in said.out + said.err] == []
    ended = await hub("trace", str(referral), "--json")
    assert [seed for seed in SEEDS if seed in ended.out] == []
    assert (await hub("trace", "Zzcanari-1931-01-09", "--json")).lines[0]["referrals"][0]["head"]["id"] == str(referral)


async def test_that_somebody_looked_is_on_record(opened: Record, hub: Commands) -> None:
    referral = await opened.create()
    await hub("trace", str(referral))
    rows = await opened.fetch("SELECT actor, detail FROM audit WHERE referral_id = $1 AND action = 'referral.traced'", referral)
    assert [(row["actor"].startswith("operations:"), orjson.loads(row["detail"])) for row in rows] == [(True, {})]


async def test_an_erased_referral_still_shows_what_happened_but_not_why(opened: Record, hub: Commands) -> None:
    referral = await opened.create()
    await opened.assign(referral)
    await opened.fetch("UPDATE referral SET sealing_key = NULL, content = NULL, message = NULL WHERE id = $1", referral)
    (life,) = (await hub("trace", str(referral), "--json")).lines[0]["referrals"]
    assert (life["head"]["erased"], life["head"]["chain_sound"], life["decisions"], len(life["facts"])) == (True, True, [], 2)


async def test_an_update_that_made_no_referral_leads_to_the_one_that_it_changed(opened: Record, hub: Commands) -> None:
    referral = await opened.create(client=GP)
    stray = str(uuid4())
    sealed = opened.ledger.sealing.seal(f"answer|cases|{stray}", orjson.dumps({"status": 200, "parts": []}))
    await opened.fetch("INSERT INTO request (client, key, body_hash, answer) VALUES ('cases', $1, '\\x00', $2)", stray, sealed)
    (found,) = (await hub("trace", stray, "--json")).lines[0]["requests"]
    assert (found["client"], found["answered"], found["referrals_changed"]) == ("cases", "200", 0)
    assert (await hub("trace", stray)).out.count(str(referral)) == 0


_HOSPITAL = """MSH|^~\\&|WPAS|7A3|SPHUB|SPHUB|20260302090000||{kind}|{id}|P|2.4|||||GBR|UNICODE UTF-8
RF1|P|R|SP^Social prescribing^L|AM|O|7A3-000123^WPAS|20260302
PRD|RP|Prawf^Sian^^^Dr||^^7A3C7|||C1234567^GMC
PID|1||9990000018^^^NHS^NH||PRAWF^PERSON||19500101|F|||1 STRYD FAWR^^ABERTAWE^^SA1 1AA^^H||07700900000||cy
DG1|1||422650009^{why}^SCT"""


def _hospital(kind: str, id_: str, why: str = "Social isolation") -> bytes:
    return _HOSPITAL.format(kind=kind, id=id_, why=why).replace("\n", "\r").encode()


async def test_a_later_message_leads_to_the_referral_that_it_changed(opened: Record, hub: Commands) -> None:
    door = Door(opened)
    await door.hear(_hospital("REF^I12^REF_I12", "REF0001"))
    await door.hear(_hospital("REF^I13^REF_I12", "REF0002", "Isolated since her sister died"))
    await door.hear(_hospital("REF^I14^REF_I12", "REF0003"))
    posted = str(uuid4())
    await door.refer(service_request(identifier=[{"system": "https://gp.example.wales/referral", "value": "GP-9"}]), posted, client=GP)
    first, second = [row["id"] for row in await opened.fetch("SELECT id FROM referral ORDER BY created_at")]
    withdrawn = orjson.loads(service_request(identifier=[{"system": "https://gp.example.wales/referral", "value": "GP-9"}]))
    taken_back = str(uuid4())
    await door.refer(orjson.dumps({**withdrawn, "status": "entered-in-error"}), taken_back, client=GP)
    for typed, referral in (("REF0002", first), ("REF0003", first), (taken_back, second)):
        (seen,) = (await hub("trace", typed, "--json")).lines
        assert [life["head"]["id"] for life in seen["referrals"]] == [str(referral)], typed
        assert [one["referrals_changed"] for one in seen["requests"]] == [1], typed
        assert ReferralRef.of(referral).spoken in (await hub("trace", typed)).out
