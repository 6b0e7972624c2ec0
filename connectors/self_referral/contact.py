"""In translating: how, when and by what a person wants to be reached, and what of it is safe. Silence is never taken for "safe"."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.self_referral.reading import Form
from schemas.fhir.contact import CONTACT_NOTES, PREFERENCE, SAFE, SAFE_LETTER, SAFE_MESSAGE
from schemas.fhir.contact import FORMATS as _FORMAT_SYSTEM
from schemas.fhir.contact import METHODS as _METHOD_SYSTEM
from schemas.fhir.strict_json import JsonObject
from schemas.identifiers import Postcode

_METHODS = {"letter": ("1", "Letter"), "visit": ("2", "Visit"), "phone": ("3", "Telephone"), "email": ("4", "E-mail"), "text": ("9", "SMS")}
_FORMATS = {"large-print": ("11", "Large print"), "braille": ("12", "Braille"), "audio": ("13", "Audio")}
_TIMES = {"morning": "MORN", "afternoon": "AFT", "evening": "EVE"}
_NO_FIXED_ABODE = "No fixed abode"


def reachable(form: Form) -> bool:
    """Whether there is one safe way to reach the person, or whoever asks for them. Who has no settled address, or wants to be met, may say
    instead where they are to be found."""
    letter = form.says("letter_safe") and form.get("address")
    by_helper = form.way in ("someone-else", "professional") and bool(form.get("helper_phone") or form.get("helper_email"))
    met = form.get("contact_notes") and (form.says("no_fixed_address") or "visit" in form.all("contact_by"))
    return bool(form.get("phone") or safe_email(form) or letter or by_helper or met)


def safe_email(form: Form) -> str | None:
    """The e-mail address, unless the person did not say that it is safe to use."""
    return form.get("email") if form.says("email_safe") else None


def telecoms(form: Form) -> Iterator[JsonObject]:
    """The telephone with the answer about messages, and the e-mail address where it is safe; one that is not stays out of the bundle, so that
    nobody can use it by mistake."""
    if phone := form.get("phone"):
        answer = form.says("phone_message")
        safe = [{"url": SAFE_MESSAGE, "valueBoolean": answer}] if answer is not None else []
        yield {"system": "phone", "value": phone, "rank": 1} | ({"extension": safe} if safe else {})
    if email := safe_email(form):
        yield {"system": "email", "value": email, "extension": [{"url": SAFE, "valueBoolean": True}]}


def address(form: Form) -> Iterator[JsonObject]:
    """The home address with the answer about letters; for somebody without one the NHS code of no fixed abode."""
    written, typed = form.get("address"), form.get("postcode")
    homeless = bool(form.says("no_fixed_address"))
    if not (written or typed or homeless):
        return
    lines = [line.strip() for line in (written or "").split("\n") if line.strip()]
    if homeless and not lines:
        lines = [_NO_FIXED_ABODE]
    read = Postcode.read(typed) if typed else None
    code = read.value if read else typed or (Postcode.NO_FIXED_ABODE if homeless else None)
    made: JsonObject = {"use": "temp" if homeless else "home", "line": lines, "postalCode": code}
    answer = form.says("letter_safe")
    if answer is not None:
        made["extension"] = [{"url": SAFE_LETTER, "valueBoolean": answer}]
    yield {name: value for name, value in made.items() if value not in (None, [])}


def preferences(form: Form) -> Iterator[JsonObject]:
    """UK Core's ContactPreference: methods, written formats and times of day; beside it the person's own words about being contacted."""
    parts: list[JsonObject] = [_coded("PreferredContactMethod", _METHOD_SYSTEM, *_METHODS[one]) for one in wanted(form)]
    parts += [_coded("PreferredWrittenCommunicationFormat", _FORMAT_SYSTEM, *_FORMATS[one]) for one in form.all("access") if one in _FORMATS]
    when = [_TIMES[one] for one in form.all("contact_when")]
    if when:
        parts.append({"url": "PreferredContactTimes", "valueTiming": {"repeat": {"when": when}}})
    if parts:
        yield {"url": PREFERENCE, "extension": parts}
    if words := form.get("contact_notes"):
        yield {"url": CONTACT_NOTES, "valueString": words}


def wanted(form: Form) -> tuple[str, ...]:
    """The ways that were ticked, without those that were said to be unsafe."""
    unsafe = {"email"} if form.says("email_safe") is not True else set()
    if form.says("letter_safe") is False:
        unsafe.add("letter")
    return tuple(one for one in form.all("contact_by") if one not in unsafe)


def _coded(name: str, system: str, code: str, display: str) -> JsonObject:
    return {"url": name, "valueCodeableConcept": {"coding": [{"system": system, "code": code, "display": display}]}}
