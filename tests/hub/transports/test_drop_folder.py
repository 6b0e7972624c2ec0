"""A file is taken when it is complete, is gone on with after whatever killed us, ends in one of two places with its reports, and is never lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hub.errors import Misconfigured, Unavailable
from hub.transports.drop_files import NO_FILE
from hub.transports.drop_folder import DropFolder, Dropped, Finished
from schemas.rejection import Reason

TABLE = b"name\r\nNon Prawf\r\n"


@dataclass
class Reader:
    """Takes files as told: `fails` are what it raises, in turn; a file that holds `wrong` is left with something to correct."""

    fails: list[Exception] = field(default_factory=list)
    taken: list[Dropped] = field(default_factory=list)
    could_not: list[Reason] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def knows(self, owner: str) -> bool:
        return owner != "stranger"

    async def take(self, file: Dropped, note: Callable[[bytes], None]) -> Finished:
        self.taken.append(file)
        self.meanwhile()
        if self.fails:
            note(b"1 first row")
            raise self.fails.pop(0)
        return Finished(b"wrong" not in file.content, {".report.csv": b"said"})

    async def unreadable(self, owner: str, reason: Reason) -> Finished:
        self.could_not.append(reason)
        return Finished(False, {".report.csv": b"unreadable"})


@dataclass
class Home:
    """A drop folder, its one sender's folders, and a clock that is set by hand."""

    root: Path
    reader: Reader = field(default_factory=Reader)
    now: float = 1_000.0
    folder: DropFolder = field(init=False)

    def __post_init__(self) -> None:
        self.folder = DropFolder(self.root, self.reader, settle=2.0, settle_open=30.0, again=0.0, largest=1_000, clock=lambda: self.now)
        (self.root / "tai" / "in").mkdir(parents=True)

    def drop(self, name: str, content: bytes = TABLE, owner: str = "tai") -> Path:
        path = self.root / owner / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    async def look(self, seconds: float = 0.0, owner: str = "tai") -> None:
        """Time passes, then one look at the folder."""
        self.now += seconds
        await self.folder.work(owner)

    def lies(self) -> list[str]:
        """Every file of the sender, hidden ones too."""
        home = self.root / "tai"
        return sorted(str(path.relative_to(home)) for path in home.rglob("*") if not path.is_dir())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "drop")


async def test_a_file_is_taken_once_it_has_not_changed_for_a_while_and_ends_in_done_with_its_report(home: Home) -> None:
    home.drop("a.csv")
    await home.look()
    await home.look(1.9)
    assert home.reader.taken == []
    home.drop("a.csv", TABLE + b"Ann Prawf\r\n")
    await home.look(1.9)
    await home.look(1.9)
    assert home.reader.taken == []
    await home.look(0.2)
    assert [file.content for file in home.reader.taken] == [TABLE + b"Ann Prawf\r\n"]
    assert home.lies() == ["done/a.csv", "done/a.csv.report.csv"]


async def test_a_file_whose_last_line_has_no_end_yet_is_waited_for_longer(home: Home) -> None:
    home.drop("a.csv", b"name\r\nNon Pra")
    await home.look()
    await home.look(29)
    assert home.reader.taken == []
    await home.look(2)
    assert len(home.reader.taken) == 1


@pytest.mark.parametrize("name", ["a.csv.part", "a.csv.tmp", "a.filepart", "a.CSV.PART", ".a.csv", "a.csv~"])
async def test_what_is_named_as_unfinished_is_never_taken_before_its_name_is_whole(home: Home, name: str) -> None:
    path = home.drop(name)
    for _ in range(5):
        await home.look(60)
    assert home.reader.taken == []
    path.rename(path.with_name("a.csv"))
    await home.look()
    await home.look(3)
    assert home.lies() == ["done/a.csv", "done/a.csv.report.csv"]


async def test_a_file_with_something_to_correct_goes_to_failed(home: Home) -> None:
    home.drop("a.csv", b"wrong\n")
    await home.look()
    await home.look(3)
    assert home.lies() == ["failed/a.csv", "failed/a.csv.report.csv"]


