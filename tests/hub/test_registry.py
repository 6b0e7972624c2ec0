"""The registry finds connectors by looking, loads them when they are used, and holds each to its manifest."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hub.errors import Misconfigured
from hub.registry import Registry, installed
from schemas.manifest import WrongManifest, read_manifest

GOOD = """
name = "planted"
title = "A planted connector"
direction = "in"
transport = "http"
content_types = ["application/json"]
functions = ["identify", "translate", "answer"]
emits = ["referral.received.v1"]
[[listeners]]
method = "POST"
path = "/planted"
scope = "referral.create"
[score]
"being there" = "done"
"""
CODE = """
def identify(message): ...
def translate(message): ...
def answer(message, outcome): ...
"""


def plant(folder: Path, name: str = "planted", manifest: str = GOOD, code: str = CODE) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / name / "manifest.toml").write_text(manifest)
    (folder / name / "connector.py").write_text(code)


@pytest.fixture
def garden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of connectors that can be imported as `garden`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [one for one in sys.modules if one.partition(".")[0] == "garden"]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path / "garden"


def test_a_folder_with_a_manifest_is_a_connector(garden: Path) -> None:
    plant(garden)
    (garden / "no_manifest").mkdir()
    registry = Registry(garden, "garden")
    assert registry.names == ("planted",)
    assert registry["planted"].connector.identify is not None
    assert [listener.target for _, listener in registry.listeners("http")] == ["POST /planted"]


def test_its_code_is_not_imported_before_it_is_used(garden: Path) -> None:
    plant(garden, code="raise RuntimeError('imported')")
    assert Registry(garden, "garden").names == ("planted",)
    assert "garden.planted.connector" not in sys.modules


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("name = ", "nam = "), "nam"),  # a misspelt key is not silence
        (('"planted"', '"another"'), "folder"),  # the name is the folder's, so that one can be found from the other
        (('direction = "in"', 'direction = "both"'), "compose"),  # it says that it sends, but offers nothing to send with
        (('"answer"]', '"compose"]'), "answer"),  # it takes in, but never answers
        (("referral.received.v1", "referral.recieved.v1"), "emits"),  # a fact that does not exist
        (('"done"', '"perfect"'), "score"),  # an honest card knows three marks
        (('path = "/planted"', 'path = "/plan ted"'), "path"),  # not a path
        (('path = "/planted"', 'path = "/planted"\nmany = true'), "together"),  # files are taken there, and nobody tells their messages apart
        (('path = "/planted"', 'path = "/planted"\nfolder = "<client>"'), "listeners"),  # one listener is one place
        (('method = "POST"\n', ""), "listeners"),  # a path without a method
        (('"being there" = "done"', ""), "score card"),  # nothing claimed, nothing admitted
        (("title", "tit le"), "TOML"),  # not TOML at all
    ],
)
def test_a_wrong_manifest_is_named_with_what_is_wrong(garden: Path, change: tuple[str, str], named: str) -> None:
    assert change[0] in GOOD
    plant(garden, manifest=GOOD.replace(*change))
    with pytest.raises(Misconfigured, match=named):
        Registry(garden, "garden")


def test_every_wrong_manifest_is_named_at_once(garden: Path) -> None:
    plant(garden, "first", GOOD)
    plant(garden, "second", GOOD)
    with pytest.raises(Misconfigured) as wrong:
        Registry(garden, "garden")
    assert "first" in wrong.value.message
    assert "second" in wrong.value.message


def test_two_connectors_cannot_listen_in_one_place(garden: Path) -> None:
    plant(garden)
    plant(garden, "rival", GOOD.replace('"planted"', '"rival"'))
    with pytest.raises(Misconfigured, match="both listen at POST /planted"):
        Registry(garden, "garden")


@pytest.mark.parametrize(
    ("code", "named"),
    [
        (CODE.replace("def answer(message, outcome): ...", ""), "answer is in the manifest but not there"),
        (CODE + "\ndef judge(outbound, reply): ...", "judge is there but not in the manifest"),
        (CODE.replace("(message, outcome)", "(message)"), "answer must take 2"),
        ("import no_such_module_anywhere", "No module named .no_such_module_anywhere"),
    ],
)
def test_a_module_that_is_not_what_its_manifest_says_stops_the_start(garden: Path, code: str, named: str) -> None:
    plant(garden, code=code)
    with pytest.raises(Misconfigured, match=named):
        Registry(garden, "garden").load()


def test_a_file_holds_one_message_unless_the_connector_says_otherwise(garden: Path) -> None:
    plant(garden)
    plant(garden, "many", GOOD.replace('"planted"', '"many"').replace("/planted", "/many").replace('"answer"]', '"answer", "messages"]'),
          CODE + "\ndef messages(content): return tuple(content.split())")
    registry = Registry(garden, "garden")
    assert registry["planted"].messages(b"a b") == (b"a b",)
    assert registry["many"].messages(b"a b") == (b"a", b"b")


def test_the_connectors_that_ship_are_what_their_manifests_say() -> None:
    registry = installed()
    assert {"fhir_rest", "case_management"} <= set(registry.names)
    registry.load()


def test_a_manifest_is_read_from_text_alone() -> None:
    assert read_manifest(GOOD, "planted").listeners[0].scope == "referral.create"
    with pytest.raises(WrongManifest, match="TOML"):
        read_manifest("= =", "planted")
