"""Which Java runs the broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.embedded.java import find_java
from hub.errors import Misconfigured


def _runtime(folder: Path, words: str, code: int = 0) -> str:
    path = folder / f"java{len(list(folder.iterdir()))}"
    path.write_text(f"#!/bin/sh\ncat >&2 <<'WORDS'\n{words}\nWORDS\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("words", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', "17.0.15"),  # the oldest that runs this Kafka
        ('openjdk version "21" 2023-09-19', "21"),  # a first release has no points
        ('java version "25.0.1" 2025-10-21 LTS', "25.0.1"),  # another vendor's words
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "21.0.2" 2024-01-16', "21.0.2"),  # a line before
        ('openjdk version "24-ea" 2025-03-18', "24"),  # an early build
    ],
)
def test_the_machines_own_java_is_used_when_it_is_new_enough(tmp_path: Path, words: str, version: str) -> None:
    path = _runtime(tmp_path, words)
    found = find_java(lambda _name: path, lambda: None)
    assert (found.path, found.version, found.archives) == (path, version, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ('openjdk version "1.8.0_402"', 0),  # old, in the old form
        ('openjdk version "11.0.22" 2024-01-16', 0),  # old, in the new form
        ("The operation couldn’t be completed. Unable to locate a Java Runtime.", 1),  # a stand-in without a runtime
        ("hello", 0),  # something else of that name
    ],
)
def test_the_wheels_java_is_used_when_the_machines_own_is_not(tmp_path: Path, words: str, code: int) -> None:
    own, wheel = _runtime(tmp_path, words, code), _runtime(tmp_path, 'openjdk version "25.0.2" 2026-01-20')
    found = find_java(lambda _name: own, lambda: wheel)
    assert (found.path, found.archives) == (wheel, False)


@pytest.mark.parametrize("machine", [None, "/nowhere/java"])
def test_without_any_java_the_sentence_says_what_to_install(machine: str | None) -> None:
    with pytest.raises(Misconfigured, match=r"No Java 17 or newer .* install a Java runtime .* or set HUB_KAFKA"):
        find_java(lambda _name: machine, lambda: None)


def test_the_wheel_that_the_project_depends_on_runs() -> None:
    assert int(find_java(lambda _name: None).version.split(".")[0]) >= 17
