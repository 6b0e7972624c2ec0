"""Who is told what: the referrer, the prescriber, or a person by hand; each once, in words, and nobody against the person's will."""

from __future__ import annotations

import pytest
from standardwebhooks.webhooks import Webhook

from hub.security.client import Outbound
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.profile import Profile
from schemas.rejection import Reason
from schemas.task import Party
from tests.hub.dispatch.conftest import Bench, carried, webhook
from tests.hub.making import CASES, GP, WEBHOOK_SECRET, service_request
from tests.hub.receivers import receiver

PERSON = ("9990000026", "Prawf", "Stryd", "1948-05-17", "SA1")
"""What no message to a referrer may hold: it is the person's."""


async def test_an_assignment_reaches_the_prescriber_with_the_referral_and_the_referrer_without_it(bench: Bench) -> None:
    async with receiver() as gp, receiver() as cases:
        bench.known.add(GP, webhook(gp.url, "fhir_rest"))
        bench.known.add(CASES, webhook(cases.url, "case_management"))
        await bench.record.list_prescriber("p-1", "Gwasanaeth Lles")
        referral = await bench.record.create(key="7d5c0a57-5a3c-4c5e-8a68-5cb8f7f8a001")
        task = await bench.record.assign(referral)
        await bench.consume(referral)
        assert await carried(bench.webhooks(gp.port, cases.port)) == 2
        told, asked = gp.seen[0].said, cases.seen[0].said
        assert (told["type"], asked["type"]) == ("referral.assigned.v1", "referral.assigned.v1")
        assert told["data"]["prescriber"] == "Gwasanaeth Lles"
        assert "Gwasanaeth Lles was asked" in told["data"]["text"]["en"]
        assert "Gofynnwyd i Gwasanaeth Lles" in told["data"]["text"]["cy"]
        assert told["data"]["identifiers"][0]["system"] == "https://gp.example.wales/referral"
        assert not [word for word in PERSON if word.encode() in gp.seen[0].body]
        assert asked["data"]["task"]["id"] == task
        assert "It helps with loneliness in Swansea." in asked["data"]["text"]["en"]
        assert "Abertawe" in asked["data"]["text"]["cy"]
        kinds = [entry["resource"]["resourceType"] for entry in asked["data"]["bundle"]["entry"]]
        assert kinds[:2] == ["MessageHeader", "ServiceRequest"]
        assert b"9990000026" in cases.seen[0].body


async def test_the_signature_is_that_of_standard_webhooks_and_the_id_is_the_deliverys(bench: Bench) -> None:
    async with receiver() as gp:
        bench.known.add(GP, webhook(gp.url, "fhir_rest"))
        referral = await bench.record.create()
        await bench.record.assign(referral, client=None)
        await bench.consume(referral)
        await carried(bench.webhooks(gp.port))
        got = gp.seen[0]
        Webhook(WEBHOOK_SECRET).verify(got.body, got.headers)
        assert got.headers["webhook-id"] == str(await bench.record.value("SELECT id FROM delivery WHERE transport = 'webhook'"))


async def test_the_same_event_again_owes_nothing_more(bench: Bench) -> None:
    bench.known.add(GP, webhook("http://127.0.0.1:9/x", "fhir_rest"))
    referral = await bench.record.create()
    await bench.record.assign(referral)
    first = await bench.consume(referral)
    assert await bench.consume(referral) == first == 2


HELD = [
    # what the note says, and what the referrer must read at once
    ("He says he wants to kill himself.", "crisis", ("999", "NHS 111 and press 2"), ("999", "GIG 111 a phwyso 2")),
    ("Her husband hits her and she is afraid of him.", "domestic-abuse", ("0808 80 10 800",), ("0808 80 10 800",)),
]


