"""Beside the flow: the jars of the embedded Kafka: fetched once into a cache, checked against kafka-jars.lock, never used unchecked."""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from hub.errors import Misconfigured, Unavailable

LOCK = "kafka-jars.lock"
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


Fetch = Callable[[Jar, Path], Path]
"""Fetches a jar into this empty folder and returns the file. Raises OSError or RuntimeError when it cannot."""


def read_lock(text: str | None = None) -> tuple[Jar, ...]:
    """The lock's lines, `group:artifact:version  sha256`, in order."""
    lines = (text if text is not None else files("hub.embedded").joinpath(LOCK).read_text()).splitlines()
    pairs = (line.split() for line in lines if line and not line.startswith("#"))
    return tuple(Jar(group, artifact, version, sha256) for coordinate, sha256 in pairs for group, artifact, version in [coordinate.split(":")])


def class_path(cache: Path, progress: Callable[[str], None], jars: tuple[Jar, ...] | None = None, fetch: Fetch | None = None) -> tuple[Path, ...]:
    """Every jar of the lock as a file under `cache`, each with the sum that the lock states, in the lock's order.

    What is missing or wrong is fetched, under a temporary name and then renamed, so that two first starts at once are
    harmless. Raises Unavailable when the index cannot be reached, Misconfigured when a file is wrong a second time.
    """
    folder = cache / "kafka"
    wanted = read_lock() if jars is None else jars
    _make(folder)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        sound = list(threads.map(lambda jar: _sound(folder / jar.file, jar), wanted))
        missing = [jar for jar, good in zip(wanted, sound, strict=True) if not good]
        if missing:
            for stale in folder.glob("classes-*.jsa"):  # made from files that are about to change
                stale.unlink(missing_ok=True)
            progress(f"Fetching {len(missing)} jars of Apache Kafka into {folder} (once; about {max(1, len(missing) * 44 // 46)} MB)")
            for done, jar in enumerate(threads.map(lambda jar: _bring(jar, folder, fetch or fetch_with_jgo), missing), start=1):
                progress(f"Fetched {done} of {len(missing)}: {jar.file}")
    return tuple(folder / jar.file for jar in wanted)


def fetch_with_jgo(jar: Jar, folder: Path) -> Path:
    """From the central index of Java libraries, which jgo knows."""
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=folder, timeout=30)
    return Path(context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"The cache folder {folder} cannot be made ({error.strerror}): set HUB_CACHE to one that can.") from error


def _bring(jar: Jar, folder: Path, fetch: Fetch) -> Jar:
    for _attempt in range(2):
        if _bring_once(jar, folder, fetch):
            return jar
    raise Misconfigured(
        f"{jar.file} was fetched twice and is not the file that {LOCK} names (its checksum differs): do not run it. "
        "Find out what stands between this machine and the index, or set HUB_KAFKA to a Kafka that runs elsewhere."
    )


def _bring_once(jar: Jar, folder: Path, fetch: Fetch) -> bool:
    """Whether the file that came was the right one; a wrong one is gone with its temporary folder."""
    try:
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as temporary:
            fetched = fetch(jar, Path(temporary))
            if not _sound(fetched, jar):
                return False
            fetched.replace(folder / jar.file)
            return True
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise Unavailable(f"The disk under {folder} is full: make room, or point HUB_CACHE at another disk.", retry_after=60) from error
        raise Unavailable(
            f"{jar.file} of Apache Kafka could not be fetched from the index of Java libraries ({type(error).__name__}): check the network "
            "(where it opens TLS itself, set REQUESTS_CA_BUNDLE to the file of its certificates) and start again, "
            f"or copy the jars that {LOCK} names into {folder}, or set HUB_KAFKA to a Kafka that runs elsewhere.",
            retry_after=30,
        ) from error


def _sound(path: Path, jar: Jar) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False
