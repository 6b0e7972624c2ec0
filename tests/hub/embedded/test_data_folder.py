"""The data folder: who holds it, what made it, whether there is room."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hub.embedded.data_folder import hold, kafka_login, secret
from hub.errors import Misconfigured, Unavailable


def test_a_folder_in_use_names_the_process_that_holds_it_and_says_what_to_do(tmp_path: Path) -> None:
    with (
        hold(tmp_path / "data", 0),
        pytest.raises(Misconfigured, match=rf"in use by process {os.getpid()}: stop that hub first, or point HUB_DATA"),
        hold(tmp_path / "data", 0),
    ):
        pass


def test_a_folder_that_was_left_can_be_held_again(tmp_path: Path) -> None:
    for _ in range(2):
        with hold(tmp_path, 0):
            pass


def test_a_full_disk_is_found_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"MB free and the stores need .* MB: make room, or point HUB_DATA"), hold(tmp_path, 2**62):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misconfigured, match=r"cannot be used .*: give it to this user, or set HUB_DATA"), hold(tmp_path / "file" / "data", 0):
        pass


@pytest.mark.parametrize(
    "made_by",
    [
        '{"format": 1, "kafka": "4.3.1", "postgres": 16}',  # an older PostgreSQL: its files cannot be read
        '{"format": 1, "kafka": "4.3.1", "postgres": 19}',  # a newer one
        '{"format": 1, "kafka": "4.4.0", "postgres": 18}',  # a newer Kafka: its metadata cannot go back
        '{"format": 2, "kafka": "4.3.1", "postgres": 18}',  # a newer hub
        '{"format": 0, "kafka": "4.3.1", "postgres": 18}',  # an older hub
        '{"format": 1, "kafka": "4"}',  # a fact is missing
        "",  # cut short
        "[]",  # not what we write
    ],
)
def test_a_folder_of_another_hub_is_refused_and_left_as_it_is(tmp_path: Path, made_by: str) -> None:
    (tmp_path / "made-by.json").write_text(made_by)
    with pytest.raises(Misconfigured, match="point HUB_DATA at another folder"), hold(tmp_path, 0):
        pass
    assert (tmp_path / "made-by.json").read_text() == made_by


@pytest.mark.parametrize("kafka", ["4.3.0", "4.2.0", "3.9.1"])
def test_a_folder_of_an_older_kafka_is_taken_over(tmp_path: Path, kafka: str) -> None:
    (tmp_path / "made-by.json").write_text(f'{{"format": 1, "kafka": "{kafka}", "postgres": 18}}')
    with hold(tmp_path, 0):
        assert '"kafka": "4.3.1"' in (tmp_path / "made-by.json").read_text()


def test_a_cluster_of_another_postgresql_without_our_note_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(Misconfigured, match="made by a hub with PostgreSQL 16"), hold(tmp_path, 0):
        pass


def test_a_secret_is_made_once_and_is_for_this_user_only(tmp_path: Path) -> None:
    first = secret(tmp_path / "s")
    assert secret(tmp_path / "s") == first
    assert len(first) >= 40
    assert secret(tmp_path / "other") != first
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600


def test_another_command_finds_the_login_of_the_embedded_kafka(tmp_path: Path) -> None:
    assert kafka_login(tmp_path) is None
    with hold(tmp_path, 0) as folder:
        password = folder.kafka_password
    assert kafka_login(tmp_path) == ("hub", password)


def test_the_rights_of_a_folder_that_was_there_are_not_touched(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with hold(tmp_path, 0):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
