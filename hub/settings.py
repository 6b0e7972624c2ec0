"""Beside the flow: what the hub is told from outside; the only reader of the environment."""

from __future__ import annotations

import difflib
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

import platformdirs
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.crashpoints import POINTS
from hub.errors import Misconfigured

PREFIX = "HUB_"
_ONE_LINE = r"^[^\x00-\x1f\x7f]{2,80}$"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Address(NamedTuple):
    """A host and a TCP port; port 0 asks for any that is free (listeners only)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in _LOOPBACK


class ArmedPoint(NamedTuple):
    """A crash point's name and the passage (from 1) at which it fires."""

    name: str
    hit: int


def _address(value: object) -> Address:
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})", str(value).strip())
    if match is None or int(match[3]) > 65535:
        raise ValueError("not host:port")
    return Address(match[1] or match[2], int(match[3]))


def _addresses(value: object) -> tuple[Address, ...]:
    if isinstance(value, tuple):
        return value
    return tuple(_address(part) for part in str(value).split(",") if part.strip())


def _hosts(value: object) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    names = tuple(name.strip().lower() for name in str(value).split(",") if name.strip())
    if not all(re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]+\]", name) for name in names):
        raise ValueError("not host names")
    return names


def _public(value: object) -> str | None:
    """Without a slash at its end, so that a path can follow."""
    found = re.fullmatch(r"(https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*)/?", str(value).strip())
    if value is not None and found is None:
        raise ValueError("not an address")
    return found[1] if found else None


def _lines(value: object) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    return tuple(line for part in str(value).split(";") if (line := " ".join(part.split())[:80]))


def _point(value: object) -> ArmedPoint:
    if isinstance(value, ArmedPoint):
        return value
    name, _, hit = str(value).partition(":")
    if name not in POINTS or not (hit or "1").isascii() or not (hit or "1").isdecimal() or int(hit or "1") < 1:
        raise ValueError("not a crash point")
    return ArmedPoint(name, int(hit or "1"))


def _postgres(value: object) -> object:
    shown = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    parts = urlsplit(shown)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ValueError("not a PostgreSQL address")
    return value


Listener = Annotated[Address, BeforeValidator(lambda value: value if isinstance(value, Address) else _address(value))]
AddressList = Annotated[tuple[Address, ...], BeforeValidator(_addresses)]


