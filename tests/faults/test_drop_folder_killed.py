"""SIGKILL in the middle of a file: whatever point it hits, each row is one referral, and the file ends in `done` with a report of every row."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from hub.embedded.stores import StoreAddresses
from hub.security.registration import NewClient, add_client
from hub.security.scopes import USUAL
from schemas.profile import Profile
from tests.faults.running import Running, Stage, running, until

ROWS = 120
_AGREED = Profile(sharing_agreement=True)
TABLE = "\r\n".join(
    ("reference,name,date of birth,postcode,need,service", *(f"T-{n},Non Prawf{n},17/05/1948,SA1 1AA,loneliness,social prescribing" for n in range(ROWS)), "")
).encode()


# where it is killed, and at which passage of forty rows: before a commit, after it and before anybody is told, before and after an answer is made
@pytest.mark.parametrize("points", [("commit.before:2", "commit.after:3"), ("http.after_commit:40", "http.after_commit:60"), ()])
async def test_a_file_is_gone_on_with_after_every_kill(
    points: tuple[str, ...], stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path
) -> None:
    drop = tmp_path / "drop"
    (drop / "tai" / "in").mkdir(parents=True)
    async with running(stores, database, topic_prefix, tmp_path, processes=("intake,reading",), HUB_DROP=str(drop)) as hub:
        await add_client(hub.pool, hub.sealing, NewClient("tai", "housing", USUAL["referrer"], profile=_AGREED), allowed=frozenset(), kafka=None)
        stage = hub.stages["intake,reading"]
        hub.start()
        await hub.ready()
        if points:
            await _armed(hub, stage, points, drop, tmp_path)
        if not points:
            (drop / "tai" / "in" / "a.csv").write_bytes(TABLE)
            for share in (1, 2, 3):
                await until(lambda share=share: _stored(hub, share * ROWS // 4), 60, "a share of the rows")
                stage.kill()
        await until(lambda: _exists(drop / "tai" / "done" / "a.csv"), 90, "the file in done")
        await _each_row_once(hub, drop)
        assert stage.starts >= 2


async def _armed(hub: Running, stage: Stage, points: Sequence[str], drop: Path, folder: Path) -> None:
    """The next process dies at the first point, the one after it at the second."""
    for number, point in enumerate(points):
        before = stage.starts
        stage.extra = {"HUB_CRASH": point, "HUB_CRASH_MARKER": str(folder / f"{number}.reached")}
        if number == 0:
            stage.kill()
            (drop / "tai" / "in" / "a.csv").write_bytes(TABLE)
            await until(lambda before=before: _more(stage, before), 30, "a new process")
    for number, point in enumerate(points):
        await until(lambda number=number: _exists(folder / f"{number}.reached"), 60, f"{point} to be reached")


async def _each_row_once(hub: Running, drop: Path) -> None:
    lines = [json.loads(line) for line in (drop / "tai" / "done" / "a.csv.report.ndjson").read_bytes().splitlines()]
    assert [line["row"] for line in lines] == [0, *range(2, ROWS + 2)]
    assert {line["outcome"] for line in lines[1:]} <= {"taken", "known"}
    told = [line["reference"].replace("-", "") for line in lines[1:]]
    received = "SELECT count(*) FROM event e WHERE e.referral_id = r.id AND e.type = 'referral.received.v1'"
    kept = await hub.rows(f"SELECT ref, ({received}) AS received FROM referral r")
    assert sorted(told) == sorted(row["ref"].replace("-", "") for row in kept)
    assert len(set(told)) == ROWS
    assert {row["received"] for row in kept} == {1}
    assert (drop / "tai" / "done" / "a.csv").read_bytes() == TABLE


async def _stored(hub: Running, least: int) -> bool:
    return int((await hub.rows("SELECT count(*) FROM referral"))[0][0]) >= least


async def _exists(path: Path) -> bool:
    return await asyncio.to_thread(path.exists)


async def _more(stage: Stage, before: int) -> bool:
    return stage.starts > before
