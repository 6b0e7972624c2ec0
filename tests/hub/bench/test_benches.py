"""Each bench, small, on the real stores: what it shows, and that it sees when what was acknowledged is not what is stored."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import orjson
import pytest

from hub.bench.accept import Asked as AcceptAsked
from hub.bench.accept import accept, stored
from hub.bench.ground import Ground, free_port, ground
from hub.bench.load import Order
from hub.bench.loop import Asked as LoopAsked
from hub.bench.loop import loop
from hub.bench.match import large, match
from hub.bench.profiles import costs
from hub.directory.snapshot import load_directory
from hub.embedded.stores import StoreAddresses
from hub.errors import Unavailable
from hub.settings import Settings, load


def settings(stores: StoreAddresses, folder: Path) -> Settings:
    return load(data=folder, database=stores.database, kafka=stores.kafka, kafka_user=stores.kafka_user, kafka_password=stores.kafka_password)


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def silent(_sentence: str) -> None:
    """Nobody watches."""


async def test_accept_finds_every_acknowledged_referral_in_the_record(stores: StoreAddresses, tmp_path: Path) -> None:
    found: dict[str, Any] = await accept(settings(stores, tmp_path), AcceptAsked((1, 4), 0.5, profile=True), silent)
    assert [row["connections"] for row in found["rows"]] == [1, 4]
    assert all(row["accepted"] > 0 and row["errors"] == 0 for row in found["rows"])
    assert found["stored"]["equal"]
    assert found["stored"]["acknowledged"] >= sum(row["accepted"] for row in found["rows"])
    assert found["durability"]["fsync"] == "on"
    assert found["costs"]
    assert left_in(tmp_path) == []


async def test_loop_tells_every_sender_and_drains_what_piled_up(stores: StoreAddresses, tmp_path: Path) -> None:
    found: dict[str, Any] = await loop(settings(stores, tmp_path), LoopAsked(rate=10, seconds=1, drain=30), silent)
    assert found["rows"][0]["accepted"] == found["rows"][0]["told"] == 10
    assert found["drain"][0]["referrals"] == 30
    assert found["stored"]["equal"]
    assert {row["process"] for row in found["steps"]} == {"intake,reading", "routing", "dispatch,watch", "relay"}


async def test_a_lost_a_doubled_and_an_unasked_referral_are_each_seen(stores: StoreAddresses, tmp_path: Path) -> None:
    async with ground(settings(stores, tmp_path), silent) as ours:
        assert (await stored(ours, []))["equal"]
        lost = await stored(ours, [("key", 201, str(uuid4()), 0.1, 0.0)])
        assert (lost["equal"], lost["lost"]) == (False, 1)
        await _planted(ours, "one")
        unasked = await stored(ours, [])
        assert (unasked["equal"], unasked["unasked"]) == (False, 1)
        assert (await stored(ours, [("one", 0, "", 30.0, 0.0)]))["equal"]  # nobody knows what became of a request without an answer


async def _planted(ours: Ground, key: str) -> None:
    """A referral that nobody sent."""
    id_ = uuid4()
    async with ours.pool.acquire() as connection:
        await connection.execute(
            """INSERT INTO referral (id, ref, client, connector, status, business_status, version, priority, last_hash)
               VALUES ($1, 'X', 'bench-gp', 'fhir_rest', 'requested', 'received', 1, 'routine', '')""",
            id_,
        )
        await connection.execute("INSERT INTO request (client, key, body_hash, referral_id, answer) VALUES ('bench-gp', $1, '', $2, '')", key, id_)


async def test_stages_that_do_not_start_are_said_with_their_own_words(stores: StoreAddresses, tmp_path: Path) -> None:
    async with ground(settings(stores, tmp_path), silent, HUB_KEY_FILE=str(tmp_path / "no-such-key")) as ours:
        with pytest.raises(Unavailable, match="do not start"):
            await ours.start("intake,reading")


def test_match_decides_on_a_small_and_a_large_directory() -> None:
    rows = cast(list[dict[str, Any]], match(0.05)["rows"])
    assert [row["directory"] for row in rows] == ["demonstration", "large"]
    assert rows[1]["assets"] == 2_000
    assert all(row["decisions"] >= 200 and row["assigned_percent"] > 50 and row["median_us"] > 0 for row in rows)


def test_the_large_directory_is_the_small_one_again_and_again() -> None:
    found = large(load_directory(), 500)
    assert len({one.id for one in found.assets}) == 500
    assert len(found.prescribers) == len(load_directory().prescribers)


def test_without_a_profile_there_are_no_costs(tmp_path: Path) -> None:
    assert costs(tmp_path / "none.profile") == []


async def test_the_receiver_writes_down_what_came_and_when(tmp_path: Path) -> None:
    port, out = free_port(), tmp_path / "told"
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "hub.bench.listener", str(port), str(out), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for id_ in ("a", "b"):  # in pieces, and two on one connection
        body = orjson.dumps({"type": "referral.assigned.v1", "data": {"id": id_}})
        writer.write(b"POST /told HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body))
        await writer.drain()
        writer.write(body)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
    writer.close()
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert [orjson.loads(line)[1:] for line in out.read_bytes().splitlines()] == [["referral.assigned.v1", "a"], ["referral.assigned.v1", "b"]]


async def test_a_load_whose_door_hangs_up_counts_failures_and_ends(tmp_path: Path) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    order = Order("127.0.0.1", server.sockets[0].getsockname()[1], ["token"], 1, 0.2, str(tmp_path / "sent"), count=3)
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "hub.bench.load", stdin=asyncio.subprocess.PIPE)
    await process.communicate(orjson.dumps({name: getattr(order, name) for name in order.__slots__}))
    server.close()
    lines = [orjson.loads(line) for line in (tmp_path / "sent").read_bytes().splitlines()]
    assert lines
    assert all(status == 0 for _, status, *_ in lines)
