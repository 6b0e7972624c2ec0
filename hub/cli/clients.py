"""Beside the flow: `hub clients`, which gives a system its key, takes it away, and lists who may send and read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, get_args

import orjson
import typer
from pydantic import ValidationError

from hub.embedded.data_folder import kafka_login
from hub.embedded.run_file import RunFile, read_run_json
from hub.errors import Misconfigured
from hub.ledger.clients import list_clients
from hub.ledger.database import Pool, open_pool
from hub.ledger.sealing import Sealing
from hub.security.client import MllpBinding, Outbound
from hub.security.hub_key import open_sealing
from hub.security.kafka_access import KafkaAccess
from hub.security.registration import CASE_MANAGEMENT, Issued, NewClient, add_client, record_agreement, remove_client, renew_client
from hub.security.scopes import USUAL, Scope
from hub.settings import Settings, load
from schemas.profile import CHANNELS, FeedbackWay, Profile, SourceCode

USAGE = 64
T = TypeVar("T")
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The systems that may send and read. Secrets are printed once, when they are made.")


@dataclass(frozen=True, slots=True)
class Hub:
    """What a command needs of the hub: its record, its key, and its Kafka where there is one."""

    settings: Settings
    pool: Pool
    sealing: Sealing
    kafka: KafkaAccess | None


@app.command()
def add(
    client: Annotated[str, typer.Argument(help="Its id: small letters, digits and hyphens.")],
    type_: Annotated[
        str, typer.Option("--type", "--organization-type", "--organisation-type", help="gp, hospital, housing, third-sector, police, case-management, …")
    ],
    scope: Annotated[list[str] | None, typer.Option(help="What it may do; may be given often. Without it: what its type usually does.")] = None,
    name: Annotated[str, typer.Option(help="Its name for people.")] = "",
    webhook: Annotated[str, typer.Option(help="The https address where it is told.")] = "",
    mllp_out: Annotated[str, typer.Option(help="host:port where it is told by HL7 v2.")] = "",
    mllp_in: Annotated[list[str] | None, typer.Option(help="An address or network that it sends HL7 v2 from; may be given often.")] = None,
    sending_application: Annotated[str, typer.Option(help="Its MSH-3.")] = "",
    sending_facility: Annotated[str, typer.Option(help="Its MSH-4.")] = "",
    certificate: Annotated[list[str] | None, typer.Option(help="The SHA-256 fingerprint, DNS name or URI of its TLS certificate; may be given often.")] = None,
    connector: Annotated[str, typer.Option(help="Who composes what it is told; without it: the one for its type.")] = "",
    kafka: Annotated[bool, typer.Option("--kafka", help="Give it a Kafka login, to.<client> and from.<client>.")] = False,
    reads: Annotated[list[str] | None, typer.Option(help="A further topic that it may read: referral-status, directory.")] = None,
    profile: Annotated[Path | None, typer.Option(help="A JSON file with what was agreed with it.")] = None,
    sharing_agreement: Annotated[str | None, typer.Option(help="yes or no: it agreed that its referrals go to the prescriber service.")] = None,
    channel: Annotated[str | None, typer.Option(help="How its referrals come about: self, housing or form; these say social prescribing.")] = None,
    feedback: Annotated[str | None, typer.Option(help="How it is told: webhook, hl7, topic, email, worklist (a person tells it) or none.")] = None,
    email: Annotated[str | None, typer.Option(help="The address that it is written to.")] = None,
) -> None:
    """Register a system and print its key, webhook secret and Kafka password: once."""
    bound = MllpBinding(tuple(mllp_in), sending_application, sending_facility, tuple(certificate or ())) if mllp_in else None
    if bound is None and (sending_application or sending_facility or certificate):
        _stop("--sending-application, --sending-facility and --certificate go with --mllp-in.")
    said = {"sharing_agreement": _yes(sharing_agreement), "channel": _one_of("--channel", channel, CHANNELS), "email": email}
    said["feedback_by"] = _one_of("--feedback", feedback, get_args(FeedbackWay))
    new = NewClient(
        id=client, organisation_type=type_, scopes=_scopes(scope, type_), name=name, profile=_agreed(_profile(profile), type_, said), mllp=bound,
        outbound=_outbound(webhook, mllp_out, connector, type_), kafka=kafka, topics=tuple(reads or ()),
    )  # fmt: skip

    async def work(hub: Hub) -> Issued:
        allowed = frozenset((address.host, address.port) for address in hub.settings.webhook_allow)
        return await add_client(hub.pool, hub.sealing, new, allowed=allowed, kafka=hub.kafka)

    _issue(_run(work))
    if Scope.REFERRAL_CREATE in new.scopes and new.profile.covers_prescriber is False:
        typer.echo(_HELD.format(client=client), err=True)


@app.command()
def agree(
    client: Annotated[str, typer.Argument(help="Its id.")],
    ended: Annotated[bool, typer.Option("--ended", help="The agreement has ended.")] = False,
) -> None:
    """Record that its organisation agreed that its referrals go to the prescriber service, or does so no longer."""

    async def work(hub: Hub) -> bool:
        return await record_agreement(hub.pool, client, not ended)

    if not _run(work):
        _stop(f"There is no client {client}, or it is revoked.")
    _say({"client": client, "sharing_agreement": not ended})


@app.command()
def renew(client: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Give a system a new key at once, and a new webhook secret beside its last one."""

    async def work(hub: Hub) -> Issued:
        return await renew_client(hub.pool, hub.sealing, client)

    _issue(_run(work))


