"""Nothing of a person stands where it must not: logs, metrics, Kafka's keys and headers, what everybody entitled may read, refusals, tables."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from tests.faults.running import Running, login
from tests.flow.conftest import ON_KAFKA
from tests.flow.watching import asking, hears, referral_id

GP = "gp-bangor"
CANARIES = ("Kanari-Prawf", "Dryw", "9990010234", "SA1 9ZZ", "1 Lôn y Kanari", "07700900987", "kanari@example.org")
"""A person whose every word is unlike any other's."""
WITH_CONTENT = ("referrals", f"to.{ON_KAFKA}", "to.case-management")


def _body(**changes: object) -> str:
    family, given, number, postcode, line, phone, mail = CANARIES
    patient = {
        "resourceType": "Patient", "id": "person", "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}],
        "name": [{"family": family, "given": [given]}], "birthDate": "1951-02-03", "address": [{"line": [line], "postalCode": postcode}],
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
    assert not [found for path in hub.logs for found in _seen(path.read_text("utf-8"))]
    async with asking(hub, GP) as asked:
        assert not list(_seen((await asked.get("/metrics")).text))
    assert not [found async for found in _on_kafka(hub)]
    assert not [found async for found in _in_tables(hub)]


def _seen(text: str) -> Iterator[str]:
    yield from (canary for canary in CANARIES if canary in text or canary.encode("unicode_escape").decode() in text)


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
        for canary in CANARIES:
            hexed = canary.encode().hex()
            if await hub.rows(f'SELECT 1 FROM "{table}" t WHERE position($1 in t::text) > 0 OR position($2 in t::text) > 0 LIMIT 1', canary, hexed):
                yield f"{table}: {canary}"


async def test_a_client_reads_and_writes_no_topic_but_its_own(hub: Running) -> None:
    """Not the hub's own topics, not another client's, not its own in the other direction."""
    if hub.stores.kafka_user is None:
        return  # a broker without logins (a container) has no access rules to try
    hers = await hub.stand_ins[GP].order("post", postcode="LD1 5AA")
    await hears(hub.stand_ins[GP], referral_id(hers), "assigned", "accepted", "first-contact", "completed")
    secret = json.loads((hub.folder / f"{ON_KAFKA}.secrets.json").read_text())["kafka_password"]
    settings = {**login(hub).client_settings(), "sasl_plain_username": ON_KAFKA, "sasl_plain_password": secret}
    foreign = ("referrals", "referral-status", "to.case-management", "from.case-management")
    assert await _reads(settings, f"{hub.prefix}to.{ON_KAFKA}")
    assert [topic for topic in (*foreign, f"from.{ON_KAFKA}") if await _reads(settings, hub.prefix + topic)] == []
    assert [topic for topic in (*foreign, f"to.{ON_KAFKA}") if await _writes(settings, hub.prefix + topic)] == []


async def _reads(settings: dict[str, Any], topic: str) -> bool:
    consumer = AIOKafkaConsumer(**settings, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        return bool(await consumer.getmany(timeout_ms=1500))
    except KafkaError:
        return False
    finally:
        await consumer.stop()


async def _writes(settings: dict[str, Any], topic: str) -> bool:
    producer = AIOKafkaProducer(**settings, request_timeout_ms=2000)
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"{}")
    except KafkaError:
        return False
    else:
        return True
    finally:
        await producer.stop()
