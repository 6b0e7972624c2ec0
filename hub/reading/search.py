"""In reading: a FHIR search as its sender wrote it becomes bounds for one query. Whatever is not understood is refused, so that nothing is left out
in silence (FHIR R4 3.1.1)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from hub.ledger.sealing import Sealing
from hub.recording import REF_SYSTEM
from schemas.rejection import Issue, Reason, Rejected

Pairs = Sequence[tuple[str, str]]
MOST, USUAL = 100, 20
PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "ServiceRequest": {"_id": "token", "_lastUpdated": "date", "identifier": "token", "status": "token"},
    "Task": {"_id": "token", "_lastUpdated": "date", "identifier": "token", "status": "token", "business-status": "token", "focus": "reference"},
}
"""What may be asked of each type, with the kind of parameter that FHIR makes it; for the capability statement too."""
_CONTROL = ("_count", "_format", "_page")
_FORMATS = frozenset({"json", "application/json", "application/fhir+json", "application/fhir json"})
_MOST_VALUES = 50


@dataclass(frozen=True, slots=True)
class Search:
    """One search of one type. Tuples are alternatives, None is no bound; `since` is inclusive, `before` is not. `named` are the identifiers
    asked for, system and value; `pairs` what was asked, for the page after this one."""

    kind: str
    ids: tuple[UUID, ...] | None = None
    statuses: tuple[str, ...] | None = None
    business: tuple[str, ...] | None = None
    focus: tuple[UUID, ...] | None = None
    named: tuple[tuple[str, str], ...] | None = field(default=None, repr=False)
    since: datetime | None = None
    before: datetime | None = None
    count: int = USUAL
    after_time: datetime | None = None
    after_id: UUID | None = None
    pairs: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def hashes(self, sealing: Sealing, client: str) -> tuple[bytes, ...] | None:
        """The keyed hashes under which the ledger keeps a client's own identifiers of a referral."""
        if self.named is None:
            return None
        return tuple(sealing.identifier_hash(client, system, value) for system, value in self.named)

    @property
    def references(self) -> tuple[str, ...] | None:
        """Our own references of referrals among the identifiers asked for."""
        return None if self.named is None else tuple(value for system, value in self.named if system == REF_SYSTEM)

    def page_after(self, at: datetime, id_: UUID) -> str:
        """The query of the page that begins after this row."""
        token = base64.urlsafe_b64encode(f"{at.astimezone(UTC).isoformat()}|{id_}".encode()).decode().rstrip("=")
        return urlencode([*self.pairs, ("_page", token)])

    @property
    def query(self) -> str:
        """The query of this page."""
        return urlencode(self.pairs)


def read_search(kind: str, asked: Pairs) -> Search:
    """The search that these parameters are. Raises Rejected with every one that is not understood (C31): named by its place, or by its own name
    where that is known."""
    faults: list[Issue] = []
    found = Search(kind, pairs=tuple((name, value) for name, value in asked if name != "_page"))
    known = (*PARAMETERS[kind], *_CONTROL)
    for number, (name, value) in enumerate(asked, start=1):
        if name not in known:
            faults.append(Issue(Reason.INVALID, f"parameter {number}", "rest.search-unknown", {"known": ", ".join(known[:-1])}))
            continue
        if name in _CONTROL and [one for one, _ in asked].count(name) > 1:
            faults.append(Issue(Reason.INVALID, name, "rest.search-twice", {"name": name}))
            continue
        read = _READERS[name](found, value)
        if read is None:
            faults.append(Issue(Reason.INVALID, name, f"rest.search-{_WORDS.get(name, 'value')}", {"name": name}))
        else:
            found = read
    if faults:
        raise Rejected(Reason.INVALID, list({(one.at, one.detail): one for one in faults}.values()))
    return found


_WORDS = {"_count": "count", "_lastUpdated": "date", "identifier": "identifier"}


# --- readers: the search with one parameter more; None when it is not understood -----------------------------------------------------------


def _alternatives(value: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in value.split(","))
    return found if all(found) and len(found) <= _MOST_VALUES else ()


