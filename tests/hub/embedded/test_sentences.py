"""What a store's last words become: a sentence and what happens next."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from hub.embedded import kafka, postgres, stores
from hub.errors import Misconfigured, Unavailable

ROOT = Path("/srv/hub")
HERE = Path(stores.__file__).parent


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        # PostgreSQL's words on a full disk while it starts
        (postgres._why("FATAL: could not write to file: No space left on device", ROOT, 1), Unavailable, "disk under /srv/hub is full: make room"),
        # every attempt lost its port to another program
        (postgres._why("LOG: could not bind IPv4 address", ROOT, 1), Unavailable, "no free port .* close programs"),
        # launch.py could not keep the right to walk there
        (postgres._why("", ROOT, 112), Misconfigured, "may not reach /srv/hub: run the hub as a normal user"),
        # anything else: the log is named, its words are not repeated
        (postgres._why("PANIC: canary", ROOT, 1), Misconfigured, "/srv/hub/postgres.log says why"),
        (kafka._why("java.io.IOException: No space left on device", ROOT), Unavailable, "disk under /srv/hub is full: make room"),
        (kafka._why("java.net.BindException: Address already in use", ROOT), Unavailable, "no free port .* close programs"),
        (kafka._why("ERROR canary", ROOT), Misconfigured, "/srv/hub/kafka.log says why"),
        # the operating system refuses one of our own files
        (stores._told(OSError(errno.ENOSPC, "x"), ROOT), Unavailable, "disk under /srv/hub is full: make room"),
        (stores._told(PermissionError(errno.EACCES, "x"), ROOT), Misconfigured, "belong to another user: run the hub as that user"),
    ],
)
def test_a_store_that_does_not_start_says_what_to_do(said: BaseException, kind: type[Exception], words: str) -> None:
    assert type(said) is kind
    assert re.search(words, str(said))
    assert "canary" not in str(said)


def test_what_nobody_foresaw_stays_what_it_is() -> None:
    bug = ValueError("a bug")
    assert stores._told(bug, ROOT) is bug


def test_the_readme_names_every_file_of_the_folder() -> None:
    named = set(re.findall(r"`([a-z_-]+\.(?:py|lock|properties))`", (HERE / "README.md").read_text()))
    there = {path.name for path in HERE.iterdir() if path.is_file()} - {"README.md", "__init__.py"}
    assert named == there