class Settings(BaseSettings):
    """Frozen; each field is the variable `HUB_<NAME>`. A field's description completes "HUB_<NAME> must be …". Read it with `load`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True, env_ignore_empty=True, enable_decoding=False)

    data: Path = Field(Path(".data"), description="the folder for everything the hub keeps on this machine")
    cache: Path = Field(Path(platformdirs.user_cache_dir("referral-hub")), description="the folder for downloaded program files")
    database: Annotated[SecretStr, BeforeValidator(_postgres)] | None = Field(
        None, description="a PostgreSQL address such as postgresql://hub@db.example:5432/hub; leave it unset for the embedded one"
    )
    database_password_file: Path | None = Field(None, description="a readable file that holds the database password")
    database_connections: int = Field(10, ge=2, le=100, description="a number of connections from 2 to 100")
    kafka: AddressList = Field((), description="host:port, or several with commas between; leave it unset for the embedded one")
    kafka_user: str | None = Field(None, description="the SCRAM user that the hub has on Kafka")
    kafka_password: SecretStr | None = Field(None, description="that user's password")
    kafka_password_file: Path | None = Field(None, description="a readable file that holds the Kafka password")
    kafka_session_ms: int = Field(10_000, ge=1_000, le=300_000, description="a number of milliseconds from 1000 to 300000 that the broker allows")
    http: Listener = Field(Address("127.0.0.1", 8080), description="host:port, such as 127.0.0.1:8080")
    mllp: Listener = Field(Address("127.0.0.1", 2575), description="host:port, such as 127.0.0.1:2575")
    mllp_tls_cert: Path | None = Field(None, description="a PEM file with the certificate that the MLLP port shows")
    mllp_tls_key: Path | None = Field(None, description="a PEM file with that certificate's key, without a password")
    mllp_tls_ca: Path | None = Field(None, description="a PEM file of the authorities whose certificates senders may show")
    hosts: Annotated[tuple[str, ...], BeforeValidator(_hosts)] = Field((), description="host names by which the HTTP door may be called, with commas between")
    public_url: Annotated[str | None, BeforeValidator(_public)] = Field(
        None, description="the http or https address by which others reach the HTTP door, such as https://hub.example; unset, links name the Host asked"
    )
    metrics: Listener | None = Field(None, description="host:port, such as 127.0.0.1:9100, where a stage without a door answers /metrics and /health")
    key_file: Path | None = Field(None, description="a file that holds the hub's key; unset, one is made in the data folder")
    production: bool = Field(False, description="true or false")
    topic_prefix: str = Field("", pattern=r"^[a-z0-9][a-z0-9.-]*$|^$", max_length=40, description="small letters, digits, points and hyphens, at most 40")
    instance: str = Field("", pattern=r"^[a-z0-9-]*$", max_length=40, description="small letters, digits and hyphens, at most 40, its own for each process")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")
    commit_batch: int = Field(64, ge=1, le=64, description="a number from 1 to 64")
    relay_batch: int = Field(500, ge=1, le=5_000, description="a number from 1 to 5000")
    routing_batch: int = Field(64, ge=1, le=1_000, description="a number from 1 to 1000")
    dispatch_batch: int = Field(64, ge=1, le=1_000, description="a number from 1 to 1000")
    minimum_free_mb: int = Field(512, ge=0, le=1_000_000, description="a number of megabytes that must stay free on the data folder's disk")
    directory: Path | None = Field(None, description="a folder with prescribers.jsonl and assets.jsonl")
    places: Path | None = Field(None, description="a folder that `hub places load` made")
    policy: Path | None = Field(None, description="a policy file")
    drop: Path | None = Field(None, description="a folder in which each client that sends files has one of its own; unset, no files are looked for")
    smtp: Listener | None = Field(None, description="host:port of a mail server, such as mail.example:587; unset, nobody is told by e-mail")
    smtp_user: str | None = Field(None, description="the user that the hub has on the mail server")
    smtp_password_file: Path | None = Field(None, description="a readable file that holds that user's password")
    mail_from: str | None = Field(None, pattern=r"^[A-Za-z0-9.+_-]{1,64}@[A-Za-z0-9.-]{1,190}$", description="the e-mail address that the hub writes from")
    sender: str = Field("The referral hub", pattern=_ONE_LINE, description="what people know the service by, at most 80 characters")
    sender_cy: str | None = Field(None, pattern=_ONE_LINE, description="the same in Welsh, at most 80 characters")
    sender_address: Annotated[tuple[str, ...], BeforeValidator(_lines)] = Field((), description="the lines of the address on letters, with semicolons between")
    phone: str | None = Field(None, pattern=r"^[0-9+ ]{3,20}$", description="the telephone number that people can ring: digits, spaces and a leading +")
    letter_days: int = Field(2, ge=1, le=20, description="a number of working days from 1 to 20 within which a letter must be posted")
    webhook_allow: AddressList = Field((), description="host:port, or several with commas between: internal receivers allowed in a demonstration")
    crash_points: Literal["off", "on"] = Field("off", description="on or off; on is for tests")
    crash: Annotated[ArmedPoint, BeforeValidator(_point)] | None = Field(None, description="NAME:HIT, a name of hub/crashpoints.py (for tests)")
    crash_marker: Path | None = Field(None, description="the file that an armed crash point writes; it is for tests")

    @model_validator(mode="after")
    def _agree(self) -> Settings:
        for wrong, sentence in _disagreements(self):
            if wrong:
                raise Misconfigured(sentence)
        return self

    @cached_property
    def database_dsn(self) -> str | None:
        """The address with its password, for asyncpg; None asks for the embedded PostgreSQL. Never show it."""
        if self.database is None or self.database_password_file is None:
            return self.database.get_secret_value() if self.database else None
        parts = urlsplit(self.database.get_secret_value())
        host = parts.netloc.rpartition("@")[2]
        secret = quote(_secret(self.database_password_file, "HUB_DATABASE_PASSWORD_FILE"), safe="")
        return urlunsplit(parts._replace(netloc=f"{parts.username or 'hub'}:{secret}@{host}"))

    @cached_property
    def kafka_secret(self) -> str | None:
        """The Kafka user's password, from the variable or its file. Never show it."""
        if self.kafka_password_file is not None:
            return _secret(self.kafka_password_file, "HUB_KAFKA_PASSWORD_FILE")
        return self.kafka_password.get_secret_value() if self.kafka_password else None

    @cached_property
    def smtp_secret(self) -> str | None:
        """The mail user's password. Never show it."""
        return _secret(self.smtp_password_file, "HUB_SMTP_PASSWORD_FILE") if self.smtp_password_file else None

    @property
    def unsaid_in_letters(self) -> tuple[str, ...]:
        """The variables without which people who are written to read no telephone number, no address, or no Welsh name of the service."""
        return tuple(f"{PREFIX}{name.upper()}" for name in ("phone", "sender_address", "sender_cy") if not getattr(self, name))

    @property
    def kafka_servers(self) -> list[str]:
        """`host:port` strings, as aiokafka and FastStream want them; empty asks for the embedded Kafka."""
        return [str(address) for address in self.kafka]


