"""Search at the door, on the real record: a client finds its own and nobody else's, page by page."""

from __future__ import annotations

from urllib.parse import urlsplit

import orjson
import pytest

from schemas.events import FactType
from schemas.fhir.check import check
from schemas.lifecycle import Update
from schemas.task import Party
from tests.hub.making import CASES, GP, Record, service_request
from tests.hub.reading.asking import asked, found, ids

SYSTEM = "https://gp.example.wales/referral"
SR, TASK = "/fhir/ServiceRequest", "/fhir/Task"


def named(value: str) -> bytes:
    return service_request(identifier=[{"system": SYSTEM, "value": value}])


async def test_a_referrer_finds_its_request_by_its_own_identifier(opened: Record) -> None:
    wanted = await opened.create(body=named("A-1"))
    await opened.create(body=named("A-2"))
    made = await found(opened, f"{SR}?identifier={SYSTEM}|A-1", GP)
    assert ids(made) == [str(wanted)]
    assert made["entry"][0]["fullUrl"] == f"http://hub.example.wales{SR}/{wanted}"
    assert check(made) == ()
    assert await opened.value("SELECT count(*) FROM audit WHERE action = 'referral.read' AND referral_id = $1", wanted) == 1


async def test_every_link_begins_with_the_address_that_operations_set_whatever_host_was_called(opened: Record) -> None:
    for value in ("A-1", "A-2"):
        await opened.create(body=named(value))
    reply = await asked(opened, "GET", f"{SR}?_count=1", GP, public="https://hub.example.wales/door")
    made = orjson.loads(reply.body)
    links = [*(link["url"] for link in made["link"]), *(entry["fullUrl"] for entry in made["entry"])]
    assert len(links) == 3
    assert [link for link in links if not link.startswith(f"https://hub.example.wales/door{SR}")] == []
    statement = orjson.loads((await asked(opened, "GET", "/fhir/metadata", GP, public="https://hub.example.wales/door")).body)
    assert statement["implementation"]["url"] == "https://hub.example.wales/door/fhir"


async def test_nobody_finds_anothers_whatever_they_ask(opened: Record) -> None:
    id_ = await opened.create(body=named("A-1"))
    ref = await opened.value("SELECT ref FROM referral WHERE id = $1", id_)
    for query in ("", f"?identifier={SYSTEM}|A-1", f"?_id={id_}", "?status=active", f"?identifier=https://hub.example.wales/Id/referral|{ref}"):
        made = await found(opened, f"{SR}{query}", "gp-arall")
        assert "entry" not in made
        assert check(made) == ()
    assert "entry" not in await found(opened, f"{TASK}?focus=ServiceRequest/{id_}", "gp-arall")
    assert await opened.value("SELECT count(*) FROM audit WHERE action = 'referral.read'") == 0


async def test_pages_hold_every_referral_once(opened: Record) -> None:
    made = [str(await opened.create()) for _ in range(5)]
    seen: list[str] = []
    address = f"{SR}?_count=2"
    for _ in range(3):
        page = await found(opened, address, GP)
        seen += ids(page)
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        assert len(following) == (len(seen) < 5)
        address = f"{SR}?{urlsplit(following[0]).query}" if following else address
    assert seen == made


async def test_a_request_reads_as_its_referrer_said_last(opened: Record) -> None:
    kept, revoked, wrong = [await opened.create() for _ in range(3)]
    await opened.assign(revoked)
    await opened.apply(revoked, Update(FactType.CANCEL_REQUESTED, Party.REFERRER))
    await opened.apply(wrong, Update(FactType.ENTERED_IN_ERROR, Party.REFERRER))
    for status, id_ in (("active", kept), ("revoked", revoked), ("entered-in-error", wrong)):
        made = await found(opened, f"{SR}?status={status}", GP)
        assert ids(made) == [str(id_)]
        assert made["entry"][0]["resource"]["status"] == status
    assert len(ids(await found(opened, f"{SR}?status=revoked,active", GP))) == 2


async def test_polling_by_time_finds_what_changed_since(opened: Record) -> None:
    old, new = await opened.create(), await opened.create()
    await opened.fetch("UPDATE referral SET created_at = '2026-01-05T10:00:00Z' WHERE id = $1", old)
    assert ids(await found(opened, f"{SR}?_lastUpdated=lt2026-01-06", GP)) == [str(old)]
    assert ids(await found(opened, f"{SR}?_lastUpdated=gt2026-01-05", GP)) == [str(new)]
    await opened.apply(old, Update(FactType.UPDATED, Party.REFERRER))
    assert ids(await found(opened, f"{SR}?_lastUpdated=gt2026-01-05", GP)) == [str(old), str(new)]


async def test_each_finds_its_own_tasks(opened: Record) -> None:
    id_ = await opened.create()
    hand_over = await opened.assign(id_)
    other = await opened.create()
    coordination = str(await opened.value("SELECT id FROM task WHERE role = 'coordination' AND referral_id = $1", id_))
    assert ids(await found(opened, f"{TASK}?focus=ServiceRequest/{id_}", GP)) == [coordination]
    assert ids(await found(opened, f"{TASK}?status=requested", CASES)) == [hand_over]
    assert ids(await found(opened, f"{TASK}?business-status=matched&_id={hand_over},{coordination}", CASES)) == [hand_over]
    ref = await opened.value("SELECT ref FROM referral WHERE id = $1", other)
    assert len(ids(await found(opened, f"{TASK}?identifier=https://hub.example.wales/Id/referral|{ref}", GP))) == 1
    assert ids(await found(opened, f"{SR}", CASES)) == [str(id_)], "who has it finds the request behind it"


async def test_a_form_that_is_posted_finds_the_same(opened: Record) -> None:
    wanted = await opened.create(body=named("A-1"))
    form = {"content-type": "application/x-www-form-urlencoded"}
    reply = await asked(opened, "POST", f"{SR}/_search", GP, f"identifier={SYSTEM}%7CA-1".encode(), headers=form)
    assert ids(orjson.loads(reply.body)) == [str(wanted)]
    for body, headers, status in ((b"{}", {"content-type": "application/json"}, 415), (b"\xff", form, 400), (b"&".join([b"a=1"] * 101), form, 400)):
        assert (await asked(opened, "POST", f"{SR}/_search", GP, body, headers=headers)).status == status


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        (f"{SR}?patient:exact=Gwdihw&_count=1000000&_sort=_id", {}, 400),  # C31
        (f"{TASK}?owner=Gwdihw", {}, 400),
        (SR, {"accept": "application/xml; version=9"}, 406),  # C28
    ],
)
async def test_a_search_that_is_not_understood_is_refused(opened: Record, address: str, headers: dict[str, str], status: int) -> None:
    reply = await asked(opened, "GET", address, GP, headers=headers)
    said = orjson.loads(reply.body)
    assert (reply.status, said["resourceType"]) == (status, "OperationOutcome")
    assert "search was not done" in said["issue"][0]["details"]["text"]
    assert b"Gwdihw" not in reply.body


async def test_an_erased_referral_is_not_found(opened: Record) -> None:
    id_ = await opened.create()
    await opened.fetch("UPDATE referral SET sealing_key = NULL WHERE id = $1", id_)
    assert "entry" not in await found(opened, SR, GP)
