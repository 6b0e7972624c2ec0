"""The embedded stores, really started, killed, stopped and started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from hub.embedded import children
from hub.embedded.data_folder import DataFolder
from hub.embedded.jars import Jar
from hub.embedded.java import Java
from hub.embedded.kafka import Kafka, new_cluster_id
from hub.embedded.postgres import Postgres
from hub.embedded.stores import EmbeddedStores, Ports, StoreAddresses
from hub.errors import Misconfigured, Unavailable
from hub.security.kafka_access import KafkaAccess, TopicSpec
from tests import stores as of_the_run

HUB_THAT_IS_KILLED = """
import asyncio, sys
from pathlib import Path
from hub.embedded.stores import EmbeddedStores
async def main():
    stores = EmbeddedStores(Path(sys.argv[1]), Path(sys.argv[2]), lambda line: None)
    addresses = await stores.start()
    print(stores.postgres.process.pid, stores.kafka.process.pid, addresses.database, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def _quiet(_line: str) -> None:
    return None


def _stores(folder: Path, progress: Callable[[str], None] = _quiet, ports: Ports = Ports()) -> EmbeddedStores:  # noqa: B008 - frozen
    return EmbeddedStores(folder, of_the_run.cache(), progress, ports)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[EmbeddedStores, StoreAddresses, list[str]]]:
    """Stores of this module's own, supervised, in a deep folder with a Welsh name; and what they said."""
    lines: list[str] = []
    folder = tmp_path_factory.mktemp("tŷ mawr") / ("deep" * 12) / ("deeper" * 12)
    stores = _stores(folder, lines.append)
    addresses = await stores.start()
    watching = asyncio.create_task(stores.supervise())
    yield stores, addresses, lines
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await stores.stop()


async def _query(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _until_answers(attempt: Callable[[], object], seconds: float = 30.0) -> object:
    """The attempt's result, as soon as there is one."""
    until = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await attempt()  # type: ignore[misc]
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, Unavailable):
            if asyncio.get_running_loop().time() > until:
                raise
            await asyncio.sleep(0.1)


def _login(addresses: StoreAddresses) -> dict[str, str | None]:
    return {
        "bootstrap_servers": addresses.kafka,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": addresses.kafka_user,
        "sasl_plain_password": addresses.kafka_password,
    }


async def test_each_test_has_a_database_of_its_own_that_survives_a_power_cut(database: str) -> None:
    assert await _query(database, "SHOW fsync") == "on"
    assert await _query(database, "SHOW synchronous_commit") == "on"
    assert await _query(database, "SHOW full_page_writes") == "on"
    assert await _query(database, "SELECT current_database()") != "hub"


async def test_only_who_knows_the_password_gets_in(running: tuple[EmbeddedStores, StoreAddresses, list[str]]) -> None:
    stores, addresses, _lines = running
    assert stores.postgres is not None
    assert await _query(addresses.database, "SELECT inet_server_addr() = '127.0.0.1'")
    wrong = f"postgresql://hub:wrong@127.0.0.1:{stores.postgres.port}/hub"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


async def test_a_second_hub_on_the_same_folder_is_refused(running: tuple[EmbeddedStores, StoreAddresses, list[str]]) -> None:
    second = _stores(running[0].data)
    with pytest.raises(Misconfigured, match=f"in use by process {os.getpid()}"):
        await second.start()
    await second.stop()


async def test_no_value_of_a_row_reaches_the_log(running: tuple[EmbeddedStores, StoreAddresses, list[str]]) -> None:
    stores, addresses, _lines = running
    connection = await asyncpg.connect(addresses.database)
    await connection.execute("CREATE TABLE one (name text PRIMARY KEY, number int CHECK (number > 0))")
    for statement, values in (
        ("INSERT INTO one VALUES ('Canary Prawf', 1), ('Canary Prawf', 2)", ()),  # a key that is there: DETAIL would show it
        ("INSERT INTO one VALUES ('Canary Prawf', -1)", ()),  # a check that fails: DETAIL would show the row
        ("INSERT INTO one SELECT $1, CAST($2::text AS int)", ("Canary Prawf", "Canary 9990000018")),  # a parameter of the wrong form
    ):
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute(statement, *values)
    await connection.close()
    assert "Prawf" not in (stores.data / "postgres.log").read_text()


