"""Beside the flow: the environment is read once, completely, and every wrong value is a plain sentence that repeats nothing of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from hub.errors import Misconfigured
from hub.settings import Address, ArmedPoint, Settings, environment_for_child, load

STORES = {"HUB_DATABASE": "postgresql://hub:secret-word@db.example:5432/hub", "HUB_KAFKA": "kafka.example:9092"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No HUB_ variable of whoever runs the tests is seen."""
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_with_nothing_set_the_hub_runs_on_loopback_with_its_own_stores(environment: pytest.MonkeyPatch) -> None:
    found = load()
    assert (found.http, found.mllp) == (Address("127.0.0.1", 8080), Address("127.0.0.1", 2575))
    assert found.http.loopback
    assert found.mllp.loopback
    assert (found.database_dsn, found.kafka_servers, found.production, found.webhook_allow) == (None, [], False, ())


# variable, value, field, what it becomes
RIGHT = (
    ("HUB_DATA", "/srv/hub", "data", Path("/srv/hub")),
    ("HUB_HTTP", "0.0.0.0:80", "http", Address("0.0.0.0", 80)),
    ("HUB_HTTP", "localhost:0", "http", Address("localhost", 0)),  # any free port
    ("HUB_MLLP", "[::1]:2575", "mllp", Address("::1", 2575)),  # IPv6 needs its brackets
    ("HUB_PRODUCTION", "yes", "production", True),
    ("HUB_PUBLIC_URL", "https://hub.example.wales/", "public_url", "https://hub.example.wales"),  # a path follows it
    ("HUB_PUBLIC_URL", "http://[::1]:8080/hub", "public_url", "http://[::1]:8080/hub"),
    ("HUB_PUBLIC_URL", "", "public_url", None),
    ("HUB_PRODUCTION", "", "production", False),  # an empty variable is an unset one
    ("HUB_TOPIC_PREFIX", "test-1.", "topic_prefix", "test-1."),
    ("HUB_ROUTING_BATCH", "1", "routing_batch", 1),
    ("HUB_LOG_LEVEL", "warning", "log_level", "warning"),
    ("HUB_WEBHOOK_ALLOW", "127.0.0.1:9000, localhost:9001", "webhook_allow", (Address("127.0.0.1", 9000), Address("localhost", 9001))),
)


@pytest.mark.parametrize(("variable", "value", "field", "expected"), RIGHT)
def test_a_value_becomes_what_its_field_says(environment: pytest.MonkeyPatch, variable: str, value: str, field: str, expected: object) -> None:
    environment.setenv(variable, value)
    assert getattr(load(), field) == expected