@pytest.mark.parametrize(("note", "reason", "english", "welsh"), HELD)
async def test_of_a_hold_the_referrer_reads_that_nothing_was_sent_and_what_to_do_now(
    bench: Bench, note: str, reason: str, english: tuple[str, ...], welsh: tuple[str, ...]
) -> None:
    async with receiver() as gp:
        bench.known.add(GP, webhook(gp.url, "fhir_rest"))
        referral = await bench.record.create(body=service_request(note=[{"text": note}]))
        await bench.consume(referral)
        await carried(bench.webhooks(gp.port))
        data = gp.seen[0].said["data"]
        assert (gp.facts, data["reason"]) == (["referral.held.v1"], reason)
        assert data["text"]["en"].startswith("Nothing has been sent on")
        assert data["text"]["cy"].startswith("Nid oes dim wedi'i anfon ymlaen")
        assert all(phone in data["text"]["en"] for phone in english)
        assert all(phone in data["text"]["cy"] for phone in welsh)


async def test_without_the_persons_consent_no_assignment_is_owed_and_a_person_must_look(bench: Bench) -> None:
    bench.known.add(CASES, webhook("http://127.0.0.1:9/x", "case_management"))
    bench.known.add(GP, profile=Profile(feedback="none"))
    referral = await bench.record.create()
    await bench.record.apply(referral, Update(FactType.CONSENT_CHANGED, Party.REFERRER), agreed=False)
    await bench.record.assign(referral)
    await bench.consume(referral)
    assert await bench.states(referral) == [("operations", "by-hand", "assigned", "pending")]
    await bench.by_hand()
    item = (await bench.record.fetch("SELECT kind, reason FROM worklist_item WHERE referral_id = $1", referral))[0]
    assert tuple(item) == ("tell-by-hand", "consent-refused")


async def test_a_consent_withdrawn_after_composing_stops_the_assignment_at_the_door(bench: Bench) -> None:
    async with receiver() as cases:
        bench.known.add(CASES, webhook(cases.url, "case_management"))
        bench.known.add(GP, profile=Profile(feedback="none"))
        referral = await bench.record.create()
        await bench.record.assign(referral)
        await bench.consume(referral)
        await bench.record.apply(referral, Update(FactType.CONSENT_CHANGED, Party.REFERRER), agreed=False)
        await carried(bench.webhooks(cases.port))
        assert cases.seen == []
        assert await bench.states(referral) == [(CASES, "webhook", "assigned", "cancelled")]


async def test_a_death_cancels_what_is_pending_and_both_sides_are_told_to_stop(bench: Bench) -> None:
    async with receiver() as gp, receiver() as cases:
        bench.known.add(GP, webhook(gp.url, "fhir_rest"))
        bench.known.add(CASES, webhook(cases.url, "case_management"))
        referral = await bench.record.create()
        await bench.record.assign(referral)
        await bench.consume(referral)
        await bench.record.apply(referral, Update(FactType.PERSON_DIED, Party.HOSPITAL))
        await bench.consume(referral)
        await carried(bench.webhooks(gp.port, cases.port))
        assert (gp.facts, cases.facts) == (["referral.person-died.v1"], ["referral.person-died.v1"])
        assert cases.seen[0].said["data"]["bundle"] is None
        assert "do not contact" in cases.seen[0].said["data"]["text"]["en"]


BY_HAND = [
    # a prescriber without a system: somebody rings them with the assignment
    ("prescriber", None, CASES, {"p-1"}),
    # a referrer who is no client any more (revoked): somebody rings them too
    ("referrer", CASES, None, {GP}),
]


@pytest.mark.parametrize(("who", "task_client", "known", "rung"), BY_HAND)
async def test_whom_no_system_can_be_told_a_person_tells(bench: Bench, who: str, task_client: str | None, known: str | None, rung: set[str]) -> None:
    bench.known.add(CASES, webhook("http://127.0.0.1:9/x", "case_management"))
    if who == "prescriber":
        bench.known.add(GP, webhook("http://127.0.0.1:9/x", "fhir_rest"))
    referral = await bench.record.create()
    await bench.record.assign(referral, client=task_client)
    await bench.consume(referral)
    assert {recipient for recipient, transport, *_ in await bench.states(referral) if transport == "by-hand"} == rung
    assert await bench.by_hand() == 1
    assert await bench.by_hand() == 0
    rows = await bench.record.fetch("SELECT kind, reason, alert_at FROM worklist_item WHERE referral_id = $1", referral)
    assert [(row["kind"], row["reason"]) for row in rows] == [("tell-by-hand", "assigned")]
    assert rows[0]["alert_at"] is not None


