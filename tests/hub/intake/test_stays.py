"""What a hospital says of a person reaches their referrals: clocks stand still and start anew, a death ends and may be taken back, two people stay two."""

from __future__ import annotations

from importlib.resources import files
from typing import Any
from uuid import UUID

import orjson
import pytest

from hub.content import bundle_of, referral_of
from hub.deciding.clocks import PolicyClocks
from hub.deciding.policy import read_policy
from hub.ledger.sealing import Sealing
from hub.registry import installed
from hub.staying import carried_over, expected_out, is_inside, stay_of
from hub.watch import Watch
from schemas.events import FactType
from schemas.hl7v2 import split
from schemas.lifecycle import Update
from schemas.messages import InboundMessage, Reply
from schemas.profile import Profile
from schemas.task import Clock, Party, TaskStatus
from tests.hub.intake.conftest import Door, a_client
from tests.hub.making import NOW, clocks, policy, service_request

NHS, LOCAL = "9990000026^^^NHS^NH", "H1^^^7A3^PI"
_sent = iter(range(10_000))


def pid(numbers: str = f"{NHS}~{LOCAL}", **fields: str) -> str:
    parts = ["PID", "1", "", numbers, "", "PRAWF^NON", "", "19480517", *[""] * 30]
    for name, value in fields.items():
        parts[int(name[1:])] = value
    return "|".join(parts).rstrip("|")


def pv1(visit: str = "V1", **fields: str) -> str:
    parts = ["PV1", "1", "I", "WARD 7", *[""] * 50]
    parts[19] = f"{visit}^^^VISITID"
    for name, value in fields.items():
        parts[int(name[1:])] = value
    return "|".join(parts).rstrip("|")


def adt(event: str, *segments: str, kind: str = "ADT") -> bytes:
    head = rf"MSH|^~\&|PAS|7A3|SPHUB|SPHUB|20260302||{kind}^{event}|S{next(_sent)}|P|2.4||||||UNICODE UTF-8"
    return "".join(f"{line}\r" for line in (head, *segments)).encode()


def code(reply: Reply) -> str:
    return split(reply.parts[-1]).first("MSA").component(1)


async def tell(door: Door, event: str, *segments: str, client: str = "ysbyty-prawf") -> None:
    reply = await door.hear(adt(event, *segments), client)
    assert code(reply) == "AA", reply.parts


async def accepted(door: Door, **more: Any) -> UUID:  # Any: FHIR JSON
    """A referral that a prescriber has taken on."""
    referral = await door.book.create(body=service_request(**more))
    task = await door.book.assign(referral, place=False)
    await door.book.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, task))
    return referral


async def row(door: Door, referral: UUID) -> dict[str, Any]:  # Any: columns
    found = (await door.book.fetch("SELECT *, extract(epoch FROM deadline_at - now()) AS left FROM referral WHERE id = $1", referral))[0]
    return dict(found)


async def content(door: Door, referral: UUID) -> bytes:
    found, sealing = await row(door, referral), door.book.ledger.sealing
    key = sealing.key(referral, found["sealing_key"])
    assert isinstance(sealing, Sealing)
    assert key is not None
    return key.open("content", found["content"])


async def facts(door: Door, referral: UUID) -> list[str]:
    return [f"{event.type.fact}" for event in await door.book.events(referral)]


async def items(door: Door, referral: UUID) -> list[str]:
    return [one["kind"] for one in await door.book.fetch("SELECT kind FROM worklist_item WHERE referral_id = $1 AND closed_at IS NULL ORDER BY kind", referral)]


# --- clocks -------------------------------------------------------------------------------------------------------------------------------


