"""Within translating a hospital's message: PID and PD1 become a Patient and its practice."""

from __future__ import annotations

from enum import Enum

from connectors.hospital_hl7v2.reached import address, points
from connectors.hospital_hl7v2.source import (
    NHS_NUMBER,
    ODS,
    Made,
    Reading,
    Source,
    absent,
    clean,
    coding,
    fhir_identifiers,
    person_identifier,
    tidy,
)
from schemas.codes.hl7 import gender_of
from schemas.codes.languages import LANGUAGE_SYSTEM, language_of
from schemas.fhir.build import JsonObject
from schemas.hl7v2 import Field, Repetition, Segment, dates
from schemas.identifiers import OdsCode
from schemas.messages import Identifier
from schemas.rejection import Issue, Reason

_NAME_USE = {"L": "official", "D": "usual", "B": "old", "M": "maiden", "N": "nickname", "A": "anonymous", "T": "temp"}
_YES, _NO = ("Y", "YES", "T", "TRUE", "1"), ("N", "NO", "F", "FALSE", "0")
_NOT_KNOWN = ("", "U", "UNK", "UNKNOWN", "NI", "ASKU", "NASK")  # table 0532 and as senders write it
_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "rev", "sir", "lady"})


def read_patient(source: Source, organizations: int = 0, unclear_is_death: bool = False) -> Reading:
    """The Patient of PID (an empty one without PID) and the practice of PD1, `organizations` being how many stand before it.

    `unclear_is_death`: a referral about somebody who may have died is for a human; an ADT declares nobody dead by a code that nobody knows.
    """
    pid = source.message.first("PID")
    practice, by_reference = _practice(source, organizations + 1)
    born, about_birth = _date(pid, 7)
    gender, about_gender = _gender(pid)
    died, about_death = _deceased(pid, unclear_is_death)
    named = numbers(source, pid)
    resource = {
        "resourceType": "Patient",
        "meta": _protection(source),
        "identifier": fhir_identifiers(named),
        "name": _many(pid, 5, [_name(one) for one in pid.field(5).repetitions if not one.is_null]),
        "telecom": _many(pid, 13, [*points(pid.field(13), "home"), *points(pid.field(14), "work")]),
        **gender,
        **born,
        **died,
        "address": _many(pid, 11, [address(one, source.today) for one in pid.field(11).repetitions if not one.is_null]),
        "communication": _language(source, pid.field(15)),
        "generalPractitioner": by_reference,
    }
    sources = {"": pid.at(), **_sources(pid, len(named))}
    made = Made(pid.place, source.url("Patient"), tidy(resource), sources)
    return Reading((made, *practice), (*about_birth, *about_gender, *about_death))


def numbers(source: Source, pid: Segment) -> tuple[Identifier, ...]:
    """Every number of PID-3, in order, each once; then what the fields of older versions (PID-2, PID-4) call an NHS number."""
    found = [person_identifier(source, one) for one in pid.field(3).repetitions]
    older = [person_identifier(source, one) for number in (2, 4) if pid.component(number) for one in pid.field(number).repetitions]
    return tuple(dict.fromkeys(one for one in (*found, *(one for one in older if one and one.system == NHS_NUMBER)) if one))


class Death(Enum):
    """What PID-29 and PID-30 say together."""

    UNSAID = "unsaid"
    NO = "no"
    YES = "yes"
    UNCLEAR = "unclear"


def death(pid: Segment) -> Death:
    """A date of death outweighs the flag, also one that stands a field too late, in the flag's place; something in PID-29 that is no date counts
    as a death unless PID-30 says no.

    Unclear: a flag that nobody knows, or a PID-29 of zeros, which some systems write for no date.
    """
    when, flag = pid.component(29), pid.component(30).upper()
    if flag in _YES or dates.fhir_date(when) or dates.is_timestamp(flag):
        return Death.YES
    if flag in _NO:
        return Death.NO
    if when:
        return Death.YES if when.strip("0") else Death.UNCLEAR
    return Death.UNSAID if flag in _NOT_KNOWN else Death.UNCLEAR


def _deceased(pid: Segment, unclear_is_death: bool) -> tuple[JsonObject, list[Issue]]:
    """`deceased[x]`: the date where it is one, else whether; nothing when nothing was stated."""
    when, flag, said = pid.field(29), pid.field(30), death(pid)
    moment = dates.fhir_date_time(pid.component(29))
    odd = [Issue(Reason.DATE_IMPOSSIBLE, when.at)] if pid.component(29) and moment is None else []
    odd += [Issue(Reason.CODE_UNKNOWN, flag.at)] if pid.component(30).upper() not in (*_YES, *_NO, *_NOT_KNOWN) else []
    if moment:
        return {"deceasedDateTime": moment}, odd
    if said in (Death.YES, Death.NO) or (said is Death.UNCLEAR and unclear_is_death):
        return {"deceasedBoolean": said is not Death.NO}, odd
    return ({"_deceasedBoolean": absent()} if when.is_null or flag.is_null else {}), odd


