"""Beside the flow: the embedded Apache Kafka: one broker in KRaft mode, every client with a password, nothing allowed by default."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
import os
import signal
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from hub.embedded import children, jars
from hub.embedded.data_folder import KAFKA_USER, KAFKA_VERSION, DataFolder, write_private
from hub.embedded.java import Java, find_java
from hub.errors import Misconfigured, Unavailable

LONGEST_START = 90.0
_STOPPING = ((signal.SIGTERM, 15.0),)
_JAVA = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true")
_QUIET = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true")


@dataclass(slots=True)
class Kafka:
    """One broker on one data folder, whose lock the caller holds. `port` is chosen at the first start and kept for restarts."""

    folder: DataFolder
    cache: Path
    progress: Callable[[str], None]
    port: int | None = None
    java: Callable[[], Java] = find_java
    fetch: jars.Fetch | None = None
    process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _controller: int | None = field(default=None, init=False)
    _runtime: Java | None = field(default=None, init=False)
    _class_path: str = field(default="", init=False)
    _given_up: bool = field(default=False, init=False)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Ready to be used when it returns. Raises Misconfigured or Unavailable with what to do."""
        self._given_up = False
        await children.to_the_end(self._prepare, self._give_up)
        chosen = self.port is not None
        for last in (chosen, chosen, True):
            self._choose_ports(chosen)
            await children.to_the_end(self._write_properties)
            self.process = await children.start(self._command(), self._log, signal.SIGTERM)
            write_private(self._pid_file, f"{self.process.pid}\n")
            if await self._answers():
                return
            self._explain(last)
            self.port = None

    async def stop(self) -> None:
        if self.process is None:
            return
        await children.stop(self.process, _STOPPING)
        self._pid_file.unlink(missing_ok=True)
        self._keep_archive()

    @property
    def _properties(self) -> Path:
        return self.folder.kafka / "server.properties"

    @property
    def _pid_file(self) -> Path:
        return self.folder.kafka / "kafka.pid"

    @property
    def _log(self) -> Path:
        return self.folder.root / "kafka.log"

    def _prepare(self) -> None:
        self.folder.kafka.mkdir(mode=0o700, exist_ok=True)
        self._stop_leftover()
        if self._runtime is None:
            self._runtime = self.java()
            self._class_path = os.pathsep.join(map(str, jars.class_path(self.cache, self._tell, fetch=self.fetch)))

    def _give_up(self) -> None:
        self._given_up = True

    def _tell(self, line: str) -> None:
        """Progress of the fetching thread; ends it when nobody waits for it any more."""
        if self._given_up:
            raise Unavailable("Stopped while the jars of Apache Kafka were being fetched: start again to fetch the rest.")
        self.progress(line)

    def _stop_leftover(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text())
            children.stop_leftover(pid, lambda line: "kafka.Kafka" in line and str(self._properties) in line, _STOPPING)

    def _choose_ports(self, chosen: bool) -> None:
        if chosen and self.port is not None and not children.port_is_free(self.port):
            raise Misconfigured(f"Port {self.port} on 127.0.0.1 is taken by another program: stop that program or choose another port.")
        self.port = self.port or children.free_port()
        self._controller = children.free_port()

    def _write_properties(self) -> None:
        write_private(
            self._properties,
            files("hub.embedded")
            .joinpath("server.properties")
            .read_text()
            .format(
                port=self.port, controller=self._controller, user=KAFKA_USER, password=self.folder.kafka_password, logs=_escaped(self.folder.kafka / "logs")
            ),
        )
        if not (self.folder.kafka / "logs" / "meta.properties").exists():
            self._format()

    def _format(self) -> None:
        """Writes the cluster's id and the hub's own login; the arguments go by a private file, because they hold the password."""
        login = f"SCRAM-SHA-256=[name={KAFKA_USER},password={self.folder.kafka_password}]"
        words = ["kafka.tools.StorageTool", "format", "-t", new_cluster_id(), "-c", str(self._properties), "--add-scram", login]
        arguments = self.folder.kafka / "format.arguments"
        write_private(arguments, "\n".join(f'"{word}"' for word in words) + "\n")
        command = [*self._java_command(), f"@{arguments}"]
        try:
            made = subprocess.run(children.launched(command, signal.SIGKILL), capture_output=True, text=True, check=False)  # noqa: S603
        finally:
            arguments.unlink()
        if made.returncode != 0:
            children.add_words(self._log, made.stdout + made.stderr)
            raise _why(made.stdout + made.stderr, self.folder.root)

    def _java_command(self, *more: str) -> list[str]:
        assert self._runtime is not None
        return [self._runtime.path, *_JAVA, *_QUIET, *more, "-cp", self._class_path]

    def _command(self) -> list[str]:
        return [*self._java_command(*self._archive_options()), "kafka.Kafka", str(self._properties)]

    @property
    def _archive(self) -> Path:
        assert self._runtime is not None
        mark = hashlib.sha256(f"{self._runtime.path} {self._class_path}".encode()).hexdigest()[:12]
        return self.cache / "kafka" / f"classes-{KAFKA_VERSION}-java-{self._runtime.version}-{mark}.jsa"

    @property
    def _new_archive(self) -> Path:
        return self.folder.kafka / "classes.jsa"

    def _archive_options(self) -> list[str]:
        """A class archive makes the start two seconds shorter. The first clean stop writes it; a broken one is ignored by Java."""
        assert self._runtime is not None
        if not self._runtime.archives:
            return []
        if self._archive.exists():
            return [f"-XX:SharedArchiveFile={self._archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        return [f"-XX:ArchiveClassesAtExit={self._new_archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]

    def _keep_archive(self) -> None:
        with contextlib.suppress(OSError):
            if self._new_archive.exists() and not self._archive.exists():
                partial = self._archive.with_suffix(f".{os.getpid()}")
                partial.write_bytes(self._new_archive.read_bytes())
                partial.replace(self._archive)
            self._new_archive.unlink(missing_ok=True)

    async def _answers(self) -> bool:
        """Whether it came up; False when its process ended before."""
        assert self.process is not None
        client = AdminClient(self._client(), logger=_silent())
        until = asyncio.get_running_loop().time() + LONGEST_START
        while self.process.returncode is None:
            if asyncio.get_running_loop().time() > until:
                raise Unavailable(f"Kafka did not answer within {LONGEST_START:.0f} seconds; its words are in {self._log}.")
            if await asyncio.to_thread(_serves, client):
                return True
        return False

    def _client(self) -> dict[str, Any]:  # Any: librdkafka's settings are strings and numbers
        return {
            "bootstrap.servers": self.address,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": KAFKA_USER,
            "sasl.password": self.folder.kafka_password,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 100,
        }

    def _explain(self, last: bool) -> None:
        words = children.last_words(self._log)
        if last or "Address already in use" not in words:
            raise _why(words, self.folder.root)


def new_cluster_id(fresh: Callable[[], uuid.UUID] = uuid.uuid4) -> str:
    """22 characters, base64url of a UUID. Never with a hyphen in front: the formatter would take it for an option (one in 64)."""
    while True:
        made = base64.urlsafe_b64encode(fresh().bytes).decode("ascii").rstrip("=")
        if not made.startswith("-"):
            return made


def _escaped(path: Path) -> str:
    """A path as a properties file holds it: ASCII, everything else as \\uXXXX in UTF-16 units."""
    units = str(path).replace("\\", "\\\\").encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)


def _serves(client: AdminClient) -> bool:
    """It knows itself as a broker and leads every partition it has; an open port alone says nothing."""
    try:
        found = client.list_topics(timeout=0.5)
    except KafkaException:
        return False
    return bool(found.brokers) and all(part.leader >= 0 for topic in found.topics.values() for part in topic.partitions.values())


def _silent() -> logging.Logger:
    logger = logging.getLogger("hub.embedded.kafka.client")
    logger.disabled = True
    return logger


def _why(words: str, root: Path) -> Misconfigured | Unavailable:
    if "No space left on device" in words:
        return Unavailable(f"The disk under {root} is full: make room, then start again.", retry_after=60)
    if "Address already in use" in words:
        return Unavailable("Kafka found no free port on 127.0.0.1 in three attempts: close programs that hold many ports, then start again.")
    return Misconfigured(f"Kafka stopped while it started; {root / 'kafka.log'} says why. Mend that, or point HUB_DATA at another folder.")
