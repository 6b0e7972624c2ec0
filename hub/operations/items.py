"""In operations: the worklist as the person on duty sees it: a line for each item, one item whole, and (audited) who it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson
from asyncpg import Connection
from rich.console import RenderableType
from rich.text import Text

from hub.content import read_content
from hub.ledger import worklist
from hub.ledger.changes import Audit
from hub.ledger.rows import audit_rows, insert_audit
from hub.ledger.sealing import NotReadable, Sealing
from hub.ledger.worklist import Item, ToTell
from hub.operations.duty import ASKS
from hub.operations.facts import reason_words
from hub.operations.life import JsonObject
from hub.operations.showing import Language, clock, iso, known, length, say, table
from hub.operations.telling import item_reason
from hub.telemetry import mask
from schemas.fhir.contact import Caution, read_caution
from schemas.identifiers import ReferralRef
from schemas.rejection import Reason
from schemas.words import keys

_LONGEST_WHY = 80


@dataclass(frozen=True, slots=True)
class Person:
    """What a person on duty may see when they said why: who it is about and what was written. Never logged, never stored anew."""

    rows: tuple[tuple[str, str], ...] = field(repr=False)


async def unmasked(connection: Connection, sealing: Sealing, item: Item, actor: str, why: str) -> Person | None:
    """The person behind an item; that somebody looked, and why (80 characters, numbers masked), is audited first. None once erased."""
    content = await connection.fetchval("SELECT content FROM referral WHERE id = $1", item.referral_id)
    try:
        opened = read_content(sealing.key(item.referral_id, item.sealing_key).open("content", content))
    except NotReadable:
        return None
    detail = {"why": mask(why)[:_LONGEST_WHY], "item": str(item.id)}
    await insert_audit(connection, audit_rows([(Audit(actor, "referral.unmasked", detail), item.referral_id)]))
    person, referrer = opened.referral.person, opened.referral.referrer
    rows = [
        ("worklist.person", " ".join((*person.given, person.family or ""))), ("worklist.nhs-number", person.nhs_number), ("worklist.born", person.birth_date),
        ("worklist.postcode", person.postcode), ("worklist.contact", ", ".join(_contacts(opened.bundle))), ("worklist.referrer", referrer.name or referrer.ods),
        *_cautions(read_caution(opened.bundle)),
        *(("worklist.narrative", words) for words in opened.referral.narrative),
    ]  # fmt: skip
    return Person(tuple((key, str(value)) for key, value in rows if value))


def _cautions(caution: Caution) -> Iterator[tuple[str, str]]:
    """What to know before ringing or writing, beside the numbers themselves."""
    if caution.no_message:
        yield "worklist.no-message", ", ".join(caution.no_message)
    if caution.no_letter:
        yield "worklist.no-letter", "!"
    yield from (("worklist.before-contact", words) for words in caution.notes)


def _contacts(bundle: JsonObject) -> Iterator[str]:
    """Phone numbers and addresses of the patient, wherever the message put them."""
    resources = [entry["resource"] for entry in bundle["entry"]]
    for resource in [*resources, *(one for each in resources for one in each.get("contained") or ())]:
        if isinstance(resource, dict) and resource.get("resourceType") == "Patient":
            yield from (str(one["value"]) for one in resource.get("telecom") or () if isinstance(one, dict) and one.get("value"))


def listed(items: Sequence[Item], language: Language) -> RenderableType:
    """A line for each item: which, what for, why, how long, when its alarm sounds."""
    headings = [say(f"ops.{name}", language) for name in ("item", "referral", "kind", "reason", "since", "alarm", "until")]
    rows = [
        (
            str(one.id)[:8], _spoken(one), kind_words(one, language), item_reason(one.reason, language), length((one.now - one.opened_at).total_seconds()),
            alarm(one, language), clock(one.deadline_at),
        )
        for one in items
    ]  # fmt: skip
    return table(headings, rows, ["bold red" if one.alert_at and one.alert_at <= one.now else None for one in items])


def shown(item: Item, told: ToTell | None, note: str | None, person: Person | None, language: Language) -> Iterator[RenderableType]:
    """Everything that the person on duty needs of one item, and what to do."""
    yield Text.assemble((f"{say('ops.referral', language)} {_spoken(item)}", "bold cyan"), (f"  {say('ops.item', language)} {item.id}", "dim"))
    yield Text(f"{kind_words(item, language)}: {item_reason(item.reason, language)}", style="yellow")
    waits = length((item.now - item.opened_at).total_seconds())
    yield Text(f"{say('ops.since', language)} {clock(item.opened_at)} ({waits}); {say('ops.alarm', language)} {alarm(item, language)}")
    if item.closed_at is not None:
        yield Text(say("worklist.closed-already", language))
    needs = ", ".join(reason_words(need, language) for need in item.needs) or "–"
    yield Text(f"{say('ops.client', language)} {item.client}; {known('priority', item.priority, language)}; {item.area or '–'}; {needs}")
    who = _whom(item.recipient, language)
    yield Text(say(f"worklist.do.{_to_do(item)}", language, item=str(item.id)[:8], who=who), style="bold")
    if told is not None:
        yield Text(f"{say('worklist.say', language)}: {words_to_say(told, language)}")
    if note:
        yield Text(f"{say('worklist.note', language)}: {note}")
    if person is None:
        yield Text(say("worklist.masked", language, item=str(item.id)[:8]), style="dim")
    else:
        yield Text(say("worklist.unmasked", language), style="red")
        yield from (Text(f"  {say(key, language)}: {value}") for key, value in person.rows)


def as_dict(item: Item, person: Person | None = None) -> JsonObject:
    """One item for programs; `person` null unless it was asked for."""
    waited, sounded = int((item.now - item.opened_at).total_seconds()), bool(item.alert_at and item.alert_at <= item.now)
    return {
        "alarm_at": iso(item.alert_at), "area": item.area, "client": item.client, "closed_at": iso(item.closed_at), "deadline_at": iso(item.deadline_at),
        "id": str(item.id), "kind": item.kind, "needs": list(item.needs), "opened_at": iso(item.opened_at), "overdue": sounded,
        "person": {key.removeprefix("worklist."): value for key, value in person.rows} if person else None, "priority": item.priority, "reason": item.reason,
        "ref": item.ref, "referral": str(item.referral_id), "tell": item.recipient, "waiting_s": waited,
    }  # fmt: skip


def kind_words(item: Item, language: Language) -> str:
    """What kind of item it is; of a message that a person must give, to whom."""
    if item.kind == "tell-by-hand" and item.recipient:
        return say("worklist.tell", language, who=_whom(item.recipient, language))
    return say(f"worklist.kind.{_kind(item)}", language)


def alarm(item: Item, language: Language) -> str:
    """When its alarm sounds, or how long ago it did."""
    if item.alert_at is None:
        return "–"
    seconds = (item.alert_at - item.now).total_seconds()
    return say("worklist.alarm-in" if seconds > 0 else "worklist.alarm-sounded", language, length=length(abs(seconds)))


def words_to_say(told: ToTell, language: Language) -> str:
    """What was composed for whoever must be told; the fact in plain words where nothing else can be read aloud."""
    try:
        body = orjson.loads(told.body or b"{}")
    except orjson.JSONDecodeError:
        body = {}
    composed = body.get(language) if isinstance(body, dict) and "tell" in body else None
    return str(composed) if composed else known("fact", told.fact.split(".")[1], language)


async def one_called(connection: Connection, typed: str) -> Item | str:
    """The item that was meant, or the key of the words that say why it is not clear."""
    ref = ReferralRef.read(typed)
    found = await worklist.called(connection, ref.value if ref else typed)
    if not found:
        return "worklist.not-found"
    return found[0] if len(found) == 1 else "worklist.ambiguous"


def _kind(item: Item) -> str:
    return item.kind if f"worklist.kind.{item.kind}" in keys() else "other"


def _whom(recipient: str | None, language: Language) -> str:
    """Somebody without a system by who they are; a client or a prescriber by its id."""
    return known("worklist.whom", recipient, language) if recipient in ("person", "professional") else recipient or "–"


def _to_do(item: Item) -> str:
    """A hold that only the person's own yes can end says so, and who else has to be spoken with."""
    if item.kind == "hold" and item.reason == Reason.CHILD_ALONE:
        return "hold-child"
    return "hold-ask" if item.kind == "hold" and item.reason in ASKS else _kind(item)


def _spoken(item: Item) -> str:
    return ReferralRef(item.ref).spoken
