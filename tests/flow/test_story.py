"""What the hub is for, shown whole: systems outside speak to it over sockets, real stores underneath, each stage a process of its own."""

from __future__ import annotations

from uuid import uuid4

import httpx

from tests.faults.running import Running, until
from tests.flow.conftest import ON_KAFKA
from tests.flow.watching import WHOLE_WAY, Json, asking, comes_to, facts, hears, history, referral_id, told

GP, OTHER_GP, HOSPITAL, CASES = "gp-bangor", "gp-tywyn", "hospital-tywi", "case-management"


async def test_a_gp_hears_of_each_step_until_it_is_completed(hub: Running) -> None:
    posted = await hub.stand_ins[GP].order("post", postcode="SA1 1AA")
    assert posted["status"] == 201
    said = posted["answer"]["issue"][0]["details"]["text"]
    assert said  # who will contact the person and by when, at once, in the answer itself
    await hears(hub.stand_ins[GP], referral_id(posted), "assigned", "accepted", "first-contact", "completed")
    assert await history(hub, referral_id(posted)) == ["received", "assigned", "accepted", "first-contact", "completed", "closed"]


async def test_the_same_bytes_again_get_the_first_answer_and_make_nothing(hub: Running) -> None:
    first = await hub.stand_ins[GP].order("post", postcode="SA1 1AA")
    again = await hub.stand_ins[GP].order("post", case="again")
    assert (again["status"], again["location"], again["answer"]) == (201, first["location"], first["answer"])
    assert len(await hub.rows("SELECT 1 FROM request WHERE key = $1", first["request"])) == 1


async def test_another_text_under_a_used_request_id_is_refused(hub: Running) -> None:
    await hub.stand_ins[GP].order("post", postcode="SA1 1AA")
    assert (await hub.stand_ins[GP].order("post", case="reused"))["status"] == 422


async def test_one_wrong_in_three_places_hears_of_all_three_and_a_corrected_one_is_welcome(hub: Running) -> None:
    refused = await hub.stand_ins[GP].order("post", case="wrong")
    places = {at for issue in refused["answer"]["issue"] for at in issue.get("expression", ())}
    assert refused["status"] in (400, 422)
    assert {"ServiceRequest.status", "ServiceRequest.intent", "ServiceRequest.subject"} <= places
    assert not await hub.rows("SELECT 1 FROM request WHERE key = $1", refused["request"])
    assert (await hub.stand_ins[GP].order("post", postcode="SA1 1AA"))["status"] == 201


async def test_a_hospital_is_acknowledged_and_told_by_rri(hub: Running) -> None:
    hospital = hub.stand_ins[HOSPITAL]
    referred = await hospital.order("refer", seed=71, number=1)
    assert referred["code"] == "AA"
    row = (await hub.rows("SELECT r.id, r.ref FROM referral r JOIN request q ON q.referral_id = r.id WHERE q.key LIKE '%' || $1", referred["control"]))[0]

    async def heard() -> bool:
        return [line["status"] for line in told(hospital, row["ref"])] == ["P", "A", "A", "A"]

    await until(heard, 60, "four RRI^I12 with the statuses P, A, A, A")
    assert all(line["type"].startswith("RRI^I12") for line in told(hospital, row["ref"]))


async def test_a_plain_discharge_is_acknowledged_and_makes_no_referral(hub: Running) -> None:
    before = len(await hub.rows("SELECT 1 FROM referral"))
    assert (await hub.stand_ins[HOSPITAL].order("discharge", seed=72, number=1))["code"] == "AA"
    assert len(await hub.rows("SELECT 1 FROM referral")) == before