async def test_while_a_person_is_in_hospital_the_first_contact_is_not_waited_for_and_once_home_its_time_starts_anew(door: Door) -> None:
    referral = await accepted(door)
    assert (await row(door, referral))["clock"] == Clock.FIRST_CONTACT
    await tell(door, "A01", pid(), pv1())
    paused = await row(door, referral)
    assert (paused["clock"], paused["awaits"], paused["owner"]) == (Clock.STAY, "prescriber", "p-1")
    assert 0 < paused["left"] < 45 * 86400, "it never waits for ever"
    await tell(door, "A02", pid(), pv1(f3="WARD 9"))
    moved = await row(door, referral)
    assert moved["deadline_at"] == paused["deadline_at"], "a move within the hospital begins nothing anew"
    await tell(door, "A03", pid(), pv1(f36="19", f45="202603051200"))
    home = await row(door, referral)
    assert (home["clock"], home["awaits"], home["owner"]) == (Clock.FIRST_CONTACT, "prescriber", "p-1")
    assert await facts(door, referral) == ["received", "assigned", "accepted", "person-moved", "person-moved", "person-moved"]


STILL_IN = [
    # the discharge's destination or method; whether the person is in a hospital still
    ({"f36": "19"}, False),
    ({}, False),  # the event's own word
    ({"f36": "20"}, False),  # a care home
    ({"f36": "51"}, True),  # another health board
    ({"f36": "55"}, True),
    ({"f36": "87"}, True),
    ({"f36": "98"}, True),  # not discharged
    ({"f36": "19", "f37": "8"}, True),
]


@pytest.mark.parametrize(("how", "inside"), STILL_IN)
async def test_a_move_to_another_hospital_is_no_discharge(door: Door, how: dict[str, str], inside: bool) -> None:
    referral = await accepted(door)
    await tell(door, "A01", pid(), pv1())
    await tell(door, "A03", pid(), pv1(**how))
    assert ((await row(door, referral))["clock"] == Clock.STAY) == inside
    assert is_inside(await content(door, referral)) == inside


async def test_what_is_undone_is_undone(door: Door) -> None:
    referral = await accepted(door)
    await tell(door, "A01", pid(), pv1())
    await tell(door, "A11", pid(), pv1())
    assert (await row(door, referral))["clock"] == Clock.FIRST_CONTACT
    await tell(door, "A01", pid(), pv1())
    await tell(door, "A03", pid(), pv1(f36="19"))
    await tell(door, "A13", pid(), pv1())
    assert (await row(door, referral))["clock"] == Clock.STAY


async def test_the_end_of_another_visit_ends_no_stay(door: Door) -> None:
    referral = await accepted(door)
    await tell(door, "A01", pid(), pv1("V7"))
    await tell(door, "A03", pid(), pv1("CLINIC-3", f36="19"))
    assert (await row(door, referral))["clock"] == Clock.STAY


async def test_a_stay_that_went_on_in_another_hospital_ends_under_that_one_s_number(door: Door) -> None:
    referral = await accepted(door)
    await tell(door, "A01", pid(), pv1("V7"))
    await tell(door, "A03", pid(), pv1("V7", f36="51"))
    assert (await row(door, referral))["clock"] == Clock.STAY
    await tell(door, "A03", pid(), pv1("THEIRS-1", f36="19"), client="ysbyty-arall")
    assert (await row(door, referral))["clock"] == Clock.FIRST_CONTACT


async def test_a_visit_to_a_clinic_begins_and_ends_no_stay(door: Door) -> None:
    referral = await accepted(door)
    await tell(door, "A01", pid(), pv1(f2="O", f19=""))
    assert (await row(door, referral))["clock"] == Clock.FIRST_CONTACT
    await tell(door, "A01", pid(), pv1("V7"))
    await tell(door, "A03", pid(), pv1(f2="O", f19="", f36="19"))
    assert (await row(door, referral))["clock"] == Clock.STAY


async def test_a_discharge_of_which_no_admission_was_told_gives_nobody_more_time(door: Door) -> None:
    referral = await accepted(door)
    before = (await row(door, referral))["deadline_at"]
    await tell(door, "A03", pid(), pv1(f36="19"))
    assert (await row(door, referral))["deadline_at"] == before


async def test_whether_a_prescriber_takes_somebody_on_does_not_wait_for_the_discharge(door: Door) -> None:
    referral = await door.book.create()
    task = await door.book.assign(referral, place=False)
    await tell(door, "A01", pid(), pv1())
    assert (await row(door, referral))["clock"] == Clock.ACCEPT
    await door.book.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, task))
    assert (await row(door, referral))["clock"] == Clock.STAY, "but the first contact does"


