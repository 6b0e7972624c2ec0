"""Nothing of a person stands where it must not: logs, metrics, Kafka's keys and headers, what everybody entitled may read, refusals, tables."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

from aiokafka import AIOKafkaConsumer

from tests.faults.running import Running, login
from tests.flow.conftest import ON_KAFKA
from tests.flow.watching import WHOLE_WAY, asking, comes_to, hears, referral_id

GP, HOSPITAL, CASES = "gp-bangor", "hospital-tywi", "case-management"
CANARIES = ("Kanari-Prawf", "Dryw", "9990010234", "SA1 9ZZ", "1 Lôn y Kanari", "07700900987", "kanari@example.org")
"""A person whose every word is unlike any other's."""
BORN = ("1951-02-03", "19510203")
"""When that person was born, as FHIR and as HL7 v2 write it; nobody else in these tests was."""
IN_HOSPITAL = "9990010242"
"""The number by which the hospital knows another of the same name, so that neither is taken for the other's duplicate."""
EVERY = (*CANARIES, *BORN, IN_HOSPITAL)
WITH_CONTENT = ("referrals", f"to.{ON_KAFKA}", "to.case-management")


def _body(**changes: object) -> str:
    family, given, number, postcode, line, phone, mail = CANARIES
    patient = {
        "resourceType": "Patient", "id": "person", "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}],
        "name": [{"family": family, "given": [given]}], "birthDate": BORN[0], "address": [{"line": [line], "postalCode": postcode}],
        "telecom": [{"system": "phone", "value": phone}, {"system": "email", "value": mail}],
    }  # fmt: skip
    request = {
        "resourceType": "ServiceRequest", "contained": [patient], "identifier": [{"system": "https://gp.example.wales/referral", "value": "canary"}],
        "status": "active", "intent": "order", "code": {"text": "Social prescribing"}, "subject": {"reference": "#person"},
        "note": [{"text": f"{given} {family} of {line} would like company."}],
    }  # fmt: skip
    return json.dumps(request | changes, ensure_ascii=False)


async def test_a_canary_is_found_nowhere_that_it_must_not_be(hub: Running) -> None:
    gp = hub.stand_ins[GP]
    sound = await gp.order("post", body=_body())
    await hears(gp, referral_id(sound), "assigned", "accepted", "first-contact", "completed")
    held = await gp.order("post", body=_body(note=[{"text": f"{CANARIES[1]} {CANARIES[0]} wants to end her life."}]))
    refused = await gp.order("post", body=_body(status=CANARIES[0], intent=CANARIES[5], modifierExtension=[{"url": CANARIES[6], "valueString": CANARIES[4]}]))
    poison = await gp.order("post", body=_body()[:-20])
    assert [one["status"] for one in (sound, held)] == [201, 201]
    assert refused["status"] in (400, 422)
    assert poison["status"] == 400
    for answer in (held["answer"], refused["answer"], poison["answer"]):
        assert not list(_seen(json.dumps(answer, ensure_ascii=False)))
    await _is_found_nowhere(hub)


def _message(kind: str, control: str, *segments: str, pid_more: str = "") -> str:
    """An HL7 v2 message of the same person, who is in hospital."""
    family, given, _, postcode, line, phone, mail = CANARIES
    pid = f"PID|1||{IN_HOSPITAL}^^^NHS^NH||{family}^{given}||{BORN[1]}|F|||{line}^^ABERTAWE^^{postcode}^^H||{phone}^PRN^PH~^NET^Internet^{mail}{pid_more}"
    header = f"MSH|^~\\&|WPAS|7A3|SPHUB|SPHUB|20260302090000||{kind}|{control}|P|2.4|||||GBR|UNICODE UTF-8"
    return "\r".join((header, *(segments or ("EVN||20260302150500",)), pid)) + "\r"


def _refers(control: str, note: str) -> str:
    """A REF^I12 of them."""
    request = (f"RF1|P|R|SP^Social prescribing^L|AM|O|H-{control}^WPAS|20260302", "PRD|RP|Prawf^Sian^^^Dr||^^7A3C7|||C1234567^GMC")
    return _message("REF^I12^REF_I12", control, *request) + f"DG1|1||422650009^Social isolation^SCT\rNTE|1||{note}\r"