async def test_a_killed_postgresql_answers_again_on_the_same_address_with_everything(
    running: tuple[EmbeddedStores, StoreAddresses, list[str]],
) -> None:
    stores, addresses, lines = running
    await _query(addresses.database, "CREATE TABLE kept AS SELECT 7 AS seven")
    assert stores.postgres is not None
    assert stores.postgres.process is not None
    stores.postgres.process.send_signal(signal.SIGKILL)
    await stores.postgres.process.wait()
    assert await _until_answers(lambda: _query(addresses.database, "SELECT seven FROM kept")) == 7
    assert any(line.startswith("PostgreSQL ended") for line in lines)


async def test_a_killed_kafka_answers_again_on_the_same_address_with_everything(
    running: tuple[EmbeddedStores, StoreAddresses, list[str]],
) -> None:
    stores, addresses, lines = running
    access = KafkaAccess(addresses.kafka, addresses.kafka_user, addresses.kafka_password)
    await access.ensure_topics([TopicSpec("kept", 1, {})])
    async with AIOKafkaProducer(**_login(addresses), acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait("kept", b"first")
        assert stores.kafka is not None
        assert stores.kafka.process is not None
        stores.kafka.process.send_signal(signal.SIGKILL)
        await producer.send_and_wait("kept", b"second")
    async with AIOKafkaConsumer(**_login(addresses), auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition("kept", 0)])
        found = [(await consumer.getone()).value for _ in range(2)]
    assert found == [b"first", b"second"]
    assert any(line.startswith("Kafka ended") for line in lines)


async def test_a_store_that_cannot_come_back_is_tried_again_until_it_can(tmp_path: Path) -> None:
    lines: list[str] = []
    stores = _stores(tmp_path, lines.append)
    addresses = await stores.start()
    assert stores.postgres is not None
    await stores.postgres.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", stores.postgres.port))
        other.listen()
        watching = asyncio.create_task(stores.supervise())
        while not any("PostgreSQL does not start: Port" in line for line in lines):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert await _until_answers(lambda: _query(addresses.database, "SELECT 1")) == 1
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await stores.stop()


async def test_a_kafka_whose_records_were_deleted_starts_empty_on_the_same_address(tmp_path: Path) -> None:
    kafka = Kafka(DataFolder(tmp_path), of_the_run.cache(), _quiet)
    await kafka.start()
    address = kafka.address
    access = KafkaAccess(address, "hub", kafka.folder.kafka_password)
    await access.ensure_topics([TopicSpec("lost", 1, {})])
    await kafka.stop()
    shutil.rmtree(kafka.folder.kafka / "logs")
    await kafka.start()
    try:
        assert kafka.address == address
        async with AIOKafkaConsumer(**_login(StoreAddresses("", address, "hub", kafka.folder.kafka_password))) as consumer:
            assert "lost" not in await consumer.topics()
    finally:
        await kafka.stop()


async def test_a_first_start_that_is_interrupted_stops_fetching_and_frees_the_folder(tmp_path: Path) -> None:
    begun, lines = asyncio.Event(), list[str]()
    loop = asyncio.get_running_loop()

    def slow(_jar: Jar, _folder: Path) -> Path:
        loop.call_soon_threadsafe(begun.set)
        time.sleep(0.2)
        raise OSError("no index")

    kafka = Kafka(DataFolder(tmp_path), tmp_path / "cache", lines.append, fetch=slow)
    starting = asyncio.create_task(kafka.start())
    await begun.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert kafka.process is None
    assert not list((tmp_path / "cache").rglob("*.jar"))