def _protection(source: Source) -> JsonObject:
    """PD1-12: the address may not be passed on."""
    is_protected = source.message.first("PD1").component(12).upper() in _YES
    return {"security": [coding(_CONFIDENTIALITY, "R", "restricted")]} if is_protected else {}


def _sources(pid: Segment, count: int) -> dict[str, str]:
    elements = {"name": 5, "birthDate": 7, "gender": 8, "address": 11, "telecom": 13, "communication": 15, "deceasedDateTime": 29, "deceasedBoolean": 30}
    places = [one.at for one in pid.field(3).repetitions][:count]
    return {name: pid.at(number) for name, number in elements.items()} | {
        "identifier": pid.at(3),
        **{f"identifier[{index}]": at for index, at in enumerate(places)},
    }


def _many(pid: Segment, number: int, found: list[JsonObject]) -> list[JsonObject]:
    return [absent()] if pid.field(number).is_null else [one for one in found if one]


def _date(pid: Segment, number: int) -> tuple[JsonObject, list[Issue]]:
    said = pid.field(number)
    if said.is_null:
        return {"_birthDate": absent()}, []
    if said.is_empty or not pid.component(number):
        return {}, []
    born = dates.fhir_date(pid.component(number))
    return ({"birthDate": born}, []) if born else ({}, [Issue(Reason.DATE_IMPOSSIBLE, said.at)])


def _gender(pid: Segment) -> tuple[JsonObject, list[Issue]]:
    if pid.field(8).is_null:
        return {"_gender": absent()}, []
    code = pid.component(8)
    known = gender_of(code) if code else None
    return ({"gender": known} if known else {}), ([Issue(Reason.CODE_UNKNOWN, pid.at(8))] if code and not known else [])


def _name(said: Repetition) -> JsonObject:
    """XPN: family, given, further given, suffix, prefix; a title that stands in the suffix's place is a prefix."""
    suffix, prefix = said.component(4), said.component(5)
    if suffix.casefold().strip(".") in _TITLES and not prefix:
        suffix, prefix = "", suffix
    given = [clean(said.component(2)), *said.component(3).split()]
    return tidy(
        {
            "use": _NAME_USE.get(said.component(7).upper()),
            "family": clean(said.component(1)),
            "given": [one for one in given if one],
            "prefix": [clean(prefix)] if prefix else [],
            "suffix": [clean(suffix)] if suffix else [],
        }
    )


def _language(source: Source, said: Field) -> list[JsonObject]:
    """PID-15 as the language that is spoken, in BCP 47 where it is known; else as it was sent."""
    if said.is_null:
        return [{"language": absent()}]
    code, display = said.component(1), said.component(2)
    if not code and not display:
        return []
    known = language_of(code) or (language_of(display) if display else None)
    written = coding(LANGUAGE_SYSTEM, known) if known else coding(source.system(kind=said.component(3)), code or display)
    return [{"language": {"coding": [written]}}]


def _practice(source: Source, ordinal: int) -> tuple[tuple[Made, ...], list[JsonObject]]:
    """The practice of PD1-3, or a repetition of PD1-4 that is an organisation's code beside the doctor's (`G9146958~W95295`)."""
    pd1 = source.message.first("PD1")
    for one in pd1.field(3).repetitions:
        code = OdsCode.read(one.component(3)) or OdsCode.read(one.component(10))
        if made := _organization(source, ordinal, code, one.component(1)):
            return (made,), [{"reference": made.url}]
    for one in pd1.field(4).repetitions[1:]:
        if len([part for part in one.components if part]) == 1 and (made := _organization(source, ordinal, OdsCode.read(one.component(1)), "")):
            return (made,), [{"reference": made.url}]
    return (), []


def _organization(source: Source, ordinal: int, code: OdsCode | None, name: str) -> Made | None:
    if code is None and not name:
        return None
    known_by = [{"system": ODS, "value": code.value}] if code else []
    resource = tidy({"resourceType": "Organization", "identifier": known_by, "name": clean(name)})
    pd1 = source.message.first("PD1")
    return Made(pd1.place, source.url("Organization", ordinal), resource, {"": pd1.at(3)})