async def test_a_client_of_kafka_gets_the_same_message_on_its_topic_too(bench: Bench) -> None:
    bench.known.add(CASES, webhook("http://127.0.0.1:9/x", "case_management"), kafka=True)
    bench.known.add(GP, profile=Profile(feedback="none"))
    referral = await bench.record.create()
    await bench.record.assign(referral)
    await bench.consume(referral)
    assert [(transport, state) for _, transport, _, state in await bench.states(referral)] == [("kafka", "pending"), ("webhook", "pending")]
    assert await bench.record.value("SELECT topic FROM outbox WHERE delivery_id IS NOT NULL") == f"to.{CASES}"


FEEDBACK = [
    # what the referrer wants to hear, and what it hears of assigned, accepted, first-contact
    (None, ["assigned", "accepted", "first-contact"]),
    ("all", ["assigned", "accepted", "first-contact"]),
    ("summary", ["assigned", "accepted"]),
    ("none", []),
]


URGENT = [
    # what no profile can switch off: somebody must act, and only the referrer knows the person
    ("none", "all of it was held", "He says he wants to kill himself.", ["held"]),
    ("summary", "all of it was held", "He says he wants to kill himself.", ["held"]),
    ("none", "the link worker hands the person on to urgent care", "", ["stepped-up"]),
]


@pytest.mark.parametrize(("feedback", "why", "note", "heard"), URGENT)
async def test_a_referrer_who_wants_to_hear_nothing_hears_of_a_crisis(bench: Bench, feedback: str, why: str, note: str, heard: list[str]) -> None:
    bench.known.add(GP, webhook("http://127.0.0.1:9/x", "fhir_rest"), profile=Profile.model_validate({"feedback": feedback}))
    bench.known.add(CASES, webhook("http://127.0.0.1:9/x", "case_management"))
    referral = await bench.record.create(body=service_request(note=[{"text": note}]) if note else None)
    if not note:
        task = await bench.record.assign(referral)
        await bench.record.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, task))
        await bench.record.apply(referral, Update(FactType.STEPPED_UP, Party.PRESCRIBER, task, reason=Reason.CRISIS))
    await bench.consume(referral)
    assert [fact for recipient, _, fact, _ in await bench.states(referral) if recipient == GP] == heard, why


WITHOUT_WORDS = [
    # whose connector cannot say it, and by which connector it is told
    ("a prescriber whose connector is gone", "prescriber", "vanished"),
    ("a referrer whose connector is gone", "referrer", "vanished"),
    ("a prescriber by a connector that does not know a request to cancel", "prescriber", "fhir_rest"),
    ("a referrer by a connector that does not know a closing", "referrer", "case_management"),
]


@pytest.mark.parametrize(("why", "who", "connector"), WITHOUT_WORDS)
async def test_what_a_recipients_connector_cannot_say_a_person_says(bench: Bench, why: str, who: str, connector: str) -> None:
    words = {"referrer": "fhir_rest", "prescriber": "case_management"} | {who: connector}
    bench.known.add(GP, webhook("http://127.0.0.1:9/x", words["referrer"]))
    bench.known.add(CASES, webhook("http://127.0.0.1:9/x", words["prescriber"]))
    referral = await bench.record.create()
    task = await bench.record.assign(referral)
    if who == "prescriber":
        await bench.record.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, task), Update(FactType.CANCEL_REQUESTED, Party.REFERRER))
    else:
        await bench.record.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, task), Update(FactType.COMPLETED, Party.PRESCRIBER, task))
    await bench.consume(referral)
    recipient, fact = (CASES, "cancel-requested") if who == "prescriber" else (GP, "completed")
    assert (recipient, "by-hand", fact, "pending") in await bench.states(referral), why
    by_hand = [transport for _, transport, *_ in await bench.states(referral)].count("by-hand")
    assert await bench.by_hand() == by_hand


