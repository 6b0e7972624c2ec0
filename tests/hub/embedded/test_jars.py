"""The broker's jars: never used unchecked."""

from __future__ import annotations

import errno
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hub.embedded.jars import Jar, class_path, read_lock
from hub.errors import Misconfigured, Unavailable

GOOD = b"the right bytes"
JARS = tuple(Jar("org.example", f"part{number}", "1.0", hashlib.sha256(GOOD).hexdigest()) for number in range(3))


@dataclass
class Index:
    """An index that answers with each of these in turn, the last one for ever: bytes, or an error to raise."""

    answers: list[bytes | Exception]
    asked: list[str] = field(default_factory=list)

    def __call__(self, jar: Jar, folder: Path) -> Path:
        self.asked.append(jar.artifact)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        (folder / "deep").mkdir()
        (folder / "deep" / jar.file).write_bytes(answer)
        return folder / "deep" / jar.file


def _quiet(_line: str) -> None:
    return None


def test_the_lock_names_every_jar_once_with_a_sum() -> None:
    jars = read_lock()
    assert len({jar.file for jar in jars}) == len(jars) == 46
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars)
    assert {"kafka_2.13-4.3.1.jar", "slf4j-simple-1.7.36.jar"} <= {jar.file for jar in jars}


def test_what_is_missing_is_fetched_once_with_progress_and_what_is_there_is_not(tmp_path: Path) -> None:
    index, lines = Index([GOOD]), list[str]()
    first = class_path(tmp_path, lines.append, JARS, index)
    assert [path.read_bytes() for path in first] == [GOOD] * 3
    assert lines[0].startswith("Fetching 3 jars")
    assert len(lines) == 4
    assert class_path(tmp_path, lines.append, JARS, Index([OSError("no index")])) == first
    assert len(lines) == 4


def test_a_wrong_file_is_thrown_away_and_fetched_once_more(tmp_path: Path) -> None:
    index = Index([b"wrong", GOOD])
    assert class_path(tmp_path, _quiet, JARS[:1], index)[0].read_bytes() == GOOD
    assert index.asked == ["part0", "part0"]


def test_a_file_that_is_wrong_twice_is_refused_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"part0-1.0.jar was fetched twice .* checksum differs\): do not run it"):
        class_path(tmp_path, _quiet, JARS[:1], Index([b"wrong"]))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_cached_file_that_was_changed_is_replaced_before_use(tmp_path: Path) -> None:
    class_path(tmp_path, _quiet, JARS, Index([GOOD]))
    (tmp_path / "kafka" / JARS[1].file).write_bytes(b"changed")
    (tmp_path / "kafka" / "classes-old.jsa").write_bytes(b"made from the old files")
    index = Index([GOOD])
    assert [path.read_bytes() for path in class_path(tmp_path, _quiet, JARS, index)] == [GOOD] * 3
    assert index.asked == ["part1"]
    assert not list(tmp_path.rglob("*.jsa"))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (OSError("refused"), r"could not be fetched .* check the network .*REQUESTS_CA_BUNDLE.* and start again, .* or set HUB_KAFKA"),  # no network
        (RuntimeError("not found"), r"could not be fetched"),  # an index that lacks it
        (OSError(errno.ENOSPC, "No space left on device"), r"disk under .* is full: make room, or point HUB_CACHE"),
    ],
)
def test_an_index_that_does_not_answer_is_said_plainly(tmp_path: Path, fault: Exception, words: str) -> None:
    with pytest.raises(Unavailable, match=words):
        class_path(tmp_path, _quiet, JARS, Index([fault]))


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misconfigured, match="set HUB_CACHE"):
        class_path(tmp_path / "file", _quiet, JARS, Index([GOOD]))


def test_two_first_starts_at_once_leave_whole_files(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _turn: class_path(tmp_path, _quiet, JARS, Index([GOOD])), range(4)))
    assert all(path.read_bytes() == GOOD for paths in found for path in paths)
    assert sorted(path.name for path in (tmp_path / "kafka").iterdir()) == [jar.file for jar in JARS]