@app.command()
def link(
    client: Annotated[str, typer.Argument(help="Its id.")],
    call_handler: Annotated[bool, typer.Option("--call-handler", help="For people who fill in the form by telephone or from paper.")] = False,
) -> None:
    """Print the addresses of the referral form for an organisation's staff: no system and no key needed. Revoking the client ends them."""
    way = "call-handler" if call_handler else "professional"

    from hub.web import link_path  # only here: the pages take longer to read than most commands to run

    async def work(hub: Hub) -> dict[str, object] | None:
        known = any(row["id"] == client and row["revoked_at"] is None for row in await list_clients(hub.pool))
        base = hub.settings.public_url or ""
        return {language: base + link_path(hub.sealing, client, way, language) for language in ("en", "cy")} if known else None

    found = _run(work)
    if found is None:
        _stop(f"There is no client {client}, or it is revoked.")
    _say({"client": client, "way": way, **found})


@app.command()
def revoke(client: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Shut a system out, at every door, within five seconds."""

    async def work(hub: Hub) -> bool:
        return await remove_client(hub.pool, client, hub.kafka)

    if not _run(work):
        _stop(f"There is no client {client}, or it is revoked.")
    _say({"client": client, "revoked": True})


@app.command("list")
def list_() -> None:
    """Every system, one JSON line each; no secrets."""

    async def work(hub: Hub) -> list[dict[str, object]]:
        return [_shown(dict(row)) for row in await list_clients(hub.pool)]

    for row in _run(work):
        _say(row)


def _run(work: Callable[[Hub], Awaitable[T]]) -> T:
    async def whole() -> T:
        async with _hub() as hub:
            return await work(hub)

    return asyncio.run(whole())


@asynccontextmanager
async def _hub() -> AsyncIterator[Hub]:
    """The hub by its settings, else the one that runs on the data folder. Raises Misconfigured when there is neither."""
    settings = load()
    running = read_run_json(settings.data)
    dsn = settings.database_dsn or (running.database if running else None)
    if dsn is None:
        raise Misconfigured("No hub runs on this data folder: start it with hub serve, or set HUB_DATABASE and HUB_KAFKA.")
    pool = await open_pool(dsn, size=2)
    try:
        yield Hub(settings, pool, open_sealing(settings), _kafka(settings, running))
    finally:
        await pool.close()


def _kafka(settings: Settings, running: RunFile | None) -> KafkaAccess | None:
    if settings.kafka_servers:
        return KafkaAccess(",".join(settings.kafka_servers), settings.kafka_user, settings.kafka_secret, settings.topic_prefix)
    user, password = kafka_login(settings.data) or (None, None)
    return KafkaAccess(running.kafka, user, password, settings.topic_prefix) if running else None


def _scopes(named: list[str] | None, type_: str) -> frozenset[Scope]:
    if not named:
        return USUAL["prescriber" if type_ == CASE_MANAGEMENT else "referrer"]
    try:
        return frozenset(Scope(one) for one in named)
    except ValueError:
        _stop(f"A scope is one of: {', '.join(Scope)}.")


def _outbound(webhook: str, mllp_out: str, connector: str, type_: str) -> Outbound | None:
    if webhook and mllp_out:
        _stop("A client is told by --webhook or by --mllp-out, not by both.")
    if webhook:
        return Outbound("webhook", connector or ("case_management" if type_ == CASE_MANAGEMENT else "fhir_rest"), url=webhook)
    if not mllp_out and connector:
        _stop("--connector goes with --webhook or --mllp-out.")
    if not mllp_out:
        return None
    found = _ADDRESS.fullmatch(mllp_out)
    if found is None:
        _stop("--mllp-out is host:port.")
    return Outbound("mllp", connector or "hospital_hl7v2", host=found[1] or found[2], port=int(found[3]))


def _profile(path: Path | None) -> Profile:
    if path is None:
        return Profile()
    try:
        return Profile.model_validate_json(path.read_bytes())
    except OSError:
        _stop("The profile cannot be read: check that it is there and is a file that you may read.")
    except ValidationError as fault:
        _stop(f"The profile is not as it must be at: {', '.join('.'.join(map(str, error['loc'])) or 'its beginning' for error in fault.errors())}.")


_HELD = (
    "No sharing agreement is recorded: each referral of {client} in which the person does not say yes themselves will be held for a person to look at. "
    "Record the agreement with hub clients agree {client}."
)


def _agreed(profile: Profile, type_: str, said: Mapping[str, object]) -> Profile:
    """The profile of the file with what was typed beside it; a client that hears nothing wants nothing."""
    whole = {**profile.model_dump(), **{name: value for name, value in said.items() if value is not None}}
    if said["feedback_by"] == "none":
        whole["feedback"] = "none"
    if whole["organisation_type"] is None and type_ in get_args(SourceCode):
        whole["organisation_type"] = type_
    try:
        return Profile.model_validate(whole)
    except ValidationError as fault:
        _stop(f"This cannot be: {', '.join(sorted({str(error['loc'][0]) for error in fault.errors(include_input=False)}))}.")


def _yes(typed: str | None) -> bool | None:
    known = {"yes": True, "true": True, "no": False, "false": False}
    if typed is not None and typed.lower() not in known:
        _stop("--sharing-agreement is yes or no.")
    return known[typed.lower()] if typed is not None else None


def _one_of(option: str, typed: str | None, known: Sequence[str]) -> str | None:
    if typed is not None and typed not in known:
        _stop(f"{option} is one of: {', '.join(known)}.")
    return typed


def _issue(issued: Issued) -> None:
    typer.echo("Keep these now: they are not shown again.", err=True)
    _say(
        {
            "client": issued.client,
            "kafka_password": issued.kafka_password,
            "kafka_user": issued.client if issued.kafka_password else None,
            "key": issued.key,
            "key_expires_at": _time(issued.key_expires_at),
            "webhook_secret": issued.webhook_secret,
        }
    )


def _shown(row: dict[str, Any]) -> dict[str, object]:  # Any: a row's values, JSON or times
    outbound, mllp = (orjson.loads(row[name]) if row[name] else None for name in ("outbound", "mllp"))
    times = {name: _time(row[name]) for name in ("created_at", "last_used_at", "key_expires_at", "revoked_at")}
    profile = orjson.loads(row["profile"]) if row["profile"] else {}
    agreed = {name: profile.get(name) for name in ("sharing_agreement", "feedback", "feedback_by", "channel")}
    shown = {name: value for name, value in row.items() if name != "profile"}
    return {**shown, **times, **agreed, "outbound": outbound, "mllp": mllp}


def _time(value: datetime | None) -> str | None:
    return value.isoformat(timespec="seconds") if value else None


def _say(line: dict[str, object]) -> None:
    typer.echo(orjson.dumps(line, option=orjson.OPT_SORT_KEYS))


def _stop(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(USAGE)
