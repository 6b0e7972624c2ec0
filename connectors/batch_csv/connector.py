"""At the upload and in the drop folder: tables of referrals. A row is a message of its own, with its own key, its own faults and its own answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from connectors.batch_csv import table
from connectors.batch_csv.request import made_of, own_identifiers
from connectors.batch_csv.row import Row, number_of, read
from connectors.batch_csv.values import said
from schemas.events import FactType
from schemas.fhir.build import message as message_bundle
from schemas.hl7v2.charset import DECLARED
from schemas.messages import (
    About,
    Accepted,
    Committed,
    Existing,
    Fact,
    InboundMessage,
    InFlight,
    NotStored,
    Outcome,
    Repeated,
    Reply,
    RequestKey,
    Translation,
)
from schemas.referral import Referral, read_referral
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import media_types, status_of
from schemas.row_report import NDJSON, Became, RowReport, Said, is_whole, read_line, summary
from schemas.words import text

NAME = "batch_csv"
_NAMES_SOMEBODY = ("nhs_number", "name", "family", "birth_date", "phone", "email", "postcode")
_TABLES = frozenset({"text/csv", "application/csv", "text/tab-separated-values", NDJSON, "application/ndjson", "application/jsonl"})
_FACTS = {"new": FactType.RECEIVED, "update": FactType.UPDATED, "cancel": FactType.CANCEL_REQUESTED, "withdraw": FactType.ENTERED_IN_ERROR}


def messages(content: bytes) -> tuple[bytes, ...]:
    """The rows of a file, in order, each with its header line; an empty one for a blank row. Raises Rejected for what is no such file."""
    return table.messages(content)


def identify(message: InboundMessage) -> RequestKey:
    """The key is a hash of what the row says, so that a row that came before is known wherever it stands; a row with a reference of its own
    begins a referral only where none has that reference yet. Raises Rejected when Content-Type is no table's."""
    if faults := list(_header_faults(message)):
        raise Rejected(faults[0].reason, faults)
    try:
        row = read(message)
        identifiers, _ = own_identifiers(row, message.client)
        begins = _action(row) == "new"
    except Rejected:
        return RequestKey(hashlib.sha256(message.body).hexdigest())
    named = hashlib.sha256(identifiers[0].value.encode()).hexdigest() if identifiers else None
    return RequestKey(row.key, named, identifiers if begins else ())


def translate(message: InboundMessage) -> Translation:
    """`received`, `updated`, `cancel-requested` or `entered-in-error`, as the row's action says; a blank row is ignored.

    Raises Rejected with every fault of the row, placed at `row 3, need`.
    """
    if not message.body.strip():
        return Translation(ignored=Reason.NOTHING_FOR_US)
    row = read(message)
    action = _action(row)
    identifiers, about_reference = own_identifiers(row, message.client)
    if action != "new" and not identifiers:
        raise Rejected(Reason.REQUIRED, [*about_reference, Issue(Reason.REQUIRED, row.at("reference"), "batch.reference-needed")])
    made = made_of(row, message.body, identifiers, action)
    kind = _FACTS[action]
    bundle = message_bundle(message.body, NAME, kind.value, [(None, one) for one in made.resources], focus="ServiceRequest")
    about = About(None, identifiers)
    if action in ("cancel", "withdraw"):
        return Translation((Fact(kind, bundle, about, heard=made.heard),), (*about_reference, *made.warnings, *_timeless(message)))
    try:
        referral, of_referral = read_referral(bundle, "other", message.profile, message.received_at)
    except Rejected as fault:
        unread = [one for one in (*row.warnings, *made.warnings) if fault.reason is Reason.NO_IDENTITY and one.at in map(row.at, _NAMES_SOMEBODY)]
        raise Rejected(fault.reason, list(_once((*_placed(fault.issues, row), *unread)))) from None
    referral = _whole(referral, row, made.consent_unclear, made.heard)
    return Translation((Fact(kind, bundle, about, referral),), tuple(_once((*about_reference, *made.warnings, *_placed(of_referral, row)))))


def _action(row: Row) -> str:
    """What the row is to do. Raises Rejected for a word that nobody knows: a cancellation must not become a referral."""
    sent = row.one("action")
    found = said("action", sent) if sent else "new"
    if found is None:
        raise Rejected(Reason.INVALID, [Issue(Reason.INVALID, row.at("action"), "batch.action")])
    return found


def _whole(referral: Referral, row: Row, consent_unclear: bool, heard: tuple[str, ...]) -> Referral:
    """With the cell that states the service, the words of unknown columns for triage, and whether a consent must be looked at."""
    stated = referral.service.model_copy(update={"at": row.at("service") if referral.service.at else None})
    consent = referral.consent.model_copy(update={"unclear": referral.consent.unclear or consent_unclear})
    return referral.model_copy(update={"service": stated, "consent": consent, "other_words": (*referral.other_words, *heard)})


def _timeless(message: InboundMessage) -> tuple[Issue, ...]:
    return () if message.received_at else (Issue(Reason.TIME_NOT_GIVEN, "received-at"),)