@pytest.mark.parametrize(("feedback", "heard"), FEEDBACK)
async def test_the_referrer_hears_as_much_as_it_wants(bench: Bench, feedback: str | None, heard: list[str]) -> None:
    bench.known.add(GP, webhook("http://127.0.0.1:9/x", "fhir_rest"), profile=Profile.model_validate({"feedback": feedback}))
    bench.known.add(CASES, webhook("http://127.0.0.1:9/x", "case_management"))
    referral = await bench.record.create()
    task = await bench.record.assign(referral)
    await bench.record.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, task), Update(FactType.FIRST_CONTACT, Party.PRESCRIBER, task))
    await bench.consume(referral)
    assert [fact for recipient, _, fact, _ in await bench.states(referral) if recipient == GP] == heard


async def test_of_a_cancelled_referral_every_open_hand_over_hears_and_those_before_it_do_not(bench: Bench) -> None:
    bench.known.add(CASES, webhook("http://127.0.0.1:9/x", "case_management"))
    bench.known.add("cases-two", webhook("http://127.0.0.1:9/x", "case_management"))
    bench.known.add(GP, profile=Profile(feedback="none"))
    referral = await bench.record.create()
    first = await bench.record.assign(referral, "p-1")
    await bench.record.apply(referral, Update(FactType.DECLINED, Party.PRESCRIBER, first, reason=Reason.AT_CAPACITY))
    await bench.record.assign(referral, "p-2", "cases-two")
    await bench.record.apply(referral, Update(FactType.CANCELLED, Party.OPERATIONS))
    await bench.consume(referral)
    assert [(recipient, fact) for recipient, _, fact, _ in await bench.states(referral)] == [("cases-two", "cancelled")]


async def test_an_erased_endpoint_of_another_transport_is_not_mistaken(bench: Bench) -> None:
    """A client that moved from webhook to MLLP while a delivery waited: the old one cannot go, so a person tells."""
    async with receiver() as gp:
        bench.known.add(GP, webhook(gp.url, "fhir_rest"))
        referral = await bench.record.create()
        await bench.record.assign(referral, client=None)
        await bench.consume(referral)
        bench.known.add(GP, Outbound("mllp", "hospital_hl7v2", host="127.0.0.1", port=9))
        await carried(bench.webhooks(gp.port))
        assert (GP, "webhook", "assigned", "refused") in await bench.states(referral)


async def test_of_an_erased_referral_nobody_is_told_any_more(bench: Bench) -> None:
    bench.known.add(GP, webhook("http://127.0.0.1:9/x", "fhir_rest"))
    referral = await bench.record.create()
    await bench.record.assign(referral)
    events = await bench.record.events(referral)
    await bench.record.fetch("UPDATE referral SET sealing_key = NULL, content = NULL, message = NULL WHERE id = $1", referral)
    changes = [change for change in await bench.dispatch(events) if change is not None]
    await bench.record.ledger.commit_together(changes)
    assert await bench.states(referral) == []


async def test_a_message_that_was_owed_before_the_erasing_does_not_go(bench: Bench) -> None:
    async with receiver() as gp:
        bench.known.add(GP, webhook(gp.url, "fhir_rest"))
        referral = await bench.record.create()
        await bench.record.assign(referral, client=None)
        await bench.consume(referral)
        await bench.record.fetch("UPDATE referral SET sealing_key = NULL, content = NULL, message = NULL WHERE id = $1", referral)
        await carried(bench.webhooks(gp.port))
        assert gp.seen == []
        assert (GP, "webhook", "assigned", "cancelled") in await bench.states(referral)