HELD_NOTE = f"{CANARIES[1]} {CANARIES[0]} wants to end her life."
ANSWERED: tuple[tuple[str, str, str], ...] = (
    # what the hospital sends after its referral, and the acknowledgement that it must get
    ("another address of somebody who is with a prescriber", "AA", _message("ADT^A31^ADT_A05", "KANARI31").replace("1 Lôn", "21 Lôn")),
    ("details that are no date and no postcode", "AA", _message("ADT^A08^ADT_A01", "KANARI08").replace(BORN[1], CANARIES[0]).replace("SA1 9ZZ", CANARIES[1])),
    ("a discharge", "AA", _message("ADT^A03^ADT_A03", "KANARI03") + f"PV1|1|I|WARD 7^Bay 2^Bed 3^7A3C7{'|' * 33}19\r"),
    ("a merge of two of their numbers", "AA", _message("ADT^A40^ADT_A39", "KANARI40") + "MRG|9990010250^^^NHS^NH\r"),
    ("a merge that the hub does not know", "AA", _message("ADT^A34^ADT_A30", "KANARI34") + f"MRG|9990010250^^^NHS^NH^{CANARIES[0]}\r"),
    ("words of crisis", "AA", _refers("KANARIHELD", HELD_NOTE)),
    ("a kind of message that is refused by name", "AR", _message("ORM^O01^ORM_O01", "KANARIORM")),
    ("a referral of nobody", "AR", _refers("KANARINOBODY", HELD_NOTE).replace("PID|1|", "ZZZ|1|")),
    ("names where codes belong", "AA", _refers("KANARICODES", HELD_NOTE).replace("|AM|O|", f"|{CANARIES[0]}|{CANARIES[1]}|")),
    ("a death", "AA", _message("ADT^A31^ADT_A05", "KANARIDEAD", pid_more=f"{'|' * 17}Y")),
)  # fmt: skip


async def test_a_canary_that_comes_by_hl7_is_found_nowhere_either(hub: Running) -> None:
    hospital, cases = hub.stand_ins[HOSPITAL], hub.stand_ins[CASES]
    await cases.order("script", steps=["accept"])
    try:
        assert (await hospital.order("text", message=_refers("KANARI1", f"{CANARIES[1]} {CANARIES[0]} would like company.")))["code"] == "AA"
        referral = str((await hub.rows("SELECT referral_id FROM request WHERE key LIKE '%KANARI1'"))[0]["referral_id"])
        await comes_to(hub, referral, "accepted")
        answers = {why: await hospital.order("text", message=message) for why, _, message in ANSWERED}
        assert {why: one["code"] for why, one in answers.items()} == {why: code for why, code, _ in ANSWERED}
        for one in answers.values():
            assert not list(_seen(one["answer"]))
        assert "person-changed" in await comes_to(hub, referral, "person-died")
    finally:
        await cases.order("script", steps=list(WHOLE_WAY))
    await _is_found_nowhere(hub)


async def _is_found_nowhere(hub: Running) -> None:
    """Logs, metrics, Kafka, tables."""
    assert not [found for path in hub.logs for found in _seen(path.read_text("utf-8"))]
    async with asking(hub, GP) as asked:
        assert not list(_seen((await asked.get("/metrics")).text))
    assert not [found async for found in _on_kafka(hub)]
    assert not [found async for found in _in_tables(hub)]


def _seen(text: str) -> Iterator[str]:
    yield from (canary for canary in EVERY if canary in text or canary.encode("unicode_escape").decode() in text)


async def _on_kafka(hub: Running) -> AsyncIterator[str]:
    """Keys and headers of every topic; bodies too where no personal content may be."""
    consumer = AIOKafkaConsumer(*await _topics(hub), **login(hub).client_settings(), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        parts = sorted(consumer.assignment())
        ends = await consumer.end_offsets(parts)
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for part, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    body = b"" if part.topic.removeprefix(hub.prefix) in WITH_CONTENT else record.value or b""
                    for found in _seen(f"{record.key!r} {record.headers!r} {body.decode('utf-8', 'replace')}"):
                        yield f"{part.topic}: {found}"
    finally:
        await consumer.stop()


async def _topics(hub: Running) -> list[str]:
    consumer = AIOKafkaConsumer(**login(hub).client_settings())
    await consumer.start()
    try:
        found = [name for name in await consumer.topics() if name.startswith(hub.prefix)]
    finally:
        await consumer.stop()
    assert {f"{hub.prefix}referrals", f"{hub.prefix}referral-status", f"{hub.prefix}to.{ON_KAFKA}"} <= set(found)
    return found


async def _in_tables(hub: Running) -> AsyncIterator[str]:
    """Every column of every row of the ledger, as PostgreSQL writes it out; bytes as they rest. Nobody's client or directory is a patient."""
    tables = [row[0] for row in await hub.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")]
    for table in tables:
        for canary in EVERY:
            hexed = canary.encode().hex()
            if await hub.rows(f'SELECT 1 FROM "{table}" t WHERE position($1 in t::text) > 0 OR position($2 in t::text) > 0 LIMIT 1', canary, hexed):
                yield f"{table}: {canary}"
