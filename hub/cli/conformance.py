"""Beside the flow: `hub conformance`, which plays a sender against any deployment and prints a table that a partner can sign."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

import orjson
import typer

from hub.conformance.cases import SUITES
from hub.conformance.playing import play
from hub.conformance.table import page
from hub.operations.showing import Language, say

FAILED, USAGE = 2, 64


def command(
    url: Annotated[str, typer.Argument(help="The deployment's address, such as https://hub.example.wales.")],
    client: Annotated[str, typer.Option(help="The client that plays; the key must be its own.")],
    key: Annotated[str | None, typer.Option(envvar="REFERRAL_CLIENT_KEY", show_envvar=True, help="The client's key.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="A file that holds the key alone.")] = None,
    connector: Annotated[str, typer.Option(help="Whose cases: fhir_rest.")] = "fhir_rest",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a page.")] = False,
    language: Annotated[Language, typer.Option(help="en or cy.")] = "en",
) -> None:
    """Send sound and wrong referrals of invented persons and compare each answer with what it must be. Exit 2 when one is otherwise.

    It leaves referrals behind (their numbers are of the test range): play against a deployment that is not live, or tell those who work there.
    """
    if connector not in SUITES:
        raise typer.BadParameter(f"--connector is one of {', '.join(SUITES)}")
    _check_address(url, language)
    secret = _key(key, key_file, client, language)
    report = asyncio.run(play(url, client, secret, connector, SUITES[connector]))
    typer.echo(orjson.dumps(report.as_dict(), option=orjson.OPT_SORT_KEYS) if as_json else page(report, version("referral-hub"), language))
    raise typer.Exit(FAILED if report.failed else 0)


def _check_address(url: str, language: Language) -> None:
    """A key goes over TLS, or stays on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or not parts.hostname or not _is_here(parts.hostname):
        _stop(say("conformance.address", language))


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _key(key: str | None, file: Path | None, client: str, language: Language) -> str:
    try:
        found = file.read_text("utf-8").strip() if file else key
    except (OSError, UnicodeDecodeError):
        _stop(say("conformance.key-file", language))
    if not found:
        _stop(say("send.key-missing", language))
    if not found.startswith(f"hub_{client}_"):
        _stop(say("send.key-of-another", language, client=client))
    return found


def _stop(why: str) -> NoReturn:
    typer.echo(f"hub: {why}", err=True)
    raise typer.Exit(USAGE)