def _header_faults(message: InboundMessage) -> Iterator[Issue]:
    """What Content-Type says must be a table in UTF-8 or in the client's agreed character set. A file in a folder has no headers."""
    if message.headers is None:
        return
    kind = next(iter(media_types(message.headers.get("content-type", ""))), None)
    charset = DECLARED.get(kind.parameters.get("charset", "utf-8").upper()) if kind else None
    if kind is None or kind.name not in _TABLES:
        yield Issue(Reason.UNSUPPORTED_MEDIA, "Content-Type", "batch.content-type")
    elif charset not in ("utf-8", DECLARED.get((message.profile.charset or "utf-8").upper())):
        yield Issue(Reason.UNSUPPORTED_MEDIA, "Content-Type", "batch.charset")


# --- places -----------------------------------------------------------------------------------------------------------------------------

_FIELDS = {
    "ServiceRequest.subject": "name",
    "ServiceRequest.reasonCode": "need",
    "ServiceRequest.priority": "priority",
    "ServiceRequest.authoredOn": "referred_on",
    "ServiceRequest.extension": "source",
    "ServiceRequest.code": "service",
    "Patient.identifier": "nhs_number",
    "Patient.birthDate": "birth_date",
    "Patient.communication": "language",
}
_OWN_WORDS = {Reason.NO_IDENTITY: "batch.no-identity"}


def _placed(issues: Iterable[Issue], row: Row) -> Iterator[Issue]:
    """What FHIR's readers say of a path is said of the row's field."""
    for one in issues:
        if one.at == "received-at":
            yield one
            continue
        name = next((name for path, name in _FIELDS.items() if one.at.startswith(path)), "")
        yield replace(one, at=row.at(name), detail=_OWN_WORDS.get(one.reason, one.detail))


def _once(issues: Iterable[Issue]) -> Iterable[Issue]:
    return {(one.reason, one.at): one for one in reversed(tuple(issues))}.values().__reversed__()


# --- the answer -------------------------------------------------------------------------------------------------------------------------


def answer(message: InboundMessage, outcome: Outcome) -> Reply:
    """One line of NDJSON: what became of the row, the referral's reference, every fault and warning in both languages, and no value of the row."""
    status, report = _report(message, outcome)
    later = (("Retry-After", "5"),) if status == 503 else ()
    return Reply(status, (report.line(),), NDJSON, later)


def together(whole: InboundMessage, replies: Sequence[Reply]) -> Reply:  # noqa: ARG001  (a file's answer is its rows')
    """The file's own line, then each row's: 200 where nothing is to be corrected, 503 where something must be sent again, 207 or 422 where
    something or everything must be corrected."""
    reports = [found for one in replies for part in one.parts if (found := read_line(part)) is not None]
    status, headers = 200, tuple[tuple[str, str], ...]()
    if not is_whole(reports):
        postponed = any(one.became == "postponed" for one in reports)
        status = 503 if postponed else 207 if any(one.became != "refused" for one in reports) else 422
        headers = (("Retry-After", "5"),) if postponed else ()
    return Reply(status, (summary(reports).line(), *(one.line() for one in reports)), NDJSON, headers)


def _report(message: InboundMessage, outcome: Outcome) -> tuple[int, RowReport]:
    number = number_of(message)
    match outcome:
        case Committed():
            return 200, _committed(number, outcome)
        case Repeated(first=first):
            before = read_line(first.parts[0]) if first.parts else None
            said_then = before.text if before else text("batch.row.taken")
            return 200, RowReport(number, "known", text("batch.row.known", before=said_then), before.reference if before else None)
        case Existing(accepted=stands):
            fault = Said.of(Issue(Reason.DUPLICATE, f"row {number}, reference", "batch.reference-stands"))
            return 409, RowReport(number, "refused", text("batch.row.refused"), stands.ref, (fault,))
        case Rejected():
            return _refused(number, outcome)
        case InFlight() | NotStored():
            return 503, RowReport(number, "postponed", text("batch.row.postponed"))


_OF_FILE = ("file", "Content-Type", "columns.toml")


def _committed(number: int, outcome: Committed) -> RowReport:
    warnings = tuple(Said.of(one) for one in outcome.warnings)
    if not outcome.accepted:
        came_before = outcome.ignored is Reason.DUPLICATE
        return RowReport(number, "known" if came_before else "nothing", Issue(outcome.ignored or Reason.NOTHING_FOR_US, "").text, None, (), warnings)
    accepted = outcome.accepted[0]
    held = (Said.of(Issue(accepted.held, f"row {number}")),) if accepted.held else ()
    return RowReport(number, _became(accepted), accepted.next_step, accepted.ref, (), (*held, *warnings))


def _became(accepted: Accepted) -> Became:
    if accepted.held is not None:
        return "held"
    return "taken" if accepted.fact is FactType.RECEIVED else "changed"


def _refused(number: int, fault: Rejected) -> tuple[int, RowReport]:
    """A fault of the file as a whole is row 0's. A row that came before, written otherwise, is known: nothing was done and nothing is wrong."""
    if fault.reason is Reason.KEY_REUSED:
        return 200, RowReport(number, "known", text("batch.row.known-otherwise"))
    of_file = any(one.at in _OF_FILE for one in fault.issues)
    lead = text("rest.wrong-service" if fault.reason is Reason.WRONG_SERVICE else "batch.file.refused" if of_file else "batch.row.refused")
    at = f"row {number}, reference" if fault.reason in (Reason.NOT_FOUND, Reason.MULTIPLE_MATCHES) else f"row {number}"
    issues = [one if of_file or one.at.startswith("row ") else replace(one, at=at) for one in fault.issues]
    return status_of(fault.reason), RowReport(0 if of_file else number, "refused", lead, None, tuple(Said.of(one) for one in issues))



