"""`hub places`: the shape of each line, the exit codes, and the same bytes twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli import places

SOUND = "postcode,lat,lon,la_gss,lsoa21\nCF10 1AA,51.47909,-3.17817,W06000015,W01002019\n"
SHAPE = {"postcode", "certainty", "authorities", "board", "lsoa", "latitude", "longitude", "country"}


def run(*arguments: str, stdin: bytes = b"") -> tuple[int, list[dict[str, Any]], str]:
    result = CliRunner().invoke(places.app, list(arguments), input=stdin)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def test_a_line_has_every_key_and_null_where_there_is_nothing() -> None:
    code, lines, _ = run("resolve", "cf11 0aa", "M1 1AE", "elsewhere")
    assert code == 0
    assert [set(line) for line in lines] == [SHAPE] * 3
    assert lines[0] == {
        "postcode": "CF11 0AA",
        "certainty": "district",
        "authorities": [{"code": "W06000015", "name": "Cardiff", "weight": 0.9864}, {"code": "W06000014", "name": "Vale of Glamorgan", "weight": 0.0136}],
        "board": {"code": "W11000029", "name": "Cardiff and Vale University Health Board"},
        "lsoa": None,
        "latitude": 51.4721,
        "longitude": -3.1919,
        "country": "W",
    }
    assert lines[2] == {key: "elsewhere" if key == "postcode" else "unknown" if key == "certainty" else [] if key == "authorities" else None for key in SHAPE}


def test_two_runs_give_the_same_bytes_with_sorted_keys() -> None:
    first, second = (CliRunner().invoke(places.app, ["resolve", "CF10", "ＣＦ10", "CH4 0AA"]).stdout_bytes for _ in range(2))
    assert first == second
    for line in first.splitlines():
        assert list(json.loads(line)) == sorted(SHAPE)


def test_a_file_gives_one_line_each_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "postcodes.txt"
    path.write_bytes(b"\xef\xbb\xbfCF10\r\n\r\n\xff\xfe\nSA1 1AA")
    code, lines, _ = run("resolve", "--file", str(path))
    assert code == 2
    assert [line.get("postcode") for line in lines] == ["CF10", "", None, "SA1 1AA"]
    assert (lines[2]["file"], lines[2]["row"], lines[2]["rejected"]["reason"]) == (str(path), 3, "encoding")
    assert run("resolve", "--file", "-", stdin=b"CF10\n")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["resolve"],  # nothing to do it on
        ["resolve", "CF10", "--file", "x"],  # two things
        ["resolve", "--file", "/nowhere/at/all"],
        ["resolve", "CF10", "--places", "/nowhere/at/all"],
        ["load", "/nowhere/at/all", "--places", "/nowhere"],
    ],
)
def test_wrong_use_says_why_on_stderr_only(arguments: list[str]) -> None:
    code, lines, stderr = run(*arguments)
    assert (code, lines) == (64, [])
    assert stderr.strip()


def test_a_loaded_file_makes_postcodes_certain(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(SOUND)
    code, lines, _ = run("load", str(source), "--places", str(tmp_path / "set"))
    assert (code, lines) == (0, [{"file": str(source), "loaded": 1, "malformed": 0, "places": str(tmp_path / "set")}])
    line = run("resolve", "CF10 1AA", "--places", str(tmp_path / "set"))[1][0]
    assert (line["certainty"], line["lsoa"], line["latitude"], line["authorities"][0]["weight"]) == ("postcode", "W01002019", 51.47909, 1.0)


def test_malformed_rows_are_named_counted_and_left_out(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(SOUND + "not a postcode,1,1,W06000015,\n" * 150)
    code, lines, _ = run("load", str(source), "--places", str(tmp_path / "set"))
    assert code == 2
    assert len(lines) == places.NAMED_AT_MOST + 1
    assert (lines[0]["row"], lines[0]["rejected"]["issues"][-1]["at"]) == (3, "row 3, postcode")
    assert "not a postcode" not in json.dumps(lines)
    assert (lines[-1]["loaded"], lines[-1]["malformed"]) == (1, 150)


def test_a_file_with_other_columns_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("name,phone\n")
    code, lines, _ = run("load", str(source), "--places", str(tmp_path / "set"))
    assert (code, lines[0]["row"], lines[0]["rejected"]["reason"]) == (2, 1, "required")
    assert list((tmp_path / "set").glob("*")) == []
