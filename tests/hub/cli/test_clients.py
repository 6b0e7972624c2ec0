"""`hub clients` as a person types it, against a real database and a real Kafka."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import confluent_kafka
import pytest_asyncio

from hub.embedded.stores import StoreAddresses
from hub.ledger.database import open_pool
from hub.security.clients import Clients
from hub.security.hub_key import open_sealing
from hub.settings import load


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def line(self) -> dict[str, object]:
        (only,) = self.out.splitlines()
        found: dict[str, object] = json.loads(only)
        assert list(found) == sorted(found)
        return found


Hub = Callable[..., Awaitable[Ended]]


@pytest_asyncio.fixture(loop_scope="session")
async def hub(secured: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[Hub]:
    (tmp_path / "key").write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")} | {
        "HUB_DATABASE": database, "HUB_KAFKA": secured.kafka, "HUB_KEY_FILE": str(tmp_path / "key"), "HUB_DATA": str(tmp_path / "data"),
        "HUB_KAFKA_USER": secured.kafka_user or "", "HUB_KAFKA_PASSWORD": secured.kafka_password or "", "HUB_TOPIC_PREFIX": topic_prefix,
        "HUB_WEBHOOK_ALLOW": "127.0.0.1:9000",
    }  # fmt: skip

    async def run(*arguments: str, **more: str) -> Ended:
        command = [sys.executable, "-m", "hub", "clients", *arguments]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, env=environment | more, stdout=pipe, stderr=pipe)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Ended(process.returncode or 0, out.decode(), err.decode())

    yield run


async def test_a_client_is_added_listed_renewed_and_revoked_and_its_secrets_are_seen_once(hub: Hub, database: str, tmp_path: Path) -> None:
    added = await hub("add", "gp-a", "--type", "gp", "--name", "Practice A", "--webhook", "http://127.0.0.1:9000/hook")
    assert (added.code, sorted(added.line)) == (0, ["client", "kafka_password", "kafka_user", "key", "key_expires_at", "webhook_secret"])
    key = str(added.line["key"])
    listed = await hub("list")
    assert (listed.line["id"], listed.line["scopes"], listed.line["revoked_at"]) == ("gp-a", ["referral.create", "referral.read", "task.read"], None)
    assert not any(secret in listed.out for secret in (key, str(added.line["webhook_secret"])))
    renewed = str((await hub("renew", "gp-a")).line["key"])
    pool = await open_pool(database, size=2)
    clients = Clients(pool, open_sealing(load(key_file=tmp_path / "key")))
    await clients.load()
    assert (clients.by_key(key), clients.by_key(renewed) is not None) == (None, True)
    assert (await hub("revoke", "gp-a")).line == {"client": "gp-a", "revoked": True}
    await clients.load()
    await pool.close()
    assert clients.by_key(renewed) is None
    assert (await hub("list")).line["revoked_at"] is not None


async def test_a_kafka_client_writes_its_own_topic_with_the_password_it_was_given(hub: Hub, secured: StoreAddresses, topic_prefix: str) -> None:
    client = f"cm-{secrets.token_hex(3)}"
    added = await hub("add", client, "--type", "case-management", "--kafka", "--reads", "referral-status")
    assert (added.code, added.line["kafka_user"], added.line["webhook_secret"]) == (0, client, None)
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": client}
    sent = await asyncio.to_thread(_write, {**login, "bootstrap.servers": secured.kafka, "sasl.password": added.line["kafka_password"]}, topic_prefix, client)
    assert sent == [None]
    assert (await hub("revoke", client)).code == 0


def _write(login: dict[str, object], prefix: str, client: str) -> list[object]:
    sent: list[object] = []
    producer = confluent_kafka.Producer({**login, "message.timeout.ms": 10_000})
    producer.produce(f"{prefix}from.{client}", b"{}", on_delivery=lambda error, _message: sent.append(error))
    producer.flush(15)
    return sent


REFERRERS = [
    ("housing", ("--sharing-agreement", "yes", "--channel", "housing", "--feedback", "worklist"), True),
    ("local-authority", ("--sharing-agreement", "yes", "--feedback", "webhook", "--webhook", "http://127.0.0.1:9000/hook"), True),
    ("third-sector", ("--sharing-agreement", "yes", "--feedback", "email", "--email", "desk@charity.example"), True),
    ("police", ("--feedback", "none"), None),  # nothing agreed: said once, loudly, when it is added
    ("fire", ("--sharing-agreement", "no", "--feedback", "hl7", "--mllp-out", "127.0.0.1:2575"), False),
    ("education", ("--sharing-agreement", "yes"), True),
    ("gp", (), None),  # the NHS needs no agreement for its own care
]


async def test_any_organisation_that_refers_is_a_client_by_configuration(hub: Hub) -> None:
    for kind, options, agreed in REFERRERS:
        added = await hub("add", f"{kind}-a", "--organization-type", kind, *options)
        assert added.code == 0, (kind, added.err)
        assert ("will be held" in added.err) is (kind in ("police", "fire")), kind
        assert agreed in (True, False, None)
    listed = {line["id"]: line for line in map(json.loads, (await hub("list")).out.splitlines())}
    assert {kind: listed[f"{kind}-a"]["sharing_agreement"] for kind, _, _ in REFERRERS} == {kind: agreed for kind, _, agreed in REFERRERS}
    ways = {kind: listed[f"{kind}-a"]["feedback_by"] for kind, _, _ in REFERRERS}
    assert (ways["housing"], ways["local-authority"], ways["third-sector"], ways["fire"], ways["gp"]) == ("worklist", "webhook", "email", "hl7", None)
    assert (listed["police-a"]["feedback"], listed["police-a"]["feedback_by"]) == ("none", "none")
    assert "desk@charity.example" not in str(listed)


async def test_an_agreement_is_recorded_later_and_ended_again(hub: Hub) -> None:
    assert (await hub("add", "police-b", "--type", "police")).code == 0
    assert (await hub("agree", "police-b")).line == {"client": "police-b", "sharing_agreement": True}
    assert (await hub("list")).line["sharing_agreement"] is True
    assert (await hub("agree", "police-b", "--ended")).line == {"client": "police-b", "sharing_agreement": False}
    assert (await hub("agree", "police-z")).code == 64


WRONG = [
    ("no type", ("add", "gp-b"), 64),
    ("a scope that there is not", ("add", "gp-b", "--type", "gp", "--scope", "everything"), 64),
    ("two ways to be told", ("add", "gp-b", "--type", "gp", "--webhook", "https://gp.nhs.wales/", "--mllp-out", "h:1"), 64),
    ("an MLLP receiver without a port", ("add", "gp-b", "--type", "hospital", "--mllp-out", "hospital"), 64),
    ("a facility without an address", ("add", "gp-b", "--type", "hospital", "--sending-facility", "W1"), 64),
    ("a profile that is not there", ("add", "gp-b", "--type", "gp", "--profile", "/nowhere.json"), 64),
    ("a webhook inside", ("add", "gp-b", "--type", "gp", "--webhook", "https://169.254.169.254/"), 78),
    ("told by webhook without one", ("add", "h-b", "--type", "housing", "--feedback", "webhook"), 78),
    ("told by e-mail without an address", ("add", "h-b", "--type", "housing", "--feedback", "email"), 78),
    ("told by HL7 without a receiver", ("add", "h-b", "--type", "housing", "--feedback", "hl7"), 78),
    ("told on a topic without a login", ("add", "h-b", "--type", "housing", "--feedback", "topic"), 78),
    ("told by a person, and a webhook given", ("add", "h-b", "--type", "gp", "--feedback", "worklist", "--webhook", "https://gp.nhs.wales/"), 78),
    ("told by pigeon", ("add", "h-b", "--type", "housing", "--feedback", "pigeon"), 64),
    ("a channel that nothing knows", ("add", "h-b", "--type", "housing", "--channel", "gp"), 64),
    ("a topic that is another's or the hub's own", ("add", "cm-b", "--type", "case-management", "--kafka", "--reads", "referrals"), 78),
    ("a further topic without a login", ("add", "cm-b", "--type", "case-management", "--reads", "directory"), 78),
    ("a connector that has nobody to tell", ("add", "gp-b", "--type", "gp", "--connector", "bars"), 64),
    ("a type that there is not", ("add", "gp-b", "--type", "gpp"), 78),
    ("an agreement that is neither yes nor no", ("add", "h-b", "--type", "housing", "--sharing-agreement", "perhaps"), 64),
    ("an address that is none", ("add", "h-b", "--type", "housing", "--email", "desk"), 64),
    ("a client that nobody knows", ("revoke", "gp-z"), 64),
    ("a renewal for nobody", ("renew", "gp-z"), 78),
]


AGREED_WRONG = [
    ({"channel": "gp"}, "self, housing, form"),  # nothing would ever read it
    ({"service": "physiotherapy"}, "social-prescribing"),
    ({"organisation": "Tai Prawf Cyf"}, "ODS"),
    ({"charset": "utf-88"}, "UTF-8"),
    ({"language": "fr"}, "language"),
    ({"feedback": "everything"}, "feedback"),
    ({"organisation_type": "gpp"}, "organisation_type"),
    ({"chanel": "form"}, "chanel"),
]


async def test_what_was_agreed_in_a_file_is_checked_as_what_is_typed(hub: Hub, tmp_path: Path) -> None:
    for agreed, named in AGREED_WRONG:
        (tmp_path / "agreed.json").write_text(json.dumps(agreed))
        ended = await hub("add", "h-b", "--type", "housing", "--profile", str(tmp_path / "agreed.json"))
        assert (ended.code in (64, 78), ended.out, named in ended.err) == (True, "", True), (agreed, ended)
    assert (await hub("list")).out == ""


async def test_what_cannot_be_done_is_a_plain_sentence_and_an_exit_code(hub: Hub) -> None:
    for why, arguments, code in WRONG:
        ended = await hub(*arguments)
        assert (ended.code, ended.out) == (code, ""), (why, ended)
        assert ended.err.strip(), why
    assert (await hub("list")).out == ""


async def test_an_organisation_is_given_the_forms_address_for_its_staff(hub: Hub) -> None:
    assert (await hub("add", "tai-prawf", "--type", "housing")).code == 0
    given = (await hub("link", "tai-prawf")).line
    assert str(given["en"]).startswith("/refer/organisation/tai-prawf.p.")
    assert str(given["cy"]).startswith("/cyfeirio/sefydliad/tai-prawf.p.")
    assert (await hub("link", "tai-prawf", "--call-handler")).line["way"] == "call-handler"
    whole = (await hub("link", "tai-prawf", HUB_PUBLIC_URL="https://hub.example.wales")).line
    assert (whole["en"], whole["cy"]) == (f"https://hub.example.wales{given['en']}", f"https://hub.example.wales{given['cy']}")
    await hub("revoke", "tai-prawf")
    refused = await hub("link", "tai-prawf")
    assert (refused.code, refused.out) == (64, "")
