"""Beside the flow: each guard finds nothing in the project, finds its planted violation, and leaves the sound twin alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import guards, shape
from tests.architecture.conftest import Plant
from tests.architecture.source import ROOT

pytestmark = pytest.mark.no_cover  # many runs of what other tests reach: measuring them is slow and says nothing more

GUARDS: tuple[Callable[[Path], list[str]], ...] = (
    shape.oversized,
    shape.empty_names,
    shape.without_a_first_line,
    guards.environment_readers,
    guards.writers_outside_the_ledger,
    guards.clocks_and_chance,
    guards.files_written,
    guards.stand_ins_that_know_the_hub,
    guards.loggers_of_their_own,
    guards.unlisted_log_lines,
    guards.promised_and_never_said,
)

_DOC = '"""Beside the flow: an example."""\n'
_TELEMETRY = _DOC + "from hub.telemetry import LogEvent, bind, count, log\n"

_STAND_IN = "hub/demo/stand_ins/gp.py"
_DOOR = "hub/intake/door.py"
_CONNECTOR = "connectors/bars/connector.py"
_LOGS = "import logging\n"


def _function(lines: str) -> str:
    return f"{_DOC}def f() -> None:\n{lines}"


# guard, where the violation stands, the violation, its sound twin
VIOLATIONS = (
    # the size wall: one line more than it allows, blank lines too; docstrings, tables and SQL are not counted
    (shape.oversized, "hub/long.py", _function("    print(1)\n" * 40), _function("    print(1)\n" * 39)),
    (shape.oversized, "hub/long.py", _function("    print(1)\n\n" * 21), _function('    """Says.\n' + "\n" * 60 + '    """\n')),
    (shape.oversized, "hub/long.py", _DOC + "x = 1\n" * 301, _DOC + "X = (\n" + "    1,\n" * 400 + ")\n"),
    (shape.oversized, "hub/long.py", _DOC + "X = [y for y in (\n" + "    1,\n" * 300 + ")]\n", _DOC + 'SQL = """\n' + "select 1\n" * 400 + '"""\n'),
    # names that say nothing, as a module and as a folder
    (shape.empty_names, "hub/utils.py", _DOC, None),
    (shape.empty_names, "schemas/common/shape.py", _DOC, None),
    # a module that does not say where it is
    (shape.without_a_first_line, "hub/silent.py", "x = 1\n", _DOC + "x = 1\n"),
    # the environment, asked directly and by an imported name
    (guards.environment_readers, "hub/app.py", "import os\nx = os.environ['HUB_DATA']\n", "import os\nx = os.getpid()\n"),
    (guards.environment_readers, "schemas/app.py", "from os import getenv\n", "from os import getpid\n"),
    # writing SQL in a stage; reading is a stage's own business, and prose may name a statement
    (guards.writers_outside_the_ledger, "hub/routing/worker.py", "q = 'update referral set status = $1'\n", "q = 'select 1 from referral for update'\n"),
    (guards.writers_outside_the_ledger, "hub/watch/late.py", 'q = f"""\n  INSERT\n  INTO task values ({1})"""\n', '"""Insert into the queue: prose."""\n'),
    (guards.writers_outside_the_ledger, "hub/security/clients.py", "q = 'DELETE FROM client'\n", None),
    # a clock and dice where the same message must give the same facts
    (guards.clocks_and_chance, _CONNECTOR, "from datetime import datetime\nx = datetime.now()\n", "from datetime import datetime\nx = datetime(2026, 1, 1)\n"),
    (guards.clocks_and_chance, "schemas/ids.py", "import uuid\nx = uuid.uuid4()\n", "import uuid\nx = uuid.uuid5(uuid.NAMESPACE_URL, 'a')\n"),
    (guards.clocks_and_chance, "hub/deciding/decide.py", "import time\nx = time.monotonic()\n", "def f(now: float) -> float:\n    return now\n"),
    # files written from pure code; reading a code list is allowed, and so is a generator that is run
    (guards.files_written, _CONNECTOR, "open('x', 'w')\n", "open('x', 'rb')\n"),
    (guards.files_written, "schemas/emit.py", "path.write_text('')\n", "if __name__ == '__main__':\n    path.write_text('')\n"),
    # a stand-in that knows the hub, directly and by a relative import
    (guards.stand_ins_that_know_the_hub, _STAND_IN, "from hub.ledger import commit\n", "from hub.demo.stand_ins import sockets\n"),
    (guards.stand_ins_that_know_the_hub, _STAND_IN, "from schemas import events\n", "from . import sockets\n"),
    (guards.stand_ins_that_know_the_hub, _STAND_IN, "from ... import errors\n", "import json\n"),
    # a logger beside telemetry's
    (guards.loggers_of_their_own, _DOOR, "import structlog\n", "from hub.telemetry import log\n"),
    (guards.loggers_of_their_own, _DOOR, _LOGS + "logger = logging.getLogger()\nlogger.info('x')\n", _LOGS + "logging.getLogger('x').disabled = True\n"),
    # lines, fields, metrics and labels that are on no list
    (guards.unlisted_log_lines, _DOOR, _TELEMETRY + "log('something.happened')\n", _TELEMETRY + "log(LogEvent.MESSAGE_ACCEPTED, ref='r')\n"),
    (guards.unlisted_log_lines, _DOOR, _TELEMETRY + "log(LogEvent.INVENTED)\n", _TELEMETRY + "def f(e: LogEvent) -> None:\n    log(e)\n"),
    (guards.unlisted_log_lines, _DOOR, _TELEMETRY + "log(LogEvent.MESSAGE_ACCEPTED, postcode='p')\n", _TELEMETRY + "bind(stage='intake')\n"),
    (guards.unlisted_log_lines, _DOOR, "from hub import telemetry\ntelemetry.bind(nhs_number='n')\n", "from hub import telemetry\ntelemetry.bind(ref='r')\n"),
    (guards.unlisted_log_lines, _DOOR, _TELEMETRY + "count('hub_invented_total')\n", _TELEMETRY + "count('hub_facts_total', fact='x')\n"),
    (guards.unlisted_log_lines, _DOOR, _TELEMETRY + "count('hub_facts_total')\n", "'a'.count('x')\n"),
)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_the_project_breaks_no_guard(guard: Callable[[Path], list[str]]) -> None:
    assert guard(ROOT) == []


def test_no_test_folder_has_a_name_that_says_nothing() -> None:
    assert shape.empty_names(ROOT, "tests") == []


@pytest.mark.parametrize(("guard", "path", "violation", "sound"), VIOLATIONS)
def test_a_planted_violation_is_found_and_its_sound_twin_is_not(
    plant: Plant, guard: Callable[[Path], list[str]], path: str, violation: str, sound: str | None
) -> None:
    found = guard(plant({path: violation}))
    assert found
    assert all(path in line for line in found)
    if sound is not None:
        assert guard(plant({path: sound})) == []


def test_every_guard_has_a_planted_violation() -> None:
    assert {row[0] for row in VIOLATIONS} == set(GUARDS) - {guards.promised_and_never_said}  # that one is about what is missing everywhere: below


def test_a_line_or_metric_that_is_listed_and_never_used_is_found(plant: Plant) -> None:
    used = _TELEMETRY + "log(LogEvent.MESSAGE_ACCEPTED)\ncount('hub_facts_total', fact='x')\n"
    found = guards.promised_and_never_said(plant({_DOOR: used}))
    assert {"log line MESSAGE_IGNORED", "metric hub_commit_seconds"} <= set(found)
    assert not {"log line MESSAGE_ACCEPTED", "metric hub_facts_total"} & set(found)