async def test_what_a_killed_hub_left_is_stopped_and_the_data_is_whole(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", HUB_THAT_IS_KILLED, str(tmp_path / "data"), str(of_the_run.cache())]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as hub:  # noqa: ASYNC220
        assert hub.stdout is not None
        postgres, kafka, dsn = (await asyncio.to_thread(hub.stdout.readline)).split()
        await _query(dsn, "CREATE TABLE kept AS SELECT 7 AS seven")
        hub.kill()
    stores = _stores(tmp_path / "data")
    addresses = await stores.start()
    try:
        assert await _query(addresses.database, "SELECT seven FROM kept") == 7
        assert [children.command_line(int(pid)) for pid in (postgres, kafka)] == ["", ""]
    finally:
        await stores.stop()
    assert stores.kafka is not None
    assert stores.kafka.process is not None
    assert stores.kafka.process.returncode in (143, -signal.SIGTERM)
    assert not children.processes_in(tmp_path / "data" / "postgres")


async def test_a_postgresql_that_outlived_its_hub_is_stopped_before_the_next_one(tmp_path: Path) -> None:
    first, second = Postgres(DataFolder(tmp_path)), Postgres(DataFolder(tmp_path))
    await first.start()
    await second.start()
    assert first.process is not None
    assert await asyncio.wait_for(first.process.wait(), 10) == 0
    assert await _query(second.dsn, "SELECT 1") == 1
    await second.stop()


async def test_a_kafka_that_outlived_its_hub_is_stopped_before_the_next_one(tmp_path: Path) -> None:
    first, second = (Kafka(DataFolder(tmp_path), of_the_run.cache(), _quiet) for _ in range(2))
    await first.start()
    await second.start()
    assert first.process is not None
    assert await asyncio.wait_for(first.process.wait(), 10) in (143, -signal.SIGTERM)
    await second.stop()


async def test_a_pid_file_whose_number_a_stranger_has_does_not_stop_the_start(tmp_path: Path) -> None:
    postgres = Postgres(DataFolder(tmp_path))
    await postgres.start()
    await postgres.stop()
    lines = [str(os.getpid()), str(tmp_path / "postgres"), "1700000000", "5432", "", "127.0.0.1", "", "ready"]
    (tmp_path / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    again = Postgres(DataFolder(tmp_path))
    await again.start()
    await again.stop()


async def test_a_setting_that_could_lose_a_commit_is_overruled_or_refused(tmp_path: Path) -> None:
    postgres = Postgres(DataFolder(tmp_path))
    await postgres.start()
    await _query(postgres.dsn, "ALTER SYSTEM SET fsync = off")
    await postgres.stop()
    await postgres.start()
    assert await _query(postgres.dsn, "SHOW fsync") == "on"
    await _query(postgres.dsn, "ALTER ROLE hub SET synchronous_commit = off")
    await postgres.stop()
    with pytest.raises(Misconfigured, match="synchronous_commit off, so that a power cut could lose referrals"):
        await postgres.start()
    await postgres.stop()


@pytest.mark.parametrize("store", ["postgres", "kafka"])
async def test_a_taken_port_is_named_and_nothing_is_left_running(tmp_path: Path, store: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        stores = _stores(tmp_path, ports=Ports(**{store: port}))
        with pytest.raises(Misconfigured, match=f"Port {port} on 127.0.0.1 is taken by another program: stop that program or"):
            await stores.start()
    assert stores.postgres is not None
    assert stores.postgres.process is None or stores.postgres.process.returncode is not None
    assert not children.processes_in(tmp_path / "postgres")


@pytest.mark.parametrize("store", ["postgres", "kafka"])
async def test_a_port_that_was_lost_to_another_program_between_choosing_and_binding_is_chosen_anew(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = children.free_port
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        first = [other.getsockname()[1]]
        monkeypatch.setattr(children, "free_port", lambda: first.pop() if first else choose())
        folder = DataFolder(tmp_path)
        started = Postgres(folder) if store == "postgres" else Kafka(folder, of_the_run.cache(), _quiet)
        await started.start()
        await started.stop()
        assert started.port != other.getsockname()[1]


async def test_without_java_nothing_starts_and_the_folder_is_free_again(tmp_path: Path) -> None:
    def none() -> Java:
        raise Misconfigured("No Java")

    kafka = Kafka(DataFolder(tmp_path), of_the_run.cache(), _quiet, java=none)
    with pytest.raises(Misconfigured, match="No Java"):
        await kafka.start()
    assert kafka.process is None


def test_a_cluster_id_never_begins_like_an_option() -> None:
    fresh = iter([uuid.UUID(bytes=b"\xf8" + bytes(15)), uuid.UUID(bytes=b"\x00" + bytes(15))])
    assert new_cluster_id(lambda: next(fresh)) == "A" * 22


async def test_a_format_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "logs").mkdir(parents=True)
    (tmp_path / "kafka" / "logs" / "bootstrap.checkpoint").write_bytes(b"cut")
    (tmp_path / "postgres.new" / "base").mkdir(parents=True)
    stores = _stores(tmp_path)
    addresses = await stores.start()
    assert await _query(addresses.database, "SELECT 1") == 1
    await stores.stop()


async def test_a_lost_password_is_named(tmp_path: Path) -> None:
    postgres = Postgres(DataFolder(tmp_path))
    await postgres.start()
    await postgres.stop()
    (tmp_path / "postgres.password").unlink()
    with pytest.raises(Misconfigured, match=r"refuses the password in postgres.password: restore that file"):
        await postgres.start()
    await postgres.stop()


async def test_broken_files_are_pointed_at(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(Misconfigured, match=r"PostgreSQL stopped while it started; .*postgres.log says why"):
        await Postgres(DataFolder(tmp_path)).start()