async def test_a_referral_that_is_held_is_looked_at_wherever_the_person_is(door: Door) -> None:
    referral = await door.book.create(body=service_request(note=[{"text": "She wants to kill herself."}]))
    await tell(door, "A01", pid(), pv1())
    assert (await row(door, referral))["clock"] == Clock.HUMAN


WARD = ("RF1|P|R|SP^Social prescribing^L|||W-1^PAS|20260301", pid(), pv1(f44="20260225"), "PV2|||||||||20260306")


async def test_of_a_ward_s_referral_the_clocks_start_at_the_real_discharge(door: Door) -> None:
    referral = await door.book.create(body=adt("I12", *WARD, kind="REF"), connector="hospital_hl7v2", client="ysbyty-prawf")
    assert (await row(door, referral))["clock"] == Clock.ROUTE, "who takes the person on is found at once"
    task = await door.book.assign(referral, place=False)
    await door.book.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, task))
    assert (await row(door, referral))["clock"] == Clock.STAY
    assert str(expected_out(await content(door, referral))) == "2026-03-06"
    await tell(door, "A03", pid(), pv1(f36="19"))
    assert (await row(door, referral))["clock"] == Clock.FIRST_CONTACT


async def test_a_later_change_of_the_referral_forgets_no_stay(door: Door) -> None:
    referral = await accepted(door)
    await tell(door, "A01", pid(), pv1())
    stored = await content(door, referral)
    assert is_inside(stored)
    bare = orjson.dumps({name: value for name, value in orjson.loads(stored).items() if name != "stay"})
    assert stay_of(bare) is None
    assert stay_of(carried_over(stored, bare)) == stay_of(stored)


# --- where the person went, and who they are ----------------------------------------------------------------------------------------------

WENT = [
    # destination, address, the postcode by which services are looked for
    ("19", "", "SA1 1AA"),  # home, of which the referral knew
    ("19", "2 HEOL^^CAERDYDD^^CF10 1AA^^H", "CF10 1AA"),  # home, and it is another by now
    ("20", "", None),  # a care home, nobody says which
    ("22", "", None),  # no home at all
    ("29", "1 STRYD^^ABERTAWE^^SA1 1AA^^H~3 LON^^LLANELLI^^SA15 3AA^^C", "SA15 3AA"),
]


@pytest.mark.parametrize(("destination", "address", "postcode"), WENT)
async def test_the_discharge_s_destination_sets_the_place(door: Door, destination: str, address: str, postcode: str | None) -> None:
    referral = await door.book.create()
    await tell(door, "A03", pid(f11=address), pv1(f36=destination))
    found = referral_of(await content(door, referral))
    assert found.person.postcode == postcode
    assert (await row(door, referral))["area"] == door.intake.maker.traits(found).area


async def test_a_cancelled_discharge_gives_the_home_back(door: Door) -> None:
    referral = await door.book.create()
    await tell(door, "A03", pid(), pv1(f36="20"))
    await tell(door, "A13", pid(), pv1())
    assert referral_of(await content(door, referral)).person.postcode == "SA1 1AA"


async def test_a_change_of_details_is_what_the_next_prescriber_is_told(door: Door) -> None:
    referral = await door.book.create()
    await tell(door, "A31", pid(f11="2 HEOL^^CAERDYDD^^CF10 1AA^^H", f13="07700900123", f15="cy"))
    stored = await content(door, referral)
    person = referral_of(stored).person
    assert (person.postcode, person.phones, person.language_spoken, person.family) == ("CF10 1AA", ("07700900123",), "cy", "PRAWF")
    assert b"CF10 1AA" in orjson.dumps(bundle_of(stored))
    await tell(door, "A08", pid(f13='""'))
    stored = await content(door, referral)
    assert referral_of(stored).person.phones == ()
    assert b"07700900123" not in stored
    assert referral_of(stored).person.postcode == "CF10 1AA", "what is empty stays as it was"


