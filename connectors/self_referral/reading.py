"""Before translating: the bytes of a sent form, read within bounds into its fields. Nothing of what a field held is ever said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl
from uuid import UUID

from connectors.self_referral.fields import FIELDS, LARGEST, MOST_FIELDS, Way
from schemas.fhir.read import fhir_date
from schemas.rejection import Issue, Reason, Rejected

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_ENDS = re.compile(r"\r\n?")
_ASCII_DIGITS = re.compile(r"[0-9]{1,4}")
_ENGLISH = "january february march april may june july august september october november december"
_WELSH = "ionawr chwefror mawrth ebrill mai mehefin gorffennaf awst medi hydref tachwedd rhagfyr"
_MONTHS = {name[:size]: str(number) for names in (_ENGLISH, _WELSH) for number, name in enumerate(names.split(), 1) for size in {3, len(name)}}
"""Months written as words; "mai", "gor" and the like mean one month in both languages."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields that were filled in. Values are as typed, but for control characters, line ends (`\\n`), and white space around one line."""

    values: Mapping[str, tuple[str, ...]] = field(repr=False)

    def get(self, name: str) -> str | None:
        """The field's only value; None when it was left empty."""
        return next(iter(self.values.get(name, ())), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field that may have several, each once, in the order sent."""
        return tuple(dict.fromkeys(self.values.get(name, ())))

    def says(self, name: str) -> bool | None:
        """What was answered to a yes-or-no question; None when nothing was."""
        return {"yes": True, "no": False}.get(self.get(name) or "")

    @property
    def way(self) -> Way:
        """How it came about; for oneself when nothing says otherwise."""
        return self.get("way") or "myself"  # type: ignore[return-value]  # one of its options

    def date(self, name: str) -> tuple[str | None, bool]:
        """A date asked for in three fields as FHIR writes it, perhaps partial (`1950`); and whether what was typed is a date."""
        day, month, year = (self.get(f"{name}_{part}") or "" for part in ("day", "month", "year"))
        if not (day or month or year):
            return None, True
        month = _MONTHS.get(month.casefold(), month)
        parts = [year, *([month] if month or day else []), *([day] if day else [])]
        if not all(_ASCII_DIGITS.fullmatch(part) for part in parts) or len(year) != 4:
            return None, False
        found = fhir_date("-".join(part.zfill(2) for part in parts))
        return found, found is not None


def read_form(body: bytes) -> tuple[Form, tuple[Issue, ...]]:
    """The form of its bytes (application/x-www-form-urlencoded in UTF-8; a line break between two fields counts as `&`), and a warning for
    what it does not know. Raises Rejected with every fault of the whole."""
    found: dict[str, tuple[str, ...]] = {}
    warnings: list[Issue] = []
    for name, sent in _pairs(body):
        asked = FIELDS.get(name)
        value = _clean(sent)
        if asked is None:
            warnings.append(Issue(Reason.UNKNOWN_ELEMENT, "form"))
        elif asked.options and value and value not in asked.options:
            warnings.append(Issue(Reason.CODE_UNKNOWN, name))
        elif value:
            found[name] = (*found.get(name, ()), value)
    faults = list(_faults(found))
    if faults:
        raise Rejected(faults[0].reason, faults)
    return Form(found), _once(warnings)


def request_id(form: Form) -> str:
    """The form's own id, a UUID in small letters. Raises Rejected when there is none, or anything else."""
    sent = form.get("request")
    try:
        return str(UUID(sent or ""))
    except ValueError:
        reason = Reason.INVALID if sent else Reason.REQUIRED
        raise Rejected(reason, [Issue(reason, "request", "self_referral.request")]) from None


def _pairs(body: bytes) -> list[tuple[str, str]]:
    if len(body) > LARGEST:
        raise Rejected(Reason.TOO_LARGE, [Issue(Reason.TOO_LARGE, "form", "self_referral.too-large")])
    try:
        lines = body.decode("utf-8").removeprefix("\ufeff").replace("\r", "").replace("\n", "&")
        return parse_qsl(lines, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise Rejected(Reason.ENCODING, [Issue(Reason.ENCODING, "form")]) from None
    except ValueError:
        raise Rejected(Reason.TOO_LARGE, [Issue(Reason.TOO_LARGE, "form", "self_referral.too-many")]) from None


def _clean(sent: str) -> str:
    """What was typed; empty for nothing but white space."""
    value = _CONTROL.sub("", _LINE_ENDS.sub("\n", sent))
    return value if "\n" in value.strip() else value.strip()


def _faults(found: Mapping[str, tuple[str, ...]]) -> Iterator[Issue]:
    for name, values in found.items():
        asked = FIELDS[name]
        if not asked.many and len(set(values)) > 1:
            yield Issue(Reason.DUPLICATE_KEY, name, "self_referral.twice")
        if any(len(value) > asked.limit for value in values):
            yield Issue(Reason.TOO_LARGE, name, "self_referral.too-long", {"limit": f"{asked.limit:,}"})


def _once(warnings: list[Issue]) -> tuple[Issue, ...]:
    """One warning a field."""
    return tuple({(one.reason, one.at): one for one in warnings}.values())