def load(**given: Any) -> Settings:  # Any: each field has its own type, checked by the model
    """Settings from `given` (a command's options, by field name), else the environment, else defaults.

    Raises Misconfigured with one plain sentence per wrong value; no sentence repeats a value.
    """
    _refuse_misspelt(os.environ)
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise Misconfigured(" ".join(dict.fromkeys(_sentence(fault["loc"]) for fault in error.errors()))) from None
    _ = settings.database_dsn, settings.kafka_secret, settings.smtp_secret
    return settings


def _sentence(where: tuple[int | str, ...]) -> str:
    name = str(where[0])
    field = Settings.model_fields.get(name)
    return f"{PREFIX}{name.upper()} must be {field.description}." if field else f"{PREFIX}{name.upper()} is not a setting of the hub."


def _disagreements(found: Settings) -> tuple[tuple[bool, str], ...]:
    """Combinations that no single field shows to be wrong, each with what to do."""
    return (
        ((found.database is None) != (not found.kafka), "Set both HUB_DATABASE and HUB_KAFKA, or neither; with neither the hub starts its own."),
        (
            found.kafka_user is not None and found.kafka_password is None and found.kafka_password_file is None,
            "HUB_KAFKA_USER is set without a password: set HUB_KAFKA_PASSWORD_FILE.",
        ),
        (found.kafka_password is not None and found.kafka_password_file is not None, "Set HUB_KAFKA_PASSWORD or HUB_KAFKA_PASSWORD_FILE, not both."),
        (found.smtp is not None and not (found.mail_from and found.phone), "HUB_SMTP is set: set HUB_MAIL_FROM and HUB_PHONE too, or nobody could answer."),
        ((found.smtp_user is None) != (found.smtp_password_file is None), "Set both HUB_SMTP_USER and HUB_SMTP_PASSWORD_FILE, or neither."),
        (
            len({found.mllp_tls_cert is None, found.mllp_tls_key is None, found.mllp_tls_ca is None}) > 1,
            "Set HUB_MLLP_TLS_CERT, HUB_MLLP_TLS_KEY and HUB_MLLP_TLS_CA, or none of them.",
        ),
        (found.production and bool(found.webhook_allow), "HUB_WEBHOOK_ALLOW is for demonstrations: remove it or set HUB_PRODUCTION to false."),
        (found.production and found.crash_points == "on", "HUB_CRASH_POINTS is for tests: remove it or set HUB_PRODUCTION to false."),
        (found.crash is not None and found.crash_points == "off", "HUB_CRASH does nothing without HUB_CRASH_POINTS=on: set it, or remove HUB_CRASH."),
    )


def _secret(path: Path, variable: str) -> str:
    try:
        found = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"{variable} names a file that cannot be read.") from None
    if not found:
        raise Misconfigured(f"{variable} names an empty file.")
    return found


def _refuse_misspelt(environment: os._Environ[str]) -> None:
    """A variable that is nearly a setting is a slip; others that begin with HUB_ are somebody else's."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in known or name.startswith("HUB_TEST_"):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if near:
            raise Misconfigured(f"{name} is not a setting of the hub; {near[0]} is.")


def environment_for_child(settings: Settings, **replaced: str | None) -> dict[str, str]:
    """The environment of a process of ours that reads the same settings; `replaced` are variables by full name, None for those to leave out.

    Every setting that is not its default goes along, whether it came from the environment or from a command's option.
    """
    mine = {name: shown for name in Settings.model_fields if (shown := _as_variable(settings, name)) is not None}
    given = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    merged = {**given, **{PREFIX + name.upper(): value for name, value in mine.items()}, **replaced}
    return {name: value for name, value in merged.items() if value is not None}


def environment_of_its_own(**own: str) -> dict[str, str]:
    """The environment of a hub that shall not see this shell's settings: everything else, and `own` variables by full name."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | own


def _as_variable(settings: Settings, name: str) -> str | None:
    value = getattr(settings, name)
    if value is None or value == Settings.model_fields[name].default:
        return None
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, ArmedPoint):
        return f"{value.name}:{value.hit}"
    if isinstance(value, tuple) and not isinstance(value, Address):
        return (";" if name == "sender_address" else ",").join(str(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