async def test_a_death_stops_what_is_open_and_both_ends_hear_of_it(hub: Running) -> None:
    cases, hospital = hub.stand_ins[CASES], hub.stand_ins[HOSPITAL]
    await cases.order("script", steps=["accept"])
    try:
        referred = await hospital.order("refer", seed=73, number=1)
        found = await hub.rows("SELECT r.id, r.ref FROM referral r JOIN request q ON q.referral_id = r.id WHERE q.key LIKE '%' || $1", referred["control"])
        await comes_to(hub, str(found[0]["id"]), "accepted")
        # a death takes back what is still on its way to be told, so that what came before must have been heard
        await until(lambda: _told_times(hub, found[0]["ref"], 2), 60, "the hospital to hear assigned and accepted")
        assert (await hospital.order("death", seed=73, number=1))["code"] == "AA"
        assert (await comes_to(hub, str(found[0]["id"]), "person-died"))[-1] == "person-died"
        await hears(cases, str(found[0]["id"]), "assigned", "person-moved", "person-died")
        await until(lambda: _told_times(hub, found[0]["ref"], 3), 60, "the hospital to hear assigned, accepted and the end")
        closed = await hub.rows("SELECT status, business_status, closed_at FROM referral WHERE id = $1", found[0]["id"])
        assert (closed[0]["status"], closed[0]["business_status"]) == ("cancelled", "closed-died")
        assert not await hub.rows("SELECT 1 FROM place_taken WHERE referral_id = $1 AND released_at IS NULL", found[0]["id"])
    finally:
        await cases.order("script", steps=list(WHOLE_WAY))


async def _told_times(hub: Running, ref: str, times: int) -> bool:
    return len(told(hub.stand_ins[HOSPITAL], ref)) == times


async def test_a_crisis_is_held_for_a_person_and_the_referrer_is_told_at_once(hub: Running) -> None:
    posted = await hub.stand_ins[GP].order("post", postcode="SA1 1AA", note="She says she wants to end her life.")
    assert posted["status"] == 201
    assert "999" in posted["answer"]["issue"][0]["details"]["text"] or "111" in str(posted["answer"])
    assert await history(hub, referral_id(posted)) == ["received", "held"]
    items = await hub.rows("SELECT reason FROM worklist_item WHERE referral_id = $1 AND closed_at IS NULL", referral_id(posted))
    assert [row["reason"] for row in items] == ["crisis"]
    await hears(hub.stand_ins[GP], referral_id(posted), "held")


async def test_where_nobody_is_free_the_referrer_hears_it_and_the_need_is_recorded(hub: Running) -> None:
    posted = await hub.stand_ins[GP].order("post", postcode="NP23 6AA")  # Blaenau Gwent: its only prescriber is full
    assert (await comes_to(hub, referral_id(posted), "unmet"))[:2] == ["received", "held"]
    await hears(hub.stand_ins[GP], referral_id(posted), "held")
    assert [row["reason"] for row in await hub.rows("SELECT reason FROM worklist_item WHERE referral_id = $1", referral_id(posted))] == ["no-prescriber"]


async def test_a_stale_if_match_is_412_and_the_current_one_is_heard(hub: Running) -> None:
    cases = hub.stand_ins[CASES]
    await cases.order("script", steps=[])
    try:
        posted = await hub.stand_ins[GP].order("post", postcode="SA1 1AA")
        await hears(cases, referral_id(posted), "assigned")
        task = next(line["task"] for line in cases.lines() if line.get("referral") == referral_id(posted))
        assert (await cases.order("update", task=task, step="accept", version="1"))["status"] == 412
        assert (await cases.order("update", task=task, step="accept"))["status"] == 428  # an update over HTTP says which version it saw
        accepted = await cases.order("update", task=task, step="accept", version="2")
        assert accepted["status"] == 200
        completed = await cases.order("update", task=task, step="complete", version=_version(accepted))
        assert completed["status"] == 200
        assert (await cases.order("update", task=task, step="accept", version=_version(completed)))["status"] == 409  # a final state is final
    finally:
        await cases.order("script", steps=list(WHOLE_WAY))


def _version(answered: Json) -> str:
    return str(answered["etag"]).removeprefix('W/"').removesuffix('"')


async def test_a_prescriber_who_declines_is_followed_by_the_next(hub: Running) -> None:
    cases = hub.stand_ins[CASES]
    await cases.order("script", steps=["decline"])
    try:
        posted = await hub.stand_ins[GP].order("post", postcode="LL57 1AA")
        await comes_to(hub, referral_id(posted), "declined")
        await until(lambda: _tried_twice(hub, referral_id(posted)), 60, "a second prescriber, or a person, to be asked")
        owners = [row["owner"] for row in await hub.rows("SELECT owner FROM task WHERE referral_id = $1 AND role = 'hand-over'", referral_id(posted))]
        assert len(owners) == len(set(owners))  # nobody is asked twice
    finally:
        await cases.order("script", steps=list(WHOLE_WAY))


