"""README.md, "Connect a system": its blocks, run one after the other as they stand against a hub that serves, do what the page says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.architecture.source import ROOT
from tests.stores import cache

_BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
_HERE = "http://127.0.0.1:8080"


def blocks() -> list[str]:
    """Every block of the page that is meant to be typed as it stands."""
    return _BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))


@asynccontextmanager
async def serving(data: Path) -> AsyncIterator[str]:
    """`hub serve` on an empty folder and any ports; its HTTP address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "serve", env=environment(data) | {"HUB_HTTP": "127.0.0.1:0", "HUB_MLLP": "127.0.0.1:0"},
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield await asyncio.wait_for(_address(process, data / "run.json"), 120)
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 60)


async def _address(process: asyncio.subprocess.Process, run: Path) -> str:
    while not await asyncio.to_thread(run.exists):
        assert process.returncode is None
        await asyncio.sleep(0.1)
    return str(json.loads(await asyncio.to_thread(run.read_text))["http"])


def environment(data: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{own['PATH']}"
    return own | {"PATH": path, "HUB_DATA": str(data), "HUB_CACHE": str(cache().resolve())}


async def test_every_block_does_what_the_page_says(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as http:
        script = "set -euo pipefail\n" + "\n".join(blocks()).replace(_HERE, http)
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", script, cwd=tmp_path, env=environment(tmp_path / "data"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said = (await asyncio.wait_for(process.communicate(), 120))[0].decode()
    assert process.returncode == 0, said
    assert "We have the referral." in said
    assert '"value":"R-1"' in said  # read back
    assert "[AA" in said, said
    assert '"status":"accepted"' in said
    assert "taken 2" in said
    assert " passed, 0 failed" in said


def test_the_page_shows_each_kind_of_system_how_to_connect() -> None:
    page = "\n".join(blocks())
    for shown in (
        "/ServiceRequest", "$process-message", "hub send referral.hl7", "/document", "hub batch send", "hub clients link", "-X PUT", "--kafka", "--mllp-in",
    ):  # fmt: skip
        assert shown in page


def test_the_page_says_how_its_figures_were_measured() -> None:
    measured = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Measured")[2].partition("\n## ")[0]
    for command in ("hub bench accept", "hub bench loop", "hub bench match"):
        assert command in measured
