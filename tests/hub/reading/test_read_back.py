"""What a referrer sends through intake, it reads back: a transaction of two, its change, its end, and who was asked by which Task."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest

from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.places import Places
from hub.reading.resources import read_request, read_task
from hub.registry import installed
from hub.security.client import Client
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.messages import InboundMessage, Reply
from schemas.task import Party
from tests.hub.making import GP, Record, policy
from tests.hub.reading.asking import found, ids

SYSTEM = "https://gp.example.wales/referral"
PEOPLE = {"a": ("9990000026", "Prawf", "1948-05-17"), "b": ("9990000018", "Arall", "1950-02-03")}


def url(name: str) -> str:
    return f"https://gp.example.wales/fhir/{name}"


def person(key: str) -> dict[str, Any]:
    number, family, born = PEOPLE[key]
    identifier = [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}]
    made = {"resourceType": "Patient", "identifier": identifier, "name": [{"family": family}], "birthDate": born}
    return {"fullUrl": url(f"Patient/{key}"), "resource": made}


def request(key: str, **more: Any) -> dict[str, Any]:
    made = {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": "Social prescribing"}}
    own = {"identifier": [{"system": SYSTEM, "value": f"GP-{key}"}], "subject": {"reference": f"Patient/{key}"}}
    return {"fullUrl": url(f"ServiceRequest/{key}"), "resource": made | own | more}


def task(key: str) -> dict[str, Any]:
    made = {"resourceType": "Task", "status": "requested", "intent": "order", "focus": {"reference": f"ServiceRequest/{key}"}}
    return {"fullUrl": url(f"Task/{key}"), "resource": made | {"identifier": [{"system": "https://gp.example.wales/task", "value": f"T-{key}"}]}}


def transaction(*entries: dict[str, Any], **asked: str) -> bytes:
    made = [entry | {"request": {"method": "POST", "url": entry["resource"]["resourceType"]} | asked} for entry in entries]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": made})


async def sent(book: Record, body: bytes, target: str = "POST /fhir", **headers: str) -> Reply:
    """What the referrer hears of a message that comes in by the door."""
    intake = Intake(book.ledger, Maker(policy(), Places.load(), book.ledger.sealing))
    method, _, address = target.partition(" ")
    path = {"id": address.rpartition("/")[2]} if method == "PUT" else {}
    listened = "PUT /fhir/ServiceRequest/{id}" if method == "PUT" else target
    named = {"content-type": "application/fhir+json", "x-request-id": str(uuid4())} | {name.replace("_", "-"): value for name, value in headers.items()}
    message = InboundMessage(body, listened, named, path, datetime.now(UTC), GP)
    return await intake.receive(installed()["fhir_rest"], message, Client(GP, GP, "gp", frozenset()), "http")


def said(reply: Reply) -> dict[str, Any]:
    made: dict[str, Any] = orjson.loads(reply.parts[0])
    return made


async def test_two_requests_of_a_transaction_are_two_referrals(opened: Record) -> None:
    reply = await sent(opened, transaction(person("a"), person("b"), request("a"), request("b"), task("b")))
    responses = [entry["response"] for entry in said(reply)["entry"]]
    assert (reply.status, [one["status"] for one in responses]) == (200, ["200 OK", "200 OK", "201 Created", "201 Created", "200 OK"])
    made = [one["location"].removeprefix("ServiceRequest/") for one in responses if "location" in one]
    assert ids(await found(opened, "/fhir/ServiceRequest", GP)) in (made, made[::-1])
    first = await found(opened, f"/fhir/ServiceRequest?identifier={SYSTEM}|GP-a", GP)
    assert ids(first) == made[:1]
    for id_, other in zip(made, ("Arall", "Prawf"), strict=True):
        contents = await opened.fetch("SELECT id, sealing_key, content FROM referral WHERE id = $1", id_)
        opened_key = opened.ledger.sealing.key(contents[0]["id"], contents[0]["sealing_key"])
        assert other.encode() not in opened_key.open("content", contents[0]["content"]), "two people's data never meet"


async def test_all_or_none(opened: Record) -> None:
    reply = await sent(opened, transaction(person("a"), request("a"), request("b", subject={"display": "somebody"})))
    assert reply.status == 422
    assert "nothing was sent" in said(reply)["issue"][0]["details"]["text"]
    assert await opened.value("SELECT count(*) FROM referral") == 0


async def test_our_coordination_task_is_part_of_the_referrers_own(opened: Record) -> None:
    await sent(opened, transaction(person("a"), request("a"), task("a")))
    coordination = await opened.value("SELECT id FROM task WHERE role = 'coordination'")
    made = await read_task(opened.ledger.pool, opened.ledger.sealing, coordination, GP)
    assert made is not None
    own = [{"reference": url("Task/a"), "type": "Task", "identifier": {"system": "https://gp.example.wales/task", "value": "T-a"}}]
    assert made["partOf"] == own
    referral = await opened.value("SELECT id FROM referral")
    await opened.apply(referral, Update(FactType.HELD, Party.OPERATIONS, reason="clinical"))
    told = [one["resource"] for event in await opened.events(referral) for one in orjson.loads(event.data)["entry"]]
    ours = [one["partOf"] for one in told if one["resourceType"] == "Task" and one.get("id") == str(coordination)]
    assert ours == [own, own], "in what was received, and in every later fact"


async def test_a_condition_that_is_met_makes_nothing(opened: Record) -> None:
    body = transaction(person("a"), request("a"))
    first = await sent(opened, body)
    made = said(first)["entry"][1]["response"]["location"]
    again = await sent(opened, transaction(person("a"), request("a"), ifNoneExist=f"identifier={SYSTEM}|GP-a"))
    assert [one["response"]["status"] for one in said(again)["entry"]] == ["200 OK", "200 OK"]
    assert said(again)["entry"][1]["response"]["location"] == made
    single = orjson.dumps(request("a", subject={"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}})["resource"])
    alone = await sent(opened, single, "POST /fhir/ServiceRequest", if_none_exist=f"identifier={SYSTEM}|GP-a")
    assert (alone.status, dict(alone.headers)["Location"]) == (200, f"/fhir/{made}")
    assert await opened.value("SELECT count(*) FROM referral") == 1
    assert (await sent(opened, single, "POST /fhir/ServiceRequest", if_none_exist=f"identifier={SYSTEM}|GP-z")).status == 201
    met_by_two = await sent(opened, single, "POST /fhir/ServiceRequest", if_none_exist=f"identifier={SYSTEM}|GP-a")
    assert (met_by_two.status, said(met_by_two)["issue"][1]["details"]["coding"][0]["code"]) == (412, "multiple-matches")


async def test_a_change_is_read_back_under_the_next_version(opened: Record) -> None:
    reply = await sent(opened, transaction(person("a"), request("a")))
    id_ = said(reply)["entry"][1]["response"]["location"].removeprefix("ServiceRequest/")
    who = {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}}
    changed = orjson.dumps(request("a", id=id_, subject=who, note=[{"text": "Has moved in with her sister."}])["resource"])
    target = f"PUT /fhir/ServiceRequest/{id_}"
    taken = await sent(opened, changed, target, if_match='W/"1"')
    assert (taken.status, dict(taken.headers)["ETag"]) == (200, 'W/"2"')
    now = await read_request(opened.ledger.pool, opened.ledger.sealing, await opened.value("SELECT id FROM referral"), GP)
    assert now is not None
    assert (now["note"][0]["text"], now["meta"]["versionId"]) == ("Has moved in with her sister.", "2")
    stale = await sent(opened, changed, target, if_match='W/"1"')
    assert (stale.status, "nothing was changed" in said(stale)["issue"][0]["details"]["text"]) == (412, True)
    assert [("expression" in issue, issue.get("diagnostics")) for issue in said(stale)["issue"][1:]] == [(False, "If-Match")]
    assert (await sent(opened, changed, target)).status == 428
    elsewhere = await sent(opened, orjson.dumps(orjson.loads(changed) | {"id": str(uuid4())}), target, if_match='W/"2"')
    assert elsewhere.status == 400
    nameless = orjson.dumps({name: value for name, value in orjson.loads(changed).items() if name != "id"})
    assert (await sent(opened, nameless, f"PUT /fhir/ServiceRequest/{uuid4()}", if_match='W/"1"')).status == 404


@pytest.mark.parametrize(("status", "answer"), [("revoked", "cancelled"), ("entered-in-error", "sent in error")])
async def test_what_is_taken_back_reads_so(opened: Record, status: str, answer: str) -> None:
    reply = await sent(opened, transaction(person("a"), request("a")))
    id_ = said(reply)["entry"][1]["response"]["location"].removeprefix("ServiceRequest/")
    taken = await sent(opened, transaction(person("a"), request("a", status=status)))
    assert taken.status == 200
    assert answer in said(taken)["entry"][1]["response"]["outcome"]["issue"][0]["details"]["text"]
    assert ids(await found(opened, f"/fhir/ServiceRequest?status={status}", GP)) == [id_]
    unknown = await sent(opened, transaction(person("b"), request("b", status=status)))
    assert (unknown.status, said(unknown)["issue"][1]["details"]["coding"][0]["code"]) == (404, "not-found")
    assert "nothing was changed" in said(unknown)["issue"][0]["details"]["text"]