async def test_a_number_that_a_change_of_details_gave_finds_the_person_from_then_on(door: Door) -> None:
    referral = await accepted(door)
    await tell(door, "A28", pid(f"{NHS}~NEW7^^^7A3^PI"))
    await tell(door, "A01", pid("NEW7^^^7A3^PI"), pv1())
    assert (await row(door, referral))["clock"] == Clock.STAY


# --- two people stay two ------------------------------------------------------------------------------------------------------------------


def someone(nhs: str, local: str = "", family: str = "Prawf", born: str = "1948-05-17") -> list[dict[str, Any]]:  # Any: FHIR JSON
    numbers = [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs}] if nhs else []
    numbers += [{"system": "urn:hl7v2:7A3:7A3:PI", "value": local}] if local else []
    return [{"resourceType": "Patient", "id": "person", "birthDate": born, "name": [{"family": family, "given": ["Non"]}], "identifier": numbers}]


MIXED = [
    # what the referral knows of its person; what happens to a death under NHS number …26 and local number H1
    (someone("9990000018", "H1"), "other-person"),  # another sound NHS number
    (someone("", "H1", "Arall", "1990-01-01"), "other-person"),  # another name and another birthday
    (someone("", "H1", "Arall"), "died"),  # another name alone: people marry
    (someone("", "H1", "Prawf", "1948-05-18"), "died"),
    (someone("9990000027", "H1"), "died"),  # a number that fails its check says nothing
]


@pytest.mark.parametrize(("person", "outcome"), MIXED)
async def test_a_death_ends_nobody_else_s_referral(door: Door, person: list[dict[str, Any]], outcome: str) -> None:
    referral = await accepted(door, contained=person)
    await tell(door, "A31", pid(f30="Y"))
    ended = (await row(door, referral))["closed_at"] is not None
    assert ended == (outcome == "died")
    assert ("other-person" in await items(door, referral)) == (outcome == "other-person")


async def test_a_merge_that_would_join_two_people_joins_nothing_and_is_shown_to_a_human(door: Door) -> None:
    mine = await accepted(door)
    theirs = await accepted(door, contained=someone("9990000018", "OLD9", "Arall", "1990-01-01"))
    await tell(door, "A40", pid(), "MRG|OLD9^^^7A3^PI")
    assert [await items(door, mine), await items(door, theirs)] == [["other-person"], ["other-person"]]
    assert await door.book.value("SELECT count(*) FROM person_mark") == 0
    await tell(door, "A31", pid("OLD9^^^7A3^PI", f5="ARALL^X", f7="19900101", f30="Y"))
    assert (await row(door, theirs))["closed_at"] is not None
    assert (await row(door, mine))["closed_at"] is None


async def test_a_merge_re_points_the_referral_of_the_number_that_is_no_more(door: Door) -> None:
    referral = await accepted(door, contained=someone("", "OLD9"))
    await tell(door, "A40", pid(), "MRG|OLD9^^^7A3^PI")
    assert await items(door, referral) == []
    await tell(door, "A01", pid(NHS), pv1())
    assert (await row(door, referral))["clock"] == Clock.STAY


TWO_NUMBERS = [
    # the merge's PID-3 and MRG-1, all found by local numbers; the two referrals that it would join
    (LOCAL, "OLD9^^^7A3^PI", someone("9990000026", "H1"), someone("9990000018", "OLD9")),  # the merge names no NHS number, the referrals do
    (f"{LOCAL}~{NHS}", "OLD9^^^7A3^PI~9990000018^^^NHS^NH", someone("", "H1"), someone("", "OLD9")),  # the merge itself names two
    (LOCAL, "OLD9^^^7A3^PI", someone("", "H1"), someone("", "OLD9", "Arall", "1990-01-01")),  # another name and another birthday
]