async def test_names_that_were_there_before_are_not_written_over(home: Home) -> None:
    for content in (b"1\n", b"2\n", b"3\n"):
        home.drop("a.csv", content)
        await home.look()
        await home.look(3)
    done = home.root / "tai" / "done"
    assert [(done / name).read_bytes() for name in ("a.csv", "a.2.csv", "a.3.csv")] == [b"1\n", b"2\n", b"3\n"]
    assert (done / "a.3.csv.report.csv").exists()


async def test_what_is_no_ordinary_file_or_too_large_goes_to_failed_with_a_report(home: Home) -> None:
    (home.root / "secret").write_bytes(b"another's\n")
    (home.root / "tai" / "in" / "link.csv").symlink_to(home.root / "secret")
    os.mkfifo(home.root / "tai" / "in" / "pipe.csv")
    home.drop("large.csv", b"x" * 999 + b"\n\n")
    await home.look()
    await home.look(3)
    assert home.reader.taken == []
    assert sorted(home.reader.could_not) == [Reason.STRUCTURE, Reason.STRUCTURE, Reason.TOO_LARGE]
    assert [name for name in home.lies() if not name.endswith(".report.csv")] == ["failed/large.csv", "failed/link.csv", "failed/pipe.csv"]
    assert (home.root / "secret").read_bytes() == b"another's\n"


async def test_what_was_begun_is_gone_on_with_and_what_was_noted_is_handed_over_again(home: Home) -> None:
    home.reader.fails = [Unavailable("the record is away")]
    home.drop("a.csv")
    await home.look()
    await home.look(3)
    assert home.lies()[-1] == "working/a.csv"
    (note,) = [path for path in (home.root / "tai" / "working").iterdir() if path.name.startswith(".")]
    note.write_bytes(note.read_bytes() + b"2 half a li")  # killed while it was written
    another = Reader()  # of another process, which knows nothing but what lies there
    await DropFolder(home.root, another, again=0.0).work("tai")
    assert [file.noted for file in another.taken] == [(b"1 first row",)]
    assert home.lies() == ["done/a.csv", "done/a.csv.report.csv"]


async def test_what_was_noted_of_one_file_is_never_said_of_another_of_that_name(home: Home) -> None:
    home.reader.fails = [Unavailable("away")]
    home.drop("a.csv", b"1\n")
    await home.look()
    await home.look(3)
    (home.root / "tai" / "working" / "a.csv").write_bytes(b"2\n")
    await home.look()
    assert home.reader.taken[-1].noted == ()


