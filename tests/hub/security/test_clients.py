"""Clients on the real PostgreSQL: what is issued works, what is revoked does not, and the database gives nothing away."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio

from hub.errors import Misconfigured
from hub.ledger.database import Pool, open_pool
from hub.ledger.sealing import Sealing
from hub.security.client import MllpBinding, Outbound
from hub.security.clients import Clients
from hub.security.registration import NewClient, add_client, remove_client, renew_client
from hub.security.scopes import Scope
from schemas.profile import Profile

SEALING = Sealing.from_secret(secrets.token_bytes(32))
TOLD = Outbound("webhook", "fhir_rest", url="https://gp.nhs.wales/hook")
GP = NewClient("gp-a", "gp", frozenset({Scope.REFERRAL_CREATE}), "Practice A", outbound=TOLD)
BOUND = MllpBinding(("10.1.2.0/24", "127.0.0.1"), "MYRDDIN", "W94999")
HOSPITAL = NewClient("hospital-a", "hospital", frozenset({Scope.REFERRAL_CREATE}), mllp=BOUND)


@pytest_asyncio.fixture(loop_scope="session")
async def pool(database: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database, size=2)
    yield opened
    await opened.close()


async def _loaded(pool: Pool) -> Clients:
    clients = Clients(pool, SEALING)
    await clients.load()
    return clients


async def test_an_issued_key_opens_the_door_as_that_client_and_as_no_other(pool: Pool) -> None:
    issued = await add_client(pool, SEALING, GP)
    other = await add_client(pool, SEALING, replace(GP, id="gp-b"))
    clients = await _loaded(pool)
    assert re.fullmatch(r"hub_gp-a_[0-9A-Za-z]{43}", issued.key)
    client = clients.by_key(issued.key)
    assert client is not None
    assert (client.id, client.name, client.scopes, client.organisation_type) == ("gp-a", "Practice A", {Scope.REFERRAL_CREATE}, "gp")
    assert client.profile == Profile(organisation_type="gp")
    assert client.secrets == (issued.webhook_secret,)
    known = clients.by_key(other.key)
    assert known is not None
    assert known.id == "gp-b"


async def test_a_key_that_is_nearly_right_is_wrong(pool: Pool) -> None:
    key = (await add_client(pool, SEALING, GP)).key
    clients = await _loaded(pool)
    last = "a" if key[-1] != "a" else "b"
    wrong = ["", key[:-1], key[:-1] + last, key + "a", key.upper(), key.replace("gp-a", "gp-b"), key.replace("hub_", ""), f" {key}", key + "\0", "a" * 100_000]
    assert [clients.by_key(one) for one in wrong] == [None] * len(wrong)


async def test_a_key_ends_after_a_year_at_the_latest(pool: Pool) -> None:
    issued = await add_client(pool, SEALING, GP)
    now = datetime.now(UTC)
    assert issued.key_expires_at <= now + timedelta(days=366)
    clients = Clients(pool, SEALING, clock=lambda: issued.key_expires_at)
    await clients.load()
    assert clients.by_key(issued.key) is None


async def test_a_revoked_client_is_out_at_the_next_reading_and_its_id_is_never_given_again(pool: Pool) -> None:
    issued = await add_client(pool, SEALING, GP)
    clients = await _loaded(pool)
    assert await remove_client(pool, "gp-a")
    assert not await remove_client(pool, "gp-a")
    await clients.load()
    assert (clients.by_key(issued.key), clients.by_id("gp-a"), clients.all()) == (None, None, ())
    with pytest.raises(Misconfigured):
        await add_client(pool, SEALING, GP)


async def test_a_running_hub_learns_of_new_and_revoked_clients_by_itself(pool: Pool) -> None:
    clients = await _loaded(pool)
    running = asyncio.create_task(clients.run())
    try:
        issued = await add_client(pool, SEALING, GP)
        await _until(lambda: clients.by_key(issued.key) is not None)
        await remove_client(pool, "gp-a")
        await _until(lambda: clients.by_key(issued.key) is None)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _until(true: object) -> None:
    assert callable(true)
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110  what is awaited is somebody else's doing
            await asyncio.sleep(0.05)


async def test_nothing_in_the_database_opens_a_door_or_signs_a_webhook(pool: Pool, database: str) -> None:
    issued = await add_client(pool, SEALING, GP)
    assert issued.webhook_secret is not None
    connection = await asyncpg.connect(database)
    rows = await connection.fetch("SELECT client::text AS said FROM client UNION ALL SELECT audit::text FROM audit")
    await connection.close()
    said = " ".join(row["said"] for row in rows)
    for secret in (issued.key, issued.key.rpartition("_")[2], issued.webhook_secret, issued.webhook_secret.removeprefix("whsec_")):
        assert secret not in said
        assert secret.encode().hex() not in said
    another = Clients(pool, Sealing.from_secret(secrets.token_bytes(32)))
    await another.load()
    assert another.by_key(issued.key) is None
    assert issued.key not in repr(issued)
    assert issued.webhook_secret not in repr((await _loaded(pool)).all())


async def test_a_new_key_replaces_the_old_at_once_and_a_new_secret_signs_beside_the_last(pool: Pool) -> None:
    first = await add_client(pool, SEALING, GP)
    second = await renew_client(pool, SEALING, "gp-a")
    third = await renew_client(pool, SEALING, "gp-a")
    clients = await _loaded(pool)
    assert [clients.by_key(one.key) is not None for one in (first, second, third)] == [False, False, True]
    client = clients.by_id("gp-a")
    assert client is not None
    assert client.secrets == (third.webhook_secret, second.webhook_secret)
    with pytest.raises(Misconfigured):
        await renew_client(pool, SEALING, "nobody-else")


BINDINGS = [
    ("its own address and names", "10.1.2.77", "MYRDDIN", "W94999", True),
    ("loopback, named too", "127.0.0.1", "MYRDDIN", "W94999", True),
    ("another network", "10.1.3.1", "MYRDDIN", "W94999", False),
    ("another application", "10.1.2.77", "OTHER", "W94999", False),
    ("another facility", "10.1.2.77", "MYRDDIN", "W94998", False),
    ("no names", "10.1.2.77", "", "", False),
    ("the right names in another case", "10.1.2.77", "myrddin", "W94999", False),
    ("an address of another family", "::1", "MYRDDIN", "W94999", False),
    ("no address", "unknown", "MYRDDIN", "W94999", False),
]


async def test_an_mllp_sender_is_known_by_address_application_and_facility_together(pool: Pool) -> None:
    await add_client(pool, SEALING, HOSPITAL)
    await add_client(pool, SEALING, GP)
    clients = await _loaded(pool)
    for why, peer, application, facility, known in BINDINGS:
        assert (clients.by_mllp(peer, application, facility) is not None) is known, why
    assert (clients.knows_address("10.1.2.1"), clients.knows_address("10.9.9.9")) == (True, False)


async def test_who_was_heard_from_is_written_down_once_for_many_requests(pool: Pool) -> None:
    key = (await add_client(pool, SEALING, GP)).key
    clients = await _loaded(pool)
    for _ in range(5):
        clients.by_key(key)
    await clients.note_used()
    assert await pool.fetchval("SELECT last_used_at IS NOT NULL FROM client WHERE id = 'gp-a'")


async def test_a_row_that_makes_no_sense_is_left_out_and_harms_no_other(pool: Pool) -> None:
    key = (await add_client(pool, SEALING, GP)).key
    await pool.execute("INSERT INTO client (id, name, organisation_type, scopes) VALUES ('odd', 'odd', 'gp', '{everything}')")
    clients = await _loaded(pool)
    assert clients.by_key(key) is not None
    assert clients.by_id("odd") is None


async def test_every_change_is_audited_with_who_did_it(pool: Pool) -> None:
    await add_client(pool, SEALING, GP)
    await renew_client(pool, SEALING, "gp-a")
    await remove_client(pool, "gp-a")
    rows = await pool.fetch("SELECT actor, action, detail->>'client' AS client FROM audit ORDER BY seq")
    assert [(row["action"], row["client"]) for row in rows] == [(f"client.{done}", "gp-a") for done in ("added", "renewed", "revoked")]
    assert all(row["actor"].startswith("user:") for row in rows)


REFUSED = [
    ("an id with a dot: it would reach into another's topics", replace(GP, id="gp.a")),
    ("an id in capitals", replace(GP, id="GP")),
    ("the hub's own name", replace(GP, id="hub")),
    ("a type that there is not", replace(GP, organisation_type="pharmacy")),
    ("a webhook inside", replace(GP, outbound=Outbound("webhook", "fhir_rest", url="https://127.0.0.1/"))),
    ("a webhook without TLS", replace(GP, outbound=Outbound("webhook", "fhir_rest", url="http://gp.nhs.wales/"))),
    ("no webhook", replace(GP, outbound=Outbound("webhook", "fhir_rest"))),
    ("an MLLP receiver without a port", replace(GP, outbound=Outbound("mllp", "hospital_hl7v2", host="10.0.0.1"))),
    ("a connector that there is not: nobody would compose what it is told", replace(GP, outbound=replace(TOLD, connector="vanished"))),
    ("a connector that says nothing by this transport", replace(GP, outbound=replace(TOLD, connector="hospital_hl7v2"))),
    ("an MLLP receiver told by a connector of webhooks", replace(GP, outbound=Outbound("mllp", "fhir_rest", host="10.0.0.1", port=2575))),
    ("an MLLP sender at any address", replace(HOSPITAL, mllp=replace(BOUND, addresses=("0.0.0.0/0",)))),
    ("an MLLP sender at none", replace(HOSPITAL, mllp=replace(BOUND, addresses=()))),
    ("an MLLP sender at no address", replace(HOSPITAL, mllp=replace(BOUND, addresses=("hospital",)))),
    ("an MLLP sender without a facility", replace(HOSPITAL, mllp=replace(BOUND, sending_facility=""))),
    ("a Kafka login where there is no Kafka", replace(GP, kafka=True)),
]


@pytest.mark.parametrize("new", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_what_makes_no_sense_is_refused_and_nothing_is_written(pool: Pool, new: NewClient) -> None:
    with pytest.raises(Misconfigured):
        await add_client(pool, SEALING, new)
    assert await pool.fetchval("SELECT count(*) FROM client") == 0


async def test_two_clients_that_mllp_could_not_tell_apart_are_not_both_registered(pool: Pool) -> None:
    await add_client(pool, SEALING, HOSPITAL)
    with pytest.raises(Misconfigured):
        await add_client(pool, SEALING, replace(HOSPITAL, id="hospital-b", mllp=replace(BOUND, addresses=("10.1.2.5",))))


async def test_a_receiver_inside_is_registered_only_when_it_is_allowed_by_host_and_port(pool: Pool) -> None:
    inside = replace(GP, outbound=Outbound("webhook", "fhir_rest", url="http://127.0.0.1:9000/hook"))
    with pytest.raises(Misconfigured):
        await add_client(pool, SEALING, inside, allowed=frozenset({("127.0.0.1", 9001)}))
    assert (await add_client(pool, SEALING, inside, allowed=frozenset({("127.0.0.1", 9000)}))).webhook_secret