# what is set, and what the sentence must say; a value marked SECRET never comes back
WRONG = (
    ({"HUB_HTTP": "SECRET"}, "HUB_HTTP must be host:port"),
    ({"HUB_HTTP": "127.0.0.1:70000"}, "HUB_HTTP must be host:port"),  # no such port
    ({"HUB_HTTP": "127.0.0.1:８０"}, "HUB_HTTP must be host:port"),  # full-width digits are no digits here
    ({"HUB_MLLP": "2575"}, "HUB_MLLP must be host:port"),  # a port alone
    ({"HUB_MLLP": "::1:2575"}, "HUB_MLLP must be host:port"),  # IPv6 without brackets
    ({"HUB_PUBLIC_URL": "SECRET.example"}, "HUB_PUBLIC_URL must be the http or https address"),
    ({"HUB_PUBLIC_URL": "https://u:SECRET@hub.example"}, "HUB_PUBLIC_URL must be the http or https address"),  # would stand in every answer
    ({"HUB_PUBLIC_URL": "https://hub.example/?q=SECRET"}, "HUB_PUBLIC_URL must be the http or https address"),
    ({"HUB_PRODUCTION": "perhaps"}, "HUB_PRODUCTION must be true or false"),
    ({"HUB_LOG_LEVEL": "loud"}, "HUB_LOG_LEVEL must be debug"),
    ({"HUB_TOPIC_PREFIX": "Wales!"}, "HUB_TOPIC_PREFIX must be small letters"),
    ({"HUB_INSTANCE": "a b"}, "HUB_INSTANCE must be small letters"),
    ({"HUB_ROUTING_BATCH": "0"}, "HUB_ROUTING_BATCH must be a number from 1"),
    ({"HUB_RELAY_BATCH": "many"}, "HUB_RELAY_BATCH must be a number from 1"),
    ({"HUB_COMMIT_BATCH": "65"}, "HUB_COMMIT_BATCH must be a number from 1 to 64"),
    ({"HUB_DATABASE": "mysql://root:SECRET@h/hub", "HUB_KAFKA": "h:1"}, "HUB_DATABASE must be a PostgreSQL address"),
    ({"HUB_DATABASE": "postgresql://hub:SECRET@h", "HUB_KAFKA": "h:1"}, "HUB_DATABASE must be a PostgreSQL address"),  # no database named
    ({**STORES, "HUB_KAFKA": "kafka"}, "HUB_KAFKA must be host:port"),
    ({"HUB_DATABASE": STORES["HUB_DATABASE"]}, "Set both HUB_DATABASE and HUB_KAFKA"),  # half embedded is no known state
    ({"HUB_KAFKA": STORES["HUB_KAFKA"]}, "Set both HUB_DATABASE and HUB_KAFKA"),
    ({**STORES, "HUB_KAFKA_USER": "hub"}, "HUB_KAFKA_USER is set without a password"),
    ({**STORES, "HUB_KAFKA_PASSWORD": "SECRET", "HUB_KAFKA_PASSWORD_FILE": "/x"}, "not both"),
    ({**STORES, "HUB_KAFKA_USER": "hub", "HUB_KAFKA_PASSWORD_FILE": "/no/such/SECRET"}, "HUB_KAFKA_PASSWORD_FILE names a file that cannot be read"),
    ({**STORES, "HUB_DATABASE_PASSWORD_FILE": "/no/such/SECRET"}, "HUB_DATABASE_PASSWORD_FILE names a file that cannot be read"),
    ({"HUB_PRODUCTION": "true", "HUB_WEBHOOK_ALLOW": "127.0.0.1:1"}, "HUB_WEBHOOK_ALLOW is for demonstrations"),  # an open door to the inside
    ({"HUB_PRODUCTION": "true", "HUB_CRASH_POINTS": "on"}, "HUB_CRASH_POINTS is for tests"),
    ({"HUB_CRASH": "relay.claimed:1"}, "HUB_CRASH does nothing without HUB_CRASH_POINTS=on"),  # a test that would never crash
    ({"HUB_CRASH": "no.such.point:1", "HUB_CRASH_POINTS": "on"}, "HUB_CRASH must be NAME:HIT"),
    ({"HUB_CRASH": "relay.claimed:0", "HUB_CRASH_POINTS": "on"}, "HUB_CRASH must be NAME:HIT"),
    ({"HUB_DATABSE": "SECRET"}, "HUB_DATABSE is not a setting of the hub; HUB_DATABASE is"),  # a slip would silently start the embedded one
    ({"HUB_HTTP": "x", "HUB_MLLP": "y"}, "HUB_MLLP must be"),  # every wrong value at once, not the first alone
)


