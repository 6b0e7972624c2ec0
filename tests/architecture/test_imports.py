"""Beside the flow: the import contracts of pyproject.toml hold for the project, and each catches an import that breaks it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.conftest import Plant
from tests.architecture.source import ROOT

CONTRACTS = {contract["id"] for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]}
_PACKAGES = ("hub/deciding", "hub/transports", "hub/intake", "hub/routing", "hub/ledger", "schemas/fhir", "connectors/bars")
_SOUND = {
    **{f"{package}/__init__.py": "" for package in _PACKAGES},
    **dict.fromkeys(("hub/telemetry.py", "hub/app.py", "schemas/events.py", "schemas/referral.py", "schemas/hl7v2.py", "hub/routing/worker.py"), ""),
    "schemas/fhir/generate.py": "import fhir.resources\n",
    "hub/intake/door.py": "import hub.ledger\nimport connectors.bars\nimport hub.telemetry\n",
    "connectors/bars/connector.py": "import schemas.events\nfrom datetime import datetime\n",
}

# the contract; where an import stands, the import, and what the report must name
VIOLATIONS = {
    "directions": (
        ("schemas/words.py", "import connectors.bars", "schemas.words -> connectors.bars"),  # back from the innermost
        ("connectors/bars/connector.py", "from hub import telemetry", "connectors.bars.connector -> hub.telemetry"),  # a connector that calls the hub
    ),
    "stages": (
        ("hub/routing/worker.py", "from hub.intake import door", "hub.routing.worker -> hub.intake.door"),  # one stage calls another
        ("hub/ledger/commit.py", "import hub.routing.worker", "hub.ledger.commit -> hub.routing.worker"),  # what stages share calls a stage, and so joins two
        ("hub/telemetry.py", "import hub.ledger", "hub.telemetry -> hub.ledger"),  # the ground knows what stands on it
    ),
    "fhir-models": (("hub/intake/reader.py", "from fhir.resources.R4B.task import Task", "hub.intake.reader -> fhir"),),  # 600 µs a message
    "pure": (
        ("connectors/bars/sender.py", "import httpx", "connectors.bars.sender -> httpx"),  # a connector that sends
        ("hub/deciding/decide.py", "import time", "hub.deciding.decide -> time"),  # a decision that cannot be replayed
        ("schemas/words.py", "import asyncio", "schemas.words -> asyncio"),  # a shape that waits
    ),
    "transports": (("hub/transports/http.py", "import schemas.events", "hub.transports.http -> schemas.events"),),  # it knows what it carries
}


def lint(root: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """import-linter on a tree, with the project's own contracts."""
    linter = Path(sys.executable).with_name("lint-imports")
    chosen = [word for contract in contracts for word in ("--contract", contract)]
    command = [str(linter), "--no-logo", "--no-cache", "--config", str(ROOT / "pyproject.toml"), *chosen]
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_the_project_keeps_its_import_contracts() -> None:
    ended = lint(ROOT)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_sound_tree_keeps_them(plant: Plant) -> None:
    ended = lint(plant(_SOUND))
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_planted_imports_break_their_contract_and_are_named(plant: Plant, contract: str) -> None:
    planted = VIOLATIONS[contract]
    ended = lint(plant({**_SOUND, **{path: f"{line}\n" for path, line, _ in planted}}), contract)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert [named for _, _, named in planted if named not in ended.stdout] == []


def test_every_contract_has_a_planted_violation() -> None:
    assert set(VIOLATIONS) == CONTRACTS
