"""`hub batch` as a person types it, against a running intake: looked at, uploaded, dropped, and its report read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest_asyncio

from hub.embedded.stores import StoreAddresses
from hub.security.registration import NewClient, add_client, remove_client
from hub.security.scopes import USUAL, Scope
from schemas.profile import Profile
from tests.faults.running import Running, command, running
from tests.hub.intake.test_batches import GOOD, table


@dataclass
class Desk:
    """A running intake with a drop folder, and the keys of a housing association and of a client that may only read."""

    hub: Running
    folder: Path
    key: str
    reader: str

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with running(stores, database, topic_prefix, tmp_path, processes=("intake,reading",), HUB_DROP=str(tmp_path / "drop")) as hub:
        agreed = Profile(sharing_agreement=True)
        tai = await add_client(hub.pool, hub.sealing, NewClient("tai", "housing", USUAL["referrer"], profile=agreed), allowed=frozenset(), kafka=None)
        reads = NewClient("reads", "housing", frozenset({Scope.REFERRAL_READ}), profile=agreed)
        reader = await add_client(hub.pool, hub.sealing, reads, allowed=frozenset(), kafka=None)
        hub.start()
        await hub.ready()
        yield Desk(hub, tmp_path, str(tai.key), str(reader.key))


async def test_a_table_is_looked_at_uploaded_and_uploaded_again(desk: Desk) -> None:
    file = desk.file("a.csv", table(*GOOD[:5], "T-x,,,,,,,"))
    code, said = await command(desk.hub, "batch", "check", file)
    assert (code, "row 7, name" in said, "Rows looked at: 6; those that would not be taken as they are: 1" in said) == (2, True, True)
    code, said = await command(desk.hub, "batch", "send", file, "--key", desk.key)
    assert (code, "Rows taken: 5 of 6" in said, "taken 5, refused 1" in said) == (2, True, True)
    code, said = await command(desk.hub, "batch", "send", file, "--key", desk.key, "--json", "--language", "cy")
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [line["outcome"] for line in lines] == ["refused", *["known"] * 5, "refused"]


async def test_a_long_table_goes_by_the_drop_folder_with_its_progress(desk: Desk) -> None:
    rows = [row.replace(f"T-{n}", f"D-{n}-{turn}").replace("Prawf", f"Prawf{turn}") for turn in range(4) for n, row in enumerate(GOOD)]
    file = desk.file("mawrth.csv", table(*rows))
    code, said = await command(desk.hub, "batch", "drop", file, "--as", "tai")
    assert (code, "Rows: 400" in said, "taken 400" in said) == (0, True, True)
    code, again = await command(desk.hub, "batch", "report", str(desk.folder / "drop" / "tai" / "done" / "mawrth.csv.report.ndjson"), "--language", "cy")
    assert (code, "Darllenwyd y ffeil" in again) == (0, True)
    code, said = await command(desk.hub, "batch", "drop", file, "--as", "tai")
    assert (code, "mawrth.2.csv" in said, "known 400" in said) == (0, True, True)
    log = desk.hub.logs[0].read_text()
    assert "batch.progress" in log
    assert "Prawf" not in log
    assert "mawrth" not in log


async def test_what_is_not_a_client_s_to_do_is_refused_before_a_row_is_read(desk: Desk) -> None:
    async with httpx.AsyncClient(base_url=desk.hub.http, trust_env=False, timeout=30) as door:
        answers = await asyncio.gather(
            door.post("/batch/referrals", content=table(GOOD[0]), headers={"Content-Type": "text/csv"}),
            door.post("/batch/referrals", content=table(GOOD[0]), headers={"Content-Type": "text/csv", "Authorization": f"Bearer {desk.reader}"}),
            door.post("/batch/referrals", content=b"x" * 1_100_000, headers={"Content-Type": "text/csv", "Authorization": f"Bearer {desk.key}"}),
            door.get("/batch/referrals", headers={"Authorization": f"Bearer {desk.key}"}),
        )
    assert [answer.status_code for answer in answers] == [401, 403, 413, 405]
    assert await desk.hub.rows("SELECT 1 FROM referral") == []


NOBODY_S_FOLDER = (
    ("tia", "clients list"),  # a slip of the fingers: without this a folder would be made that nobody ever reads
    ("gone", "clients list"),  # revoked
    ("reads", "referral.create"),  # a client, but not one that may refer
)


async def test_a_file_is_put_into_no_folder_of_nobody_s(desk: Desk) -> None:
    await add_client(desk.hub.pool, desk.hub.sealing, NewClient("gone", "housing", USUAL["referrer"]), allowed=frozenset(), kafka=None)
    await remove_client(desk.hub.pool, "gone")
    file = desk.file("a.csv", table(GOOD[0]))
    for client, named in NOBODY_S_FOLDER:
        english, welsh = [await command(desk.hub, "batch", "drop", file, "--as", client, "--language", language) for language in ("en", "cy")]
        assert (english[0], welsh[0], named in english[1], named in welsh[1]) == (64, 64, True, True), (client, english, welsh)
        assert english[1] != welsh[1]
        assert not (desk.folder / "drop" / client).exists(), client


TYPED_WRONG = (
    (("send", "FILE"), "key"),  # no key
    (("send", "FILE", "--key", "hub_other_x", "--as", "tai"), "tai"),  # another's key
    (("drop", "FILE", "--as", "../tai"), "client"),  # no client's name
    (("report", "FILE"), "report"),  # a table is no report
    (("check", "/nowhere.csv"), "read"),
    (("check", "/nowhere.csv", "--language", "cy"), "darllen"),
)


async def test_what_was_typed_wrong_is_said_plainly(desk: Desk) -> None:
    file = desk.file("a.csv", table(GOOD[0]))
    for words, named in TYPED_WRONG:
        code, said = await command(desk.hub, "batch", *(file if word == "FILE" else word for word in words))
        assert (code, named in said) == (64, True), (words, said)
