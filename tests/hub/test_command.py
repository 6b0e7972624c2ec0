"""Beside the flow: the `hub` command mounts what is there, imports only what is asked for, and ends with the code its ending means."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from hub import cli
from hub.__main__ import run
from hub.errors import Misconfigured, Unavailable
from tests.architecture.source import ROOT

CANARY = "Blodeuwedd Canary 9990000018"


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Mounts a function, or a Typer of several, as `hub check`."""
    module = ModuleType("hub.cli.check")
    monkeypatch.setitem(sys.modules, "hub.cli.check", module)
    monkeypatch.setattr(cli, "available", lambda: ["check"])

    def mount(offered: Any) -> None:
        if isinstance(offered, typer.Typer):
            module.app = offered  # type: ignore[attr-defined]
        else:
            module.command = offered  # type: ignore[attr-defined]

    return mount


def fails_with(error: BaseException) -> Any:
    def command() -> None:
        raise error

    return command


# how a command ends, the exit code, what stderr says
ENDINGS = (
    (typer.Exit(0), 0, ""),
    (typer.Exit(2), 2, ""),  # an input was rejected: no usage error, though the number is the framework's own
    (typer.BadParameter("not a file"), 64, "not a file"),
    (Misconfigured("Set HUB_DATABASE."), 78, "hub: Set HUB_DATABASE.\n"),
    (Unavailable("Kafka does not answer."), 75, "hub: Kafka does not answer.\n"),
    (KeyboardInterrupt(), 130, ""),
    (ValueError(CANARY), 70, "hub: a bug of ours: ValueError"),
    (ExceptionGroup(CANARY, [ValueError(CANARY)]), 70, "hub: a bug of ours: ExceptionGroup"),
)


@pytest.mark.parametrize(("error", "code", "words"), ENDINGS, ids=lambda part: type(part).__name__ if isinstance(part, BaseException) else None)
def test_every_ending_has_its_code_and_one_plain_line(mounted: Any, capfd: pytest.CaptureFixture[str], error: BaseException, code: int, words: str) -> None:
    mounted(fails_with(error))
    assert run(["check"]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert words in err
    assert "Canary" not in err
    assert "Traceback" not in err


def test_a_function_and_a_group_are_both_mounted(mounted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def alone(name: str, times: int = 1) -> None:
        typer.echo(name * times)

    mounted(alone)
    assert run(["check", "ab", "--times", "2"]) == 0
    group = typer.Typer()
    group.command("one")(lambda: typer.echo("one"))
    group.command("two")(lambda: typer.echo("two"))
    mounted(group)
    assert run(["check", "two"]) == 0
    assert capsys.readouterr().out == "abab\ntwo\n"


def test_a_command_that_returns_a_number_ends_with_it(mounted: Any) -> None:
    mounted(lambda: 2)
    assert run(["check"]) == 2


@pytest.mark.parametrize("words", [[], ["nonsense"], ["--nonsense"], ["check"], ["check", "a", "b"], ["check", "a", "--times", "x"], ["check", "a", "--nope"]])
def test_wrong_usage_ends_with_64_and_an_empty_stdout(mounted: Any, capfd: pytest.CaptureFixture[str], words: list[str]) -> None:
    def alone(name: str, times: int = 1) -> None:
        typer.echo(name * times)

    mounted(alone)
    assert run(words) == 64
    out, err = capfd.readouterr()
    assert out == ""
    assert "Usage:" in err


def test_help_lists_what_is_there_in_the_order_of_a_working_day(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    found = [name for name in cli.COMMANDS if f"\n  {name} " in shown]
    assert found == cli.available()
    assert {"places", "reasons"} <= set(found)


def test_every_module_of_the_folder_is_a_mounted_command() -> None:
    there = {path.stem.replace("_", "-") for path in (ROOT / "hub" / "cli").glob("*.py") if not path.stem.startswith("_")}
    assert there - set(cli.COMMANDS) == set()


def test_every_mounted_module_offers_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    for name in cli.available():
        assert run([name, "--help"]) == 0, name
        assert "Usage: hub" in capsys.readouterr().out


def test_a_command_imports_no_store_broker_or_web_server_that_it_does_not_need() -> None:
    script = "import sys, json; from hub.__main__ import run; run(['reasons', '--help']); print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    loaded = set(json.loads(ended.stdout.splitlines()[-1]))
    assert loaded & {"asyncpg", "aiokafka", "faststream", "fastapi", "uvicorn", "httpx", "confluent_kafka", "alembic", "sqlalchemy", "fhir.resources"} == set()


def test_a_reader_that_leaves_early_is_no_bug() -> None:
    ended = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m hub reasons --json | head -1; echo ${{PIPESTATUS[0]}}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout.splitlines()[-1] in ("0", "141")  # 0 where the pipe took it all
    assert ended.stderr == ""


def test_the_installed_command_and_the_module_are_the_same() -> None:
    for command in ([sys.executable, "-m", "hub", "nonsense"], [str(Path(sys.executable).with_name("hub")), "nonsense"]):
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert (ended.returncode, ended.stdout) == (64, "")