def _ids(search: Search, value: str) -> Search | None:
    """An id that cannot be ours finds nothing, and is no fault."""
    wanted = _alternatives(value)
    return replace(search, ids=_both(search.ids, _uuids(wanted))) if wanted else None


def _focus(search: Search, value: str) -> Search | None:
    wanted = tuple(one.removeprefix("ServiceRequest/") for one in _alternatives(value))
    return replace(search, focus=_both(search.focus, _uuids(wanted))) if wanted else None


def _uuids(texts: Iterable[str]) -> tuple[UUID, ...]:
    found = []
    for one in texts:
        try:
            found.append(UUID(one))
        except ValueError:
            continue
    return tuple(found)


def _statuses(search: Search, value: str) -> Search | None:
    wanted = tuple(one.rpartition("|")[2] for one in _alternatives(value))
    return replace(search, statuses=_both(search.statuses, wanted)) if wanted else None


def _business(search: Search, value: str) -> Search | None:
    wanted = tuple(one.rpartition("|")[2] for one in _alternatives(value))
    return replace(search, business=_both(search.business, wanted)) if wanted else None


def _named(search: Search, value: str) -> Search | None:
    """`system|value`; what has no bar is a value of any system, which is not kept in a form that could be searched."""
    pairs = [one.partition("|") for one in _alternatives(value)]
    if not pairs or not all(bar and text.strip() for _, bar, text in pairs):
        return None
    return replace(search, named=_both(search.named, tuple((system.strip(), text.strip()) for system, _, text in pairs)))


def _both(before: tuple | None, now: tuple) -> tuple:  # type: ignore[type-arg]  # of whatever the parameter is
    """A parameter that stands twice means both (FHIR R4 3.1.1.3.1.5)."""
    return now if before is None else tuple(one for one in now if one in before)


_DATE = re.compile(r"(eq|gt|ge|lt|le|sa|eb)?(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?(Z|[+ -]\d\d:\d\d)?)?)?)?", re.ASCII)


def _updated(search: Search, value: str) -> Search | None:
    found = _DATE.fullmatch(value.strip())
    span = _span(found) if found else None
    if found is None or span is None:
        return None
    first, end = span
    prefix = found[1] or "eq"
    since = {"eq": first, "ge": first, "gt": end, "sa": end}.get(prefix)
    before = {"eq": end, "le": end, "lt": first, "eb": first}.get(prefix)
    return replace(
        search,
        since=max((one for one in (search.since, since) if one), default=None),
        before=min((one for one in (search.before, before) if one), default=None),
    )


def _span(found: re.Match[str]) -> tuple[datetime, datetime] | None:
    """The time that a date covers, from its first moment to the first after it; without an offset it is UTC."""
    _, year, month, day, minute, second, offset = found.groups()
    try:
        written = f"{year}-{month or '01'}-{day or '01'}T{minute or '00:00'}{second or ':00'}{(offset or 'Z').replace(' ', '+')}"
        first = datetime.fromisoformat(written).astimezone(UTC)
        if second:
            return first, first + timedelta(milliseconds=1 if "." in second else 1000)
        if day:
            return first, first + (timedelta(minutes=1) if minute else timedelta(days=1))
        return first, first.replace(year=first.year + 1) if not month else (first + timedelta(days=31)).replace(day=1)
    except (ValueError, OverflowError):
        return None


def _count(search: Search, value: str) -> Search | None:
    if not re.fullmatch(r"0*[1-9][0-9]{0,30}", value.strip(), re.ASCII):
        return None
    return replace(search, count=min(int(value), MOST))


def _format(search: Search, value: str) -> Search | None:
    return search if value.strip().lower() in _FORMATS else None


def _page(search: Search, value: str) -> Search | None:
    try:
        at, _, id_ = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode("ascii").partition("|")
        moment = datetime.fromisoformat(at)
        return replace(search, after_time=moment, after_id=UUID(id_)) if moment.tzinfo else None
    except (ValueError, binascii.Error):
        return None


_READERS = {
    "_id": _ids, "_lastUpdated": _updated, "identifier": _named, "status": _statuses, "business-status": _business, "focus": _focus,
    "_count": _count, "_format": _format, "_page": _page,
}  # fmt: skip