@pytest.mark.parametrize(("variables", "sentence"), WRONG)
def test_a_wrong_value_is_refused_with_a_sentence_that_does_not_repeat_it(environment: pytest.MonkeyPatch, variables: dict[str, str], sentence: str) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    with pytest.raises(Misconfigured) as refused:
        load()
    assert sentence in str(refused.value)
    assert "SECRET" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_variables_that_are_somebody_elses_are_left_alone(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HUB_SERVICE_PORT", "tcp://10.0.0.1:80")
    environment.setenv("HUB_TEST_DATABASE", "postgresql://test/x")
    load()


def test_an_option_of_a_command_wins_over_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HUB_HTTP", "127.0.0.1:1")
    assert load(http="127.0.0.1:2", mllp=None).http == Address("127.0.0.1", 2)


def test_passwords_come_from_files_and_are_never_shown(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p/w@rd \n")
    environment.setenv("HUB_DATABASE", "postgresql://hub@db.example:5432/hub?sslmode=require")
    environment.setenv("HUB_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    environment.setenv("HUB_KAFKA", "a.example:1,b.example:2")
    environment.setenv("HUB_KAFKA_USER", "hub")
    environment.setenv("HUB_KAFKA_PASSWORD_FILE", str(tmp_path / "password"))
    found = load()
    assert found.database_dsn == "postgresql://hub:p%2Fw%40rd@db.example:5432/hub?sslmode=require"
    assert found.kafka_secret == "p/w@rd"
    assert found.kafka_servers == ["a.example:1", "b.example:2"]
    assert "w@rd" not in repr(found)
    assert "w%40rd" not in repr(found)


def test_an_empty_password_file_is_refused(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\n")
    for name, value in {**STORES, "HUB_KAFKA_USER": "hub", "HUB_KAFKA_PASSWORD_FILE": str(tmp_path / "password")}.items():
        environment.setenv(name, value)
    with pytest.raises(Misconfigured, match="names an empty file"):
        load()


def test_a_password_in_an_address_is_never_shown(environment: pytest.MonkeyPatch) -> None:
    for name, value in STORES.items():
        environment.setenv(name, value)
    found = load()
    assert found.database_dsn == STORES["HUB_DATABASE"]
    assert "secret-word" not in repr(found) + str(found)


def test_a_crash_point_is_armed_by_name_and_passage(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HUB_CRASH_POINTS", "on")
    environment.setenv("HUB_CRASH", "relay.produced:7")
    assert load().crash == ArmedPoint("relay.produced", 7)


def test_settings_are_frozen(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError):
        load().production = True  # type: ignore[misc]


def test_every_setting_says_what_it_must_be() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


# what a parent was told, and how a child of it must read the same
TOLD = (
    {},
    {"HUB_HTTP": "[::1]:8081", "HUB_WEBHOOK_ALLOW": "127.0.0.1:9000,localhost:9001", "HUB_PRODUCTION": "no"},
    {**STORES, "HUB_KAFKA": "a.example:1,b.example:2", "HUB_KAFKA_USER": "hub", "HUB_KAFKA_PASSWORD": "p/w@rd"},
    {"HUB_CRASH_POINTS": "on", "HUB_CRASH": "relay.produced:7", "HUB_CRASH_MARKER": "/tmp/marker", "HUB_DATA": "/srv/hub", "HUB_ROUTING_BATCH": "5"},
    {"HUB_PRODUCTION": "true", "HUB_LOG_LEVEL": "error", "HUB_METRICS": "127.0.0.1:0"},
)


@pytest.mark.parametrize("told", TOLD)
def test_a_child_reads_what_its_parent_was_told(environment: pytest.MonkeyPatch, told: dict[str, str]) -> None:
    for name, value in told.items():
        environment.setenv(name, value)
    parent = load(instance="from-an-option")
    given = environment_for_child(parent)
    for name in told:
        environment.delenv(name)
    for name, value in given.items():
        environment.setenv(name, value)
    assert load() == parent


def test_a_childs_variable_can_be_replaced_or_left_out(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HUB_HTTP", "127.0.0.1:1")
    environment.setenv("HUB_MLLP", "127.0.0.1:2")
    given = environment_for_child(load(), HUB_HTTP=None, HUB_MLLP="127.0.0.1:3")
    assert (given.get("HUB_HTTP"), given["HUB_MLLP"]) == (None, "127.0.0.1:3")
