"""`hub check`: each fault planted in a real store is named with its colour and the next command, and the exit code says whether anyone waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from hub.embedded.stores import StoreAddresses
from hub.security.kafka_access import KafkaAccess, TopicSpec
from hub.security.registration import NewClient, add_client
from hub.security.scopes import USUAL
from hub.serving import topic_specs
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.task import Party
from tests.faults.running import until
from tests.hub.making import Record
from tests.hub.operations.commands import Commands, Ended


@pytest_asyncio.fixture(loop_scope="session")
async def topics(stores: StoreAddresses, topic_prefix: str) -> AsyncIterator[KafkaAccess]:
    """The topics as the hub makes them."""
    access = KafkaAccess(stores.kafka, stores.kafka_user, stores.kafka_password, topic_prefix)
    await access.ensure_topics(topic_specs([]))
    yield access
    await access.delete_topics([topic.name for topic in topic_specs([])])


def colours(ended: Ended) -> dict[str, str]:
    return {one["name"]: one["colour"] for one in ended.lines[0]["findings"]}


def commands_for(ended: Ended) -> dict[str, str | None]:
    return {one["name"]: one["command"] for one in ended.lines[0]["findings"]}


async def test_nobody_waits_on_a_sound_hub_and_every_part_is_looked_at(hub: Commands, opened: Record, topics: KafkaAccess) -> None:
    await opened.list_prescriber("p-1", "Prawf")
    await add_client(opened.ledger.pool, opened.ledger.sealing, NewClient("gp-a", "gp", USUAL["referrer"]))
    ended = await hub("check", "--json")
    assert (ended.code, ended.lines[0]["waiting"]) == (0, {"causes": [], "people": 0})
    found = colours(ended)
    assert found.pop("sender") == "amber"  # nothing is set here: see below
    green = {"settings", "key", "postgres", "clock", "outbox", "dead-letters", "deliveries", "worklist", "directory", "kafka", "topics", "clients", "links"}
    assert {name for name, colour in found.items() if colour == "green"} == green
    assert {name for name, colour in found.items() if colour != "green"} == {"hub", "door", "lag-routing", "lag-dispatch"}  # no stage runs here
    said = await hub("check", "--language", "cy")
    assert said.out.splitlines()[:2] == ["A oes unrhyw un yn aros o'n herwydd ni?", "Nac oes: nid oes neb yn aros o'n herwydd ni."]


WHO_WRITES = {"HUB_PHONE": "01792 000000", "HUB_SENDER_ADDRESS": "1 Stryd y Prawf; Abertawe", "HUB_SENDER_CY": "Yr hyb"}


@pytest.mark.parametrize("unset", [*((name,) for name in WHO_WRITES), tuple(WHO_WRITES), ()])
async def test_what_letters_cannot_say_for_want_of_a_setting_is_named(hub: Commands, opened: Record, unset: tuple[str, ...]) -> None:
    told = {name: value for name, value in WHO_WRITES.items() if name not in unset}
    ended = await replace(hub, environment={**hub.environment, **told})("check", "--json")
    (said,) = [one for one in ended.lines[0]["findings"] if one["name"] == "sender"]
    assert (said["colour"], said["command"] is None) == (("amber", False) if unset else ("green", True))
    assert [name for name in WHO_WRITES if name in said["words"]["en"]] == [name for name in WHO_WRITES if name in said["words"]["cy"]] == list(unset)


@pytest.mark.parametrize(
    ("told", "colour"),
    [
        ({}, "green"),  # on this machine the host that was asked is the right one
        ({"HUB_HTTP": "0.0.0.0:8080"}, "amber"),
        ({"HUB_PRODUCTION": "true"}, "amber"),
        ({"HUB_PRODUCTION": "true", "HUB_PUBLIC_URL": "https://hub.example.wales"}, "green"),
    ],
)
async def test_a_door_for_others_must_know_its_own_address(hub: Commands, opened: Record, told: dict[str, str], colour: str) -> None:
    ended = await replace(hub, environment={**hub.environment, **told})("check", "--json")
    (said,) = [one for one in ended.lines[0]["findings"] if one["name"] == "links"]
    assert (said["colour"], said["command"] is None) == (colour, colour == "green")
    assert ("HUB_PUBLIC_URL" in said["words"]["en"], "HUB_PUBLIC_URL" in said["words"]["cy"]) == (colour == "amber",) * 2


async def test_somebody_who_waits_is_counted_and_the_command_ends_with_one(hub: Commands, opened: Record, topics: KafkaAccess) -> None:
    referral = await opened.create()
    await opened.overdue(referral)
    ended = await hub("check", "--json")
    assert (ended.code, ended.lines[0]["waiting"]["people"]) == (1, 1)
    (cause,) = ended.lines[0]["waiting"]["causes"]
    assert (cause["kind"], cause["people"], cause["command"].startswith("hub ")) == ("deadline", 1, True)
    said = await hub("check")
    assert "Yes: at least 1" in said.out
    assert f"next: {cause['command']}" in said.out


async def test_an_item_past_its_alarm_is_red_and_an_outbox_that_stands_is_named(hub: Commands, opened: Record, topics: KafkaAccess) -> None:
    referral = await opened.create()
    await opened.apply(referral, Update(FactType.HELD, Party.HUB, reason="crisis"))
    await opened.fetch("UPDATE worklist_item SET alert_at = now() - interval '1 minute'")
    await opened.fetch("UPDATE outbox SET created_at = now() - interval '5 minutes'")
    ended = await hub("check", "--json")
    assert (ended.code, colours(ended)["worklist"], colours(ended)["outbox"]) == (1, "red", "red")
    assert {cause["kind"] for cause in ended.lines[0]["waiting"]["causes"]} == {"worklist", "outbox"}


async def test_topics_that_are_not_as_declared_are_named(hub: Commands, opened: Record, topics: KafkaAccess) -> None:
    declared = next(topic for topic in topic_specs([]) if topic.name == "referral-status")
    await topics.ensure_topics([TopicSpec(declared.name, declared.partitions, {**declared.config, "retention.ms": "1000"})])
    await topics.delete_topics(["directory"])
    said: list[str] = []

    async def both_are_named() -> bool:
        """A broker shows a change of topics a moment after it was made."""
        ended = await hub("check", "--json")
        said.extend(one["words"]["en"] for one in ended.lines[0]["findings"] if one["name"] == "topics" and one["colour"] == "red")
        return "Topics are not as declared: directory, referral-status." in said

    await until(both_are_named, 20, "both topics to be named")


@pytest.mark.parametrize(
    ("ends", "colour", "name"),
    [
        ("10 days", "amber", "clients"),  # soon enough to be renewed in peace
        ("-1 days", "red", "keys-ended"),  # its referrals are refused now
    ],
)
async def test_keys_that_end_are_named_with_the_command_that_renews_them(hub: Commands, opened: Record, ends: str, colour: str, name: str) -> None:
    await add_client(opened.ledger.pool, opened.ledger.sealing, NewClient("gp-a", "gp", USUAL["referrer"]))
    await opened.fetch(f"UPDATE client SET key_expires_at = now() + interval '{ends}'")
    ended = await hub("check", "--json")
    assert (colours(ended)[name], commands_for(ended)[name]) == (colour, "hub clients renew gp-a")


async def test_without_the_record_nobody_can_tell_and_that_is_not_no(hub: Commands) -> None:
    away = replace(hub, environment={**hub.environment, "HUB_DATABASE": "postgresql://hub@127.0.0.1:1/hub"})
    ended = await away("check", "--json")
    assert (ended.code, ended.lines[0]["waiting"]["people"], colours(ended)["postgres"], colours(ended)["kafka"]) == (1, None, "red", "green")
    assert "We cannot tell" in (await away("check")).out


async def test_without_kafka_the_record_is_still_asked(hub: Commands, opened: Record) -> None:
    away = replace(hub, environment={**hub.environment, "HUB_KAFKA": "127.0.0.1:1"})
    ended = await away("check", "--json")
    assert (ended.code, colours(ended)["kafka"], colours(ended)["postgres"]) == (0, "red", "green")


async def test_a_message_that_is_due_names_its_recipient_and_nothing_else(hub: Commands, opened: Record, topics: KafkaAccess) -> None:
    referral = await opened.create()
    await opened.fetch(
        """INSERT INTO delivery (id, referral_id, event_id, fact, recipient, party, connector, transport, message_key, content_type, sequence, next_attempt_at)
           SELECT gen_random_uuid(), referral_id, id, type, 'gp-a', 'referrer', 'fhir_rest', 'webhook', 'k', 'application/json', 1, now() - interval '3 minutes'
           FROM event WHERE referral_id = $1""",
        referral,
    )
    ended = await hub("check", "--json")
    assert (ended.code, colours(ended)["deliveries"]) == (1, "amber")
    words = next(one["words"]["en"] for one in ended.lines[0]["findings"] if one["name"] == "deliveries")
    assert words == "Messages that are due: 1, to gp-a."


async def test_a_hub_that_nobody_knows_is_said_plainly(hub: Commands) -> None:
    alone = replace(hub, environment={name: value for name, value in hub.environment.items() if name in ("HUB_DATA", "HUB_KEY_FILE")})
    ended = await alone("check")
    assert (ended.code, "No hub runs on this data folder" in ended.err) == (78, True)
