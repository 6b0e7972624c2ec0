"""Beside the flow: what a page claims is so: commands, targets, settings, files and links that it names are there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub import cli
from hub.settings import PREFIX, Settings
from tests.architecture.conftest import Plant
from tests.architecture.source import ROOT

MAIN = ("connectors", "deploy", "hub", "schemas", "tests")
_SKIPPED = {".venv", ".git", "node_modules", ".data", ".hypothesis", ".pytest_cache"}
_TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
_CODE = re.compile(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
_FILE = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*\.(?:py|toml|lock|properties|yml|yaml|md|po|jsonl|csv|json|sql)")


def pages(root: Path) -> Iterator[Path]:
    """Every Markdown page of the project."""
    return (path for path in sorted(root.rglob("*.md")) if not _SKIPPED & set(path.relative_to(root).parts))


def code(page: Path) -> list[str]:
    """Each line of code that a page shows, in blocks and in running text."""
    return [line.strip().removeprefix("$ ") for block, inline in _CODE.findall(page.read_text(encoding="utf-8")) for line in (block or inline).splitlines()]


def commands_that_are_not(root: Path) -> list[str]:
    """`hub …` and `make …` that would not run."""
    found = []
    for page in pages(root):
        for line in code(page):
            words = line.removeprefix(".venv/bin/").split()
            if len(words) > 1 and words[0] == "hub" and re.fullmatch(r"[a-z][a-z|-]*", words[1]) and not set(words[1].split("|")) <= set(cli.available()):
                found.append(f"{page.relative_to(root)}: {line}")
            if len(words) > 1 and words[0] == "make" and re.fullmatch(r"[a-z][a-z-]*", words[1]) and words[1] not in _TARGETS:
                found.append(f"{page.relative_to(root)}: {line}")
    return found


def settings_that_are_not(root: Path) -> list[str]:
    """Variables that nothing reads."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    named = [(page, name) for page in pages(root) for name in re.findall(r"\bHUB_[A-Z_]*[A-Z]\b(?![_*…])", page.read_text(encoding="utf-8"))]
    return [f"{page.relative_to(root)}: {name}" for page, name in named if name not in known and not name.startswith("HUB_TEST_")]


def settings_table() -> str:
    """The table of settings as README.md shows it: one row for each variable; those for tests are left out."""
    rows = [(PREFIX + name.upper(), field.description) for name, field in Settings.model_fields.items() if not name.startswith("crash")]
    return "| variable | must be |\n|---|---|\n" + "".join(f"| `{variable}` | {words} |\n" for variable, words in rows)


def links_that_lead_nowhere(root: Path) -> list[str]:
    """Relative links to files that are not there."""
    linked = [(page, target) for page in pages(root) for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))]
    return [f"{page.relative_to(root)}: {target}" for page, target in linked if not (page.parent / target).exists()]


def files_that_are_not(root: Path) -> list[str]:
    """Files in the first column of a folder's table that neither the folder nor any folder in it holds."""
    found = []
    for page in pages(root):
        for cell in re.findall(r"^\| *(`[^|]*`) *\|", page.read_text(encoding="utf-8"), re.MULTILINE):
            named = [name for name in re.findall(r"`([^`]+)`", cell) if _FILE.fullmatch(name)]
            gone = [name for name in named if not (page.parent / name).exists() and not (root / name).exists() and not any(page.parent.glob(f"*/{name}"))]
            found += [f"{page.relative_to(root)}: {name}" for name in gone]
    return found


def first_lines_that_say_nothing(root: Path) -> list[str]:
    """Folders whose README is missing or does not say in its first line what the folder holds."""
    found = []
    for folder in MAIN:
        here = [root / folder, *(path.parent for path in sorted((root / folder).glob("*/__init__.py")) if folder != "tests")]
        for at in here:
            first = (at / "README.md").read_text(encoding="utf-8").partition("\n")[0] if (at / "README.md").exists() else ""
            if at.exists() and len(first.lstrip("# ").split()) < 5:
                found.append(f"{at.relative_to(root)}: {first or 'no README.md'}")
    return found


CLAIMS = (commands_that_are_not, settings_that_are_not, links_that_lead_nowhere, files_that_are_not, first_lines_that_say_nothing)

# the check, a page that claims what is not so, one that claims what is
FALSE_CLAIMS = (
    (commands_that_are_not, "Run `hub teleport FILE`.", "Run `hub places resolve CF10`; a hub is no command."),
    (commands_that_are_not, "```\nmake magic\n```", "```\nmake test\n```"),
    (settings_that_are_not, "Set `HUB_MAGIC=1`.", "Set `HUB_HTTP`; HUB_* are all the settings."),
    (links_that_lead_nowhere, "See [here](nowhere.md).", "See [this](README.md) or [that](https://example.org/x)."),
    (files_that_are_not, "| file | holds |\n|---|---|\n| `gone.py` | nothing |\n", "| file | holds |\n|---|---|\n| `README.md` | this |\n"),
    (first_lines_that_say_nothing, "# hub\n", "What is here, said in a line.\n"),
)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_every_page_keeps_what_it_claims(claim: Callable[[Path], list[str]]) -> None:
    assert claim(ROOT) == []


@pytest.mark.parametrize(("claim", "false", "true"), FALSE_CLAIMS)
def test_a_false_claim_is_found_and_a_true_one_is_not(plant: Plant, claim: Callable[[Path], list[str]], false: str, true: str) -> None:
    readmes = {f"{folder}/README.md": "What is here, said in a line.\n" for folder in MAIN}
    assert claim(plant({**readmes, "hub/README.md": false})) != []
    assert claim(plant({**readmes, "hub/README.md": true})) == []


def test_every_claim_has_been_seen_to_fail() -> None:
    assert {row[0] for row in FALSE_CLAIMS} == set(CLAIMS)


def test_the_readme_shows_every_setting_as_it_is() -> None:
    assert settings_table() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_every_target_that_a_newcomer_needs() -> None:
    shown = {line.split()[1] for line in code(ROOT / "README.md") if line.startswith("make ") and len(line.split()) > 1}
    assert {"demo", "run", "test", "test-faults", "secrets"} <= shown <= _TARGETS


def test_make_alone_lists_every_target() -> None:
    shown = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())  # type: ignore[index]
    assert set(re.findall(r"^  make ([a-z-]+) ", shown, re.MULTILINE)) == phony == _TARGETS


def test_what_decides_about_a_change_is_make_test_and_that_lints_and_tests_all() -> None:
    ran = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line and not line.startswith("#")]
    assert ran[-1] == "make test"
    dry = subprocess.run(["make", "--dry-run", "--no-print-directory", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for needed in ("ruff check .", "mypy", "lint-imports", "pytest --cov", "coverage json", "tests.coverage_wall"):
        assert needed in dry
    for weakening in (" -k", " -m ", "--ignore", "--deselect", "|| true", "--maxfail"):
        assert weakening not in dry.split("pytest", 1)[1].partition("\n")[0]


def test_a_python_that_is_too_old_is_told_so_plainly(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    (tmp_path / "old").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "old").chmod(0o755)
    for python in ("./old", "./missing"):
        ended = subprocess.run(["make", "setup", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ended.returncode != 0
        assert "The hub needs Python 3.11 or newer" in ended.stderr
        assert not (tmp_path / ".venv").exists()