async def test_killed_between_the_report_and_the_move_the_file_is_gone_on_with(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.drop("a.csv")
    move = Path.rename
    fails = [OSError("killed")]

    def rename(self: Path, target: Path) -> Path:
        if self.parent.name == "working" and fails:
            raise fails.pop()
        return move(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    await home.look()
    await home.look(3)
    assert home.lies() == ["done/a.csv.report.csv", "working/a.csv"]
    await home.look()
    assert home.lies() == ["done/a.csv", "done/a.csv.report.csv"]


@pytest.mark.parametrize("fault", [Unavailable("away"), OSError("disk"), ZeroDivisionError("a bug")])
async def test_what_goes_wrong_with_one_file_stops_no_other(home: Home, fault: Exception) -> None:
    home.reader.fails = [fault]
    home.drop("a.csv")
    home.drop("b.csv")
    await home.look()
    await home.look(3)
    assert {"done/b.csv", "working/a.csv"} <= set(home.lies())
    await home.look()
    assert "done/a.csv" in home.lies()


async def test_a_file_that_is_still_written_while_it_is_read_goes_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.drop("a.csv")
    read = DropFolder._read
    slow = [True]

    def reading(self: DropFolder, path: Path) -> object:
        found = read(self, path)
        if slow:
            slow.pop()
            path.write_bytes(TABLE + b"Ann Prawf\r\n")
        return found

    monkeypatch.setattr(DropFolder, "_read", reading)
    await home.look()
    await home.look(3)
    assert (home.reader.taken, home.lies()) == ([], ["in/a.csv"])
    await home.look()
    await home.look(3)
    assert home.reader.taken[0].content.endswith(b"Ann Prawf\r\n")


async def test_the_folder_of_nobody_who_may_send_is_left_as_it_is_and_said(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    home.drop("a.csv", owner="stranger")
    for _ in range(3):
        await home.look(10, "stranger")
    assert [path.name for path in (home.root / "stranger").rglob("*.csv")] == ["a.csv"]
    assert capfd.readouterr().err.count("batch.waiting") == 1, "said once an hour, not at every look"


async def test_what_lies_beside_the_folders_goes_along(home: Home) -> None:
    (home.root / "tai" / "columns.toml").write_bytes(b"columns = {}")
    home.drop("a.csv")
    await home.look()
    await home.look(3)
    assert home.reader.taken[0].beside == b"columns = {}"


async def test_one_process_works_on_the_folder_at_a_time_and_another_takes_over(tmp_path: Path) -> None:
    first, other = Home(tmp_path / "drop"), Reader()
    running = asyncio.create_task(DropFolder(first.root, first.reader, settle=0.0, every=0.01).run())
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(DropFolder(first.root, other, settle=0.0, every=0.01).run())
    first.drop("a.csv")
    await _until(lambda: len(first.reader.taken) == 1)
    assert other.taken == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    first.drop("b.csv")
    await _until(lambda: len(other.taken) == 1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_folder_that_cannot_be_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Misconfigured, match="HUB_DROP"):
        await DropFolder(tmp_path / "file" / "drop", Reader()).run()


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


@pytest.mark.parametrize("what", ["pipe", "link", "endless", "folder", "large"])
async def test_what_lies_beside_and_is_no_ordinary_file_is_never_read_and_stops_nobody(home: Home, what: str) -> None:
    beside = home.root / "tai" / "columns.toml"
    match what:
        case "pipe":
            os.mkfifo(beside)
        case "link":
            (home.root / "another.toml").write_bytes(b'charset = "latin-1"')
            beside.symlink_to(home.root / "another.toml")
        case "endless":
            beside.symlink_to("/dev/zero")
        case "folder":
            beside.mkdir()
        case _:
            beside.write_bytes(b"#" * 2**20)
    home.drop("a.csv")
    async with asyncio.timeout(5):
        await home.look()
        await home.look(3)
    assert [one.beside for one in home.reader.taken] == [NO_FILE]


@pytest.mark.parametrize("name", ["in", "working", "done", "failed"])
async def test_a_link_in_a_folder_s_place_leads_nowhere(home: Home, name: str) -> None:
    theirs = home.root / "other" / "in"
    theirs.mkdir(parents=True)
    (theirs / "private.csv").write_bytes(TABLE)
    home.drop("a.csv")
    place = home.root / "tai" / name
    if name == "in":
        (place / "a.csv").unlink()
        place.rmdir()
    place.symlink_to(theirs)
    await home.look()
    await home.look(3)
    assert home.reader.taken == []
    assert [path.name for path in theirs.iterdir()] == ["private.csv"]


NAMES = [
    "a" * 251 + ".csv",  # its report's name would be longer than a disk takes
    "\u0175" * 125 + ".csv",  # 250 bytes, 125 letters
    "a." + "b" * 250,  # hardly a suffix
    "line\nend\r.csv",
    "-rf.csv",
    "a b;$(x)`y`.csv",
]


@pytest.mark.parametrize("name", NAMES)
async def test_an_awkward_name_comes_to_its_end_with_its_report(home: Home, name: str) -> None:
    home.drop(name)
    await home.look()
    await home.look(3)
    done = home.lies()
    assert (len(done), len(home.reader.taken)) == (2, 1), done
    assert all(one.startswith("done/") for one in done)
    assert sum(one.endswith(".report.csv") for one in done) == 1