async def _tried_twice(hub: Running, referral: str) -> bool:
    found = await history(hub, referral)
    return found.count("assigned") > 1 or found[-1] in ("held", "unmet")


async def test_a_case_system_on_kafka_hears_and_answers_there(hub: Running) -> None:
    posted = await hub.stand_ins[GP].order("post", postcode="LD1 5AA")
    await hears(hub.stand_ins[GP], referral_id(posted), "assigned", "accepted", "first-contact", "completed")
    assert facts(hub.stand_ins[ON_KAFKA], referral_id(posted)) == ["assigned"]
    sent = await hub.rows("SELECT connector, transport, state FROM delivery WHERE recipient = $1 AND referral_id = $2", ON_KAFKA, referral_id(posted))
    assert [(row["transport"], row["state"]) for row in sent] == [("kafka", "delivered")]


async def test_what_is_anothers_looks_as_if_it_were_not_there(hub: Running) -> None:
    posted = await hub.stand_ins[GP].order("post", postcode="SA1 1AA")
    await hears(hub.stand_ins[GP], referral_id(posted), "assigned", "accepted", "first-contact", "completed")
    tasks = [str(row["id"]) for row in await hub.rows("SELECT id FROM task WHERE referral_id = $1", referral_id(posted))]
    absent = "00000000-0000-4000-8000-000000000000"
    async with asking(hub, OTHER_GP) as stranger, asking(hub, GP) as owner:
        assert (await owner.get(f"/fhir/ServiceRequest/{referral_id(posted)}")).status_code == 200
        nothing = await stranger.get(f"/fhir/ServiceRequest/{absent}")
        assert nothing.status_code == 404
        for path in (f"/fhir/ServiceRequest/{referral_id(posted)}", *(f"/fhir/Task/{task}" for task in tasks)):
            theirs = await stranger.get(path)
            assert (theirs.status_code, theirs.content) == (404, nothing.content)


async def test_nobody_updates_a_hand_over_but_the_system_that_has_it(hub: Running) -> None:
    cases = hub.stand_ins[CASES]
    await cases.order("script", steps=[])
    try:
        posted = await hub.stand_ins[GP].order("post", postcode="SA1 1AA")
        await hears(cases, referral_id(posted), "assigned")
        task = next(line["task"] for line in cases.lines() if line.get("referral") == referral_id(posted))
        theirs, absent = await _accept(hub, ON_KAFKA, task), await _accept(hub, ON_KAFKA, "00000000-0000-4000-8000-000000000000")
        assert theirs[0] == absent[0] == 404
        assert theirs[1].replace(task, "") == absent[1].replace("00000000-0000-4000-8000-000000000000", "")
        assert (await _accept(hub, GP, task))[0] == 403  # the referrer may read, not answer for the prescriber
        assert (await history(hub, referral_id(posted)))[-1] in ("assigned", "unmet")
    finally:
        await cases.order("script", steps=list(WHOLE_WAY))


async def _accept(hub: Running, client: str, task: str) -> tuple[int, str]:
    body = {"resourceType": "Task", "id": task, "status": "accepted", "intent": "order"}
    headers = {"If-Match": 'W/"2"', "Content-Type": "application/fhir+json", "X-Request-Id": str(uuid4())}
    async with asking(hub, client) as sending:
        reply = await sending.put(f"/fhir/Task/{task}", json=body, headers=headers)
    return reply.status_code, reply.text


async def test_without_a_key_nothing_is_read_and_nothing_written(hub: Running) -> None:
    async with httpx.AsyncClient(base_url=hub.http, trust_env=False) as nobody:
        headers = {"Content-Type": "application/fhir+json", "X-Request-Id": str(uuid4())}
        assert (await nobody.post("/fhir/ServiceRequest", content=b"{}", headers=headers)).status_code == 401
        assert (await nobody.get("/fhir/Task/00000000-0000-4000-8000-000000000000")).status_code == 401
        wrong = {**headers, "Authorization": f"Bearer {hub.key_of(GP)[:-1]}x"}
        assert (await nobody.post("/fhir/ServiceRequest", content=b"{}", headers=wrong)).status_code == 401