@pytest.mark.parametrize(("surviving", "old", "first", "second"), TWO_NUMBERS)
async def test_a_merge_of_what_looks_like_two_people_is_for_a_human(
    door: Door, surviving: str, old: str, first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    mine, theirs = await accepted(door, contained=first), await accepted(door, contained=second)
    await tell(door, "A40", pid(surviving), f"MRG|{old}")
    assert "other-person" in await items(door, theirs)
    assert await door.book.value("SELECT count(*) FROM person_mark") == 0
    await tell(door, "A31", pid("OLD9^^^7A3^PI", f5="", f7="", f30="Y"))
    assert (await row(door, theirs))["closed_at"] is not None
    assert (await row(door, mine))["closed_at"] is None, "one person's death ends nobody else's referral"


async def test_a_merge_of_two_nhs_numbers_joins_nobody_who_comes_later(door: Door) -> None:
    await tell(door, "A40", pid(f"{NHS}~{LOCAL}"), "MRG|9990000018^^^NHS^NH")
    assert await door.book.value("SELECT count(*) FROM person_mark") == 0


# --- a death, and its being wrong -----------------------------------------------------------------------------------------------------------


async def _stopped(door: Door) -> UUID:
    referral = await accepted(door)
    await door.book.fetch(
        "INSERT INTO delivery (id, referral_id, event_id, fact, recipient, party, connector, transport, message_key, content_type, sequence, body)"
        " SELECT gen_random_uuid(), $1, id, 'x', 'r', 'referrer', 'c', t, t, 'x', 1, '' FROM event, unnest(ARRAY['webhook', 'mllp']) AS t"
        " WHERE referral_id = $1 AND version = 1",
        referral,
    )
    await tell(door, "A31", pid(f29="20260301", f30="Y"))
    return referral


async def test_a_death_stops_everything_in_the_same_commit(door: Door) -> None:
    referral = await _stopped(door)
    assert (await facts(door, referral))[-1] == "person-died"
    assert (await row(door, referral))["closed_at"] is not None
    assert await door.book.value("SELECT count(*) FROM delivery WHERE referral_id = $1 AND state = 'pending'", referral) == 0
    assert await door.book.value("SELECT count(*) FROM person_mark WHERE kind = 'died'") == 2


async def test_a_death_that_was_wrong_is_taken_back_by_who_told_it_and_a_human_sees_what_it_stopped(door: Door) -> None:
    referral = await _stopped(door)
    await tell(door, "A31", pid(f30="N"), client="ysbyty-arall")
    assert await door.book.value("SELECT count(*) FROM person_mark WHERE kind = 'died'") == 2, "another hospital may not know yet"
    assert await items(door, referral) == []
    await tell(door, "A08", pid())
    assert await items(door, referral) == [], "silence takes nothing back"
    await tell(door, "A08", pid(f30="N"))
    assert await door.book.value("SELECT count(*) FROM person_mark WHERE kind = 'died'") == 0
    assert await items(door, referral) == ["not-dead"]
    await tell(door, "A08", pid(f30="N"))
    assert await items(door, referral) == ["not-dead"]
    again = await door.book.create()
    assert (await row(door, again))["held_reason"] is None


async def test_a_discharge_as_dead_that_is_undone_takes_the_death_back(door: Door) -> None:
    referral = await accepted(door)
    await tell(door, "A03", pid(), pv1(f36="79", f37="4"))
    assert (await row(door, referral))["closed_at"] is not None
    await tell(door, "A13", pid(f30="Y"), pv1())
    assert await door.book.value("SELECT count(*) FROM person_mark WHERE kind = 'died'") == 2, "it says still that they died"
    await tell(door, "A13", pid(), pv1())
    assert await door.book.value("SELECT count(*) FROM person_mark WHERE kind = 'died'") == 0
    assert await items(door, referral) == ["not-dead"]


async def test_an_undone_admission_takes_no_death_back(door: Door) -> None:
    await tell(door, "A31", pid(f30="Y"))
    await tell(door, "A11", pid(), pv1())
    assert await door.book.value("SELECT count(*) FROM person_mark WHERE kind = 'died'") == 2


async def test_a_death_that_two_senders_told_is_taken_back_by_neither_alone(door: Door) -> None:
    await _stopped(door)
    await tell(door, "A31", pid(f30="Y"), client="ysbyty-arall")
    await tell(door, "A31", pid(f30="N"))
    assert await door.book.value("SELECT count(*) FROM person_mark WHERE kind = 'died'") == 2


# --- offers ---------------------------------------------------------------------------------------------------------------------------------


PROFILE = Profile(triggers=("SPREF",), organisation_type="hospital", sharing_agreement=True)


async def discharge_with_trigger(door: Door, visit: str = "V1") -> str:
    body = adt("A03", pid(), pv1(visit, f36="19") if visit else pv1(f19="", f36="19"), "OBX|1|CE|SPREF||Y", "OBX|2|CE|CONSENT-DIRECT-CARE||Y")
    message = InboundMessage(body, "mllp", None, received_at=NOW, client="ysbyty-prawf", profile=PROFILE)
    return code(await door.intake.receive(installed()["hospital_hl7v2"], message, a_client("ysbyty-prawf"), "mllp"))


async def test_a_discharge_with_an_agreed_trigger_waits_for_a_human_and_goes_when_the_discharge_is_undone(door: Door) -> None:
    assert await discharge_with_trigger(door) == "AA"
    referral = await door.book.value("SELECT id FROM referral")
    assert (await row(door, referral))["held_reason"] == "offer-to-confirm"
    assert (await facts(door, referral))[0] == "offered"
    await tell(door, "A13", pid(), pv1())
    assert (await row(door, referral))["closed_at"] is not None
    assert (await facts(door, referral))[-1] == "closed"


async def test_a_discharge_that_is_told_again_offers_once_and_anew_only_after_it_was_undone(door: Door) -> None:
    for expected in (1, 1):
        assert await discharge_with_trigger(door) == "AA"
        assert await door.book.value("SELECT count(*) FROM referral") == expected
    await tell(door, "A13", pid(), pv1())
    assert await discharge_with_trigger(door) == "AA"
    assert await door.book.value("SELECT count(*) FROM referral") == 2


async def test_whoever_said_no_to_an_offer_is_not_asked_again_when_the_discharge_is_told_again(door: Door) -> None:
    await discharge_with_trigger(door)
    referral = await door.book.value("SELECT id FROM referral")
    await door.book.apply(referral, Update(FactType.CLOSED, Party.OPERATIONS, reason="declined-by-person", ends=TaskStatus.REJECTED))
    assert await discharge_with_trigger(door) == "AA"
    assert await door.book.value("SELECT count(*) FROM referral") == 1
    assert await discharge_with_trigger(door, "V2") == "AA"
    assert await door.book.value("SELECT count(*) FROM referral") == 2, "another stay is another offer"


async def test_a_discharge_without_a_visit_number_offers_once_while_its_offer_stands(door: Door) -> None:
    for _ in range(2):
        assert await discharge_with_trigger(door, "") == "AA"
        assert await door.book.value("SELECT count(*) FROM referral") == 1


async def test_the_undoing_of_another_stay_takes_no_offer_back(door: Door) -> None:
    await discharge_with_trigger(door, "V1")
    referral = await door.book.value("SELECT id FROM referral")
    await tell(door, "A01", pid(), pv1("V2"))
    await tell(door, "A03", pid(), pv1("V2", f36="19"))
    await tell(door, "A13", pid(), pv1("V2"))
    assert (await row(door, referral))["closed_at"] is None


# --- nobody waits for ever ------------------------------------------------------------------------------------------------------------------


async def test_a_stay_whose_end_is_never_told_comes_to_a_human(door: Door) -> None:
    referral = await accepted(door)
    await tell(door, "A01", pid(), pv1())
    for _ in range(2):
        await door.book.overdue(referral)
        await Watch(door.book.ledger, policy()).once()
        assert await items(door, referral) == ["long-stay"]
    after = await row(door, referral)
    assert (after["clock"], after["left"] > 0) == (Clock.STAY, True)


def test_a_policy_may_say_how_long_a_stay_is_waited_for_and_need_not() -> None:
    said = clocks().seconds(Clock.STAY, "routine", NOW)
    assert 26 * 86400 <= said <= 40 * 86400, "twenty working days"
    body = files("hub.deciding").joinpath("policies/2026-1.toml").read_bytes().replace(b"[clocks]", b'[clocks]\nstay.routine = { length = 3, unit = "hours" }')
    assert PolicyClocks(read_policy(body)).seconds(Clock.STAY, "routine", NOW) == 3 * 3600
