"""Beside the flow: how a client comes to be, gets a new key, and ceases to be. Its secrets are said once, here, and never again."""

from __future__ import annotations

import codecs
import getpass
import ipaddress
import re
import secrets
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, get_args

from hub.errors import Misconfigured
from hub.ledger.clients import ClientExists, ClientRow, insert_client, read_clients, replace_agreement, replace_key, revoke_client
from hub.ledger.database import Pool
from hub.ledger.sealing import Sealing
from hub.registry import installed
from hub.security.client import MllpBinding, Outbound
from hub.security.kafka_access import KafkaAccess, TopicSpec
from hub.security.keys import key_hash, new_key, new_webhook_secret
from hub.security.scopes import Scope
from hub.transports.webhook_guard import Allowed, ForbiddenAddress, check_url
from schemas.codes.requested_service import ServiceState
from schemas.hl7v2.charset import DECLARED
from schemas.identifiers import OdsCode
from schemas.profile import CHANNELS, Profile, SourceCode
from schemas.topics import FROM_CLIENT, TO_CLIENT, TOPICS

CASE_MANAGEMENT = "case-management"
ORGANISATION_TYPES: tuple[str, ...] = (*get_args(SourceCode), CASE_MANAGEMENT)
"""What a client may be: a source of referrals, or the system of those to whom people are handed over."""
READABLE: tuple[str, ...] = tuple(topic.name for topic in TOPICS if not topic.personal)
"""The topics that a client may be let read beside its own: those without personal content."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
_RESERVED = frozenset({"hub", "operations", "nobody", "admin"})
_FIELD = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,197}[\x21-\x7e])?")
_FINGERPRINT = re.compile(r"(?:sha256:)?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})")
_CERTIFICATE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,250}|[a-z][a-z0-9+.-]*:[\x21-\x7e]{1,250}")


@dataclass(frozen=True, slots=True)
class NewClient:
    """What is asked for. `topics` are further topics that it may read with its Kafka login (`referral-status`, `directory`)."""

    id: str
    organisation_type: str
    scopes: frozenset[Scope]
    name: str = ""
    profile: Profile = field(default_factory=Profile)
    outbound: Outbound | None = None
    mllp: MllpBinding | None = None
    kafka: bool = False
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """What the client must be given, once. Nothing of it can be read from the hub again."""

    client: str
    key: str = field(repr=False)
    key_expires_at: datetime
    webhook_secret: str | None = field(default=None, repr=False)
    kafka_password: str | None = field(default=None, repr=False)


async def add_client(pool: Pool, sealing: Sealing, new: NewClient, *, allowed: Allowed = frozenset(), kafka: KafkaAccess | None = None) -> Issued:
    """Register a client and issue its secrets; running hubs know it within two seconds. `allowed`: internal webhook receivers, for a
    demonstration. Raises Misconfigured with a plain sentence when what is asked makes no sense or the id is taken, and Unavailable."""
    check(new, allowed)
    await _check_not_shared(pool, sealing, new)
    password = await _open_kafka(new, kafka) if new.kafka else None
    key, secret = new_key(new.id), new_webhook_secret() if _by_webhook(new) else None
    row = replace(_row(new), key_hash=key_hash(sealing, key), secrets=(secret,) if secret else ())
    try:
        ends = await insert_client(pool, sealing, row, _actor())
    except ClientExists:
        raise Misconfigured(f"There is or was a client {new.id}: choose another id, or give it a new key with hub clients renew.") from None
    return Issued(new.id, key, ends, secret, password)


async def renew_client(pool: Pool, sealing: Sealing, client: str) -> Issued:
    """A new key at once; a new webhook secret beside the last one, both signing until the next renewal. Raises Misconfigured, Unavailable."""
    row = next((row for row in await read_clients(pool, sealing) if row.id == client), None)
    if row is None:
        raise Misconfigured(f"There is no client {client}.")
    key, secret = new_key(client), new_webhook_secret() if (row.outbound or {}).get("transport") == "webhook" else None
    renewed = replace(row, key_hash=key_hash(sealing, key), secrets=(secret, *row.secrets[:1]) if secret else ())
    ends = await replace_key(pool, sealing, renewed, _actor())
    if ends is None:
        raise Misconfigured(f"There is no client {client}.")
    return Issued(client, key, ends, secret)


async def record_agreement(pool: Pool, client: str, agreed: bool) -> bool:
    """Its organisation agreed that its referrals go to the prescriber service, or does so no longer; running hubs know it within two seconds.
    Whether there is such a client. Raises Unavailable."""
    return await replace_agreement(pool, client, agreed, _actor())


async def remove_client(pool: Pool, client: str, kafka: KafkaAccess | None = None) -> bool:
    """Revoke: no door knows it after five seconds, and Kafka not at once. Whether there was such a client. Raises Unavailable."""
    done = await revoke_client(pool, client, _actor())
    if done and kafka is not None:
        await kafka.revoke_client(client)
    return done


def check(new: NewClient, allowed: Allowed = frozenset()) -> None:
    """Raises Misconfigured, with a plain sentence, for the first thing that makes no sense."""
    if not _ID.fullmatch(new.id) or new.id in _RESERVED:
        raise Misconfigured("A client's id is 2 to 63 small letters, digits and hyphens, and not a name that the hub uses itself.")
    if new.organisation_type not in ORGANISATION_TYPES:
        raise Misconfigured(f"A client's type is one of: {', '.join(ORGANISATION_TYPES)}.")
    if len(new.name) > 200:
        raise Misconfigured("A client's name has at most 200 characters.")
    _check_topics(new)
    _check_profile(new.profile)
    _check_feedback(new)
    if new.outbound is not None:
        _check_outbound(new.outbound, allowed)
    if new.mllp is not None:
        _check_binding(new.mllp)


def _check_topics(new: NewClient) -> None:
    """A further topic is one that is for anybody, and is read with a login."""
    if not set(new.topics) <= set(READABLE):
        raise Misconfigured(f"A further topic that a client may read is one of: {', '.join(READABLE)}.")
    if new.topics and not new.kafka:
        raise Misconfigured("A client that reads a further topic needs a Kafka login.")


def _check_profile(profile: Profile) -> None:
    """What a slip of the fingers would make into an agreement that nothing ever looks at."""
    if profile.channel is not None and profile.channel not in CHANNELS:
        raise Misconfigured(f"A client's channel is one of: {', '.join(CHANNELS)}.")
    if profile.service is not None and profile.service != ServiceState.SOCIAL_PRESCRIBING:
        raise Misconfigured(f"A client's service is {ServiceState.SOCIAL_PRESCRIBING}, or is not said.")
    if profile.organisation is not None and OdsCode.read(profile.organisation) is None:
        raise Misconfigured("A client's organisation is its ODS code: three to ten capital letters and digits.")
    if profile.charset is not None and not _is_charset(profile.charset):
        raise Misconfigured(f"A client's charset is one of: {', '.join(filter(None, DECLARED))}.")


def _is_charset(name: str) -> bool:
    try:
        return name.strip().upper() in DECLARED or bool(codecs.lookup(name))
    except LookupError:
        return False


def _check_feedback(new: NewClient) -> None:
    """The way that it is told by must be one that it has, and one that it has must not be left unused in silence."""
    way, transport = new.profile.feedback_by, new.outbound.transport if new.outbound else None
    has = {"webhook": transport == "webhook", "hl7": transport == "mllp", "topic": new.kafka, "email": new.profile.email is not None}
    if way in has and not has[way]:
        raise Misconfigured(f"A client that is told by {way} needs {_NEEDS[way]}.")
    if way in ("worklist", "none") and (new.outbound is not None or new.profile.email is not None):
        raise Misconfigured(f"A client whose feedback is {way} has no webhook, MLLP receiver or e-mail address.")


_NEEDS = {"webhook": "a webhook address", "hl7": "an MLLP receiver (host:port)", "topic": "a Kafka login", "email": "an e-mail address"}


def _check_outbound(outbound: Outbound, allowed: Allowed) -> None:
    _check_connector(outbound)
    if outbound.transport == "webhook":
        try:
            check_url(outbound.url or "", allowed)
        except ForbiddenAddress as wrong:
            raise Misconfigured(f"{wrong} For a demonstration, name host:port in HUB_WEBHOOK_ALLOW.") from None
    elif not outbound.host or not 0 < (outbound.port or 0) < 65536:
        raise Misconfigured("An MLLP receiver is host:port.")


def _check_connector(outbound: Outbound) -> None:
    """It must exist and compose for this transport, or a person would have to tell this client everything."""
    connectors = installed()
    able = [name for name in connectors.names if outbound.transport in connectors[name].manifest.sends]
    if outbound.connector not in able:
        raise Misconfigured(f"What is told by {outbound.transport} is composed by one of these connectors: {', '.join(able)}.")


def _check_binding(bound: MllpBinding) -> None:
    try:
        networks = [ipaddress.ip_network(one, strict=False) for one in bound.addresses]
    except ValueError:
        raise Misconfigured("An MLLP sender's address is an IP address or a network such as 10.1.2.0/24.") from None
    if not networks or any(network.prefixlen == 0 for network in networks):
        raise Misconfigured("An MLLP sender must be bound to at least one address, and not to all of them.")
    if not _FIELD.fullmatch(bound.sending_application) or not _FIELD.fullmatch(bound.sending_facility):
        raise Misconfigured("An MLLP sender needs its sending application and facility (MSH-3 and MSH-4), without spaces around them.")
    if not all(_CERTIFICATE_NAME.fullmatch(one) for one in map(_certificate, bound.certificates)):
        raise Misconfigured("A certificate is named by its SHA-256 fingerprint, or by a DNS name or URI that stands in it.")


def _certificate(said: str) -> str:
    """As the door compares it: `sha256:` and small hexadecimal digits, or a name in small letters."""
    found = _FINGERPRINT.fullmatch(said.strip().lower())
    return f"sha256:{found[1].replace(':', '')}" if found else said.strip().lower()


async def _check_not_shared(pool: Pool, sealing: Sealing, new: NewClient) -> None:
    """Two clients that MLLP could not tell apart would be one."""
    if new.mllp is None:
        return
    wanted = (new.mllp.sending_application, new.mllp.sending_facility)
    for row in await read_clients(pool, sealing):
        if row.mllp and (row.mllp["sending_application"], row.mllp["sending_facility"]) == wanted:
            raise Misconfigured(f"The client {row.id} is bound to that sending application and facility already.")


async def _open_kafka(new: NewClient, kafka: KafkaAccess | None) -> str:
    if kafka is None:
        raise Misconfigured("There is no Kafka to give this client a login on: start the hub first, or set HUB_KAFKA.")
    own = [TopicSpec(topic.for_client(new.id), topic.partitions, topic.settings()) for topic in (TO_CLIENT, FROM_CLIENT)]
    password = secrets.token_urlsafe(32)
    await kafka.ensure_topics(own)
    await kafka.ensure_user(new.id, password)
    await kafka.grant_client(new.id, new.topics)
    return password


def _row(new: NewClient) -> ClientRow:
    profile = new.profile
    if profile.organisation_type is None and new.organisation_type in get_args(SourceCode):
        profile = Profile.model_validate({**profile.model_dump(), "organisation_type": new.organisation_type})
    return ClientRow(
        id=new.id,
        name=new.name or new.id,
        organisation_type=new.organisation_type,
        scopes=tuple(sorted(new.scopes)),
        profile=profile.model_dump(mode="json", exclude_none=True),
        outbound=_object(new.outbound),
        mllp=_object(new.mllp and replace(new.mllp, certificates=tuple(map(_certificate, new.mllp.certificates)))),
        kafka=new.kafka,
        key_hash=None,
    )


def _object(part: Outbound | MllpBinding | None) -> dict[str, Any] | None:  # Any: JSON
    return None if part is None else {name: value for name, value in asdict(part).items() if value not in (None, ())}


def _by_webhook(new: NewClient) -> bool:
    return new.outbound is not None and new.outbound.transport == "webhook"


def _actor() -> str:
    """Who did it, for the audit: the user of this machine."""
    try:
        return f"user:{getpass.getuser()}"
    except (OSError, KeyError):
        return "user:unknown"
