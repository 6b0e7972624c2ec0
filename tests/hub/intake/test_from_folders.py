"""A file in a client's folder, on the real record: whatever stops us in the middle, each row is done once, and its report tells of all."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from hub.intake.batches import Batches
from hub.intake.from_folders import FromFolders, agreed
from hub.registry import installed
from hub.security.client import Client
from hub.security.scopes import Scope
from hub.transports.drop_folder import DropFolder
from schemas.profile import Profile
from schemas.rejection import Rejected
from tests.hub.intake.conftest import Door, a_client
from tests.hub.intake.test_batches import GOOD, Down, referrals, table


@dataclass
class Known:
    """A fixed set of clients."""

    clients: dict[str, Client] = field(default_factory=dict)

    def by_id(self, client: str) -> Client | None:
        return self.clients.get(client)


TAI = replace(a_client("tai"), scopes=frozenset({Scope.REFERRAL_CREATE}), profile=Profile(organisation_type="housing", sharing_agreement=True))


@dataclass
class Dropping:
    """A drop folder on the real record, and what lies in it."""

    door: Door
    root: Path
    known: Known = field(default_factory=lambda: Known({"tai": TAI, "reader": a_client("reader")}))

    def folder(self) -> DropFolder:
        registered = installed()["batch_csv"]
        listener = next(one for one in registered.manifest.listeners if one.folder)
        files = FromFolders(Batches(self.door.intake), registered, listener, self.known, pause=0.01)  # type: ignore[arg-type]
        return DropFolder(self.root, files, settle=0.0, settle_open=0.0, again=0.0)

    async def drop(self, name: str, content: bytes, owner: str = "tai", looks: int = 2) -> None:
        home = self.root / owner / "in"
        home.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
        folder = self.folder()
        for _ in range(looks):
            await folder.work(owner)

    def report(self, where: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / "tai" / f"{where}.report.ndjson").read_bytes().splitlines()]


@pytest.fixture
def dropping(door: Door, tmp_path: Path) -> Dropping:
    return Dropping(door, tmp_path / "drop")


async def test_a_sound_file_is_done_with_a_report_for_programs_and_one_for_a_spreadsheet(dropping: Dropping) -> None:
    await dropping.drop("mawrth.csv", table(*GOOD[:3]))
    lines = dropping.report("done/mawrth.csv")
    assert [(line["row"], line["outcome"]) for line in lines] == [(0, "taken"), (2, "taken"), (3, "taken"), (4, "taken")]
    sheet = (dropping.root / "tai" / "done" / "mawrth.csv.report.csv").read_bytes()
    rows = list(csv.reader(io.StringIO(sheet.decode("utf-8-sig"))))
    assert [len(row) for row in rows] == [6] * len(rows)
    assert [row[2] for row in rows if row[0]] == ["reference / cyfeirnod", *(line["reference"] for line in lines[1:])]
    assert (dropping.root / "tai" / "done" / "mawrth.csv").read_bytes() == table(*GOOD[:3])
    assert await referrals(dropping.door) == 3
    assert {row["client"] for row in await dropping.door.book.fetch("SELECT client FROM referral")} == {"tai"}


async def test_good_rows_go_on_and_the_file_lies_in_failed_with_what_to_correct(dropping: Dropping) -> None:
    await dropping.drop("a.csv", table(GOOD[0], "T-x,,,,,,,", GOOD[1]))
    lines = dropping.report("failed/a.csv")
    assert [line["outcome"] for line in lines] == ["refused", "taken", "refused", "taken"]
    assert "2" in lines[0]["text"]["en"]
    assert await referrals(dropping.door) == 2
    await dropping.drop("b.csv", table(GOOD[0], "T-x,Ann Prawf,1950,,01792 1,,social prescribing,", GOOD[1]))
    assert [line["outcome"] for line in dropping.report("done/b.csv")] == ["taken", "known", "taken", "known"]
    assert await referrals(dropping.door) == 3


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a spreadsheet", "name\r\nNon".encode("utf-16"), b"name,dob\r\n"])
async def test_a_file_that_is_no_table_lies_in_failed_with_a_report_and_is_kept_as_a_refusal(dropping: Dropping, content: bytes) -> None:
    await dropping.drop("a.csv", content)
    assert (dropping.root / "tai" / "failed" / "a.csv").read_bytes() == content
    (line,) = dropping.report("failed/a.csv")
    assert (line["row"], line["outcome"], len(line["faults"])) == (0, "refused", 1)
    assert await dropping.door.book.value("SELECT count(*) FROM refusal") == 1


async def test_the_client_s_own_columns_and_character_set_may_stand_beside_the_folders(dropping: Dropping) -> None:
    home = dropping.root / "tai"
    home.mkdir(parents=True)
    (home / "columns.toml").write_text('columns = {Tenant = "name", Geburtstag = "birth_date", Dienst = "service"}\ncharset = "windows-1252"\n')
    await dropping.drop("a.csv", "Tenant;Geburtstag;Dienst\r\nSiân Prawf;17.05.1948;social prescribing\r\n".encode("cp1252"))
    assert [line["outcome"] for line in dropping.report("done/a.csv")] == ["taken", "taken"]


@pytest.mark.parametrize("beside", [b"\xff", b"= =", b"organisation_type = 'gp'", b"columns = 3", b"sharing_agreement = true"])
def test_nothing_else_may_be_agreed_there(beside: bytes) -> None:
    with pytest.raises(Rejected) as fault:
        agreed(Profile(), beside)
    assert fault.value.issues[0].at == "columns.toml"
    assert fault.value.issues[0].text.cy


async def test_a_wrong_columns_file_refuses_the_file_and_not_its_rows(dropping: Dropping) -> None:
    (dropping.root / "tai").mkdir(parents=True)
    (dropping.root / "tai" / "columns.toml").write_text("sharing_agreement = true")
    await dropping.drop("a.csv", table(GOOD[0]))
    (line,) = dropping.report("failed/a.csv")
    assert (line["row"], [fault["at"] for fault in line["faults"]]) == (0, ["columns.toml"])
    assert await referrals(dropping.door) == 0


async def test_while_nothing_can_be_stored_the_file_waits_with_us(dropping: Dropping) -> None:
    real = dropping.door.intake.ledger
    dropping.door.intake.ledger = away = Down(real, 7)  # type: ignore[assignment]
    task = asyncio.create_task(dropping.drop("a.csv", table(*GOOD[:20])))
    for _ in range(500):
        if away.asked > 30:
            break
        await asyncio.sleep(0.01)
    assert (dropping.root / "tai" / "working" / "a.csv").exists()
    assert await referrals(dropping.door) == 7
    dropping.door.intake.ledger = real
    await asyncio.wait_for(task, 20)
    lines = dropping.report("done/a.csv")
    assert [line["outcome"] for line in lines[1:]] == ["taken"] * 20
    assert await referrals(dropping.door) == 20


async def test_stopped_in_the_middle_another_goes_on_and_the_report_is_of_all(dropping: Dropping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.intake.batches.AT_ONCE", 1)
    stuck = Down(dropping.door.intake.ledger, 10)
    dropping.door.intake.ledger, real = stuck, dropping.door.intake.ledger  # type: ignore[assignment]
    task = asyncio.create_task(dropping.drop("a.csv", table(*GOOD[:25])))
    for _ in range(500):
        if stuck.asked > 10:
            break
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    dropping.door.intake.ledger = again = Down(real, 99)  # type: ignore[assignment]
    await dropping.folder().work("tai")
    assert [line["outcome"] for line in dropping.report("done/a.csv")[1:]] == ["taken"] * 25
    assert again.asked == 15, "what was answered is not asked again"
    assert await referrals(dropping.door) == 25


async def test_only_a_client_that_may_refer_is_listened_to(dropping: Dropping) -> None:
    await dropping.drop("a.csv", table(GOOD[0]), owner="reader")
    await dropping.drop("a.csv", table(GOOD[0]), owner="nobody")
    assert await referrals(dropping.door) == 0
    assert (dropping.root / "reader" / "in" / "a.csv").exists()
    assert (dropping.root / "nobody" / "in" / "a.csv").exists()


async def test_no_log_line_and_no_report_holds_a_value_of_the_file(dropping: Dropping, capfd: pytest.CaptureFixture[str]) -> None:
    canary = "Zzcanary"
    rows = [f"{canary},{canary} Prawf,{canary},{canary},{canary},{canary},social prescribing,", f"{canary},,,,,,Cardiology {canary},{canary}"]
    await dropping.drop(f"{canary}.csv", table(*rows, header="reference,name,date of birth,postcode,phone,need,service,action"))
    reports = b"".join(path.read_bytes() for path in (dropping.root / "tai" / "failed").glob("*.report.*"))
    assert reports
    assert canary.encode() not in reports
    assert canary not in capfd.readouterr().err
