"""Within translating a row: what a cell's words mean. A word that is on no list means nothing here: it is kept as words, and said to be unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import Enum
from functools import cache
from types import MappingProxyType

from connectors.batch_csv.columns import plain
from schemas.codes.data_files import SNOMED
from schemas.codes.flags import FLAG_SYSTEM, Flag
from schemas.codes.languages import language_name, language_of, languages
from schemas.codes.needs import GRAVITY_SYSTEM, NEED_SYSTEM, Need, need_of, needs, needs_of_esd
from schemas.codes.sources import Source, source_of
from schemas.fhir.contact import EMAIL, LETTER, SMS, TELEPHONE


class Answer(Enum):
    """What an answer to a yes-or-no question says."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


_SAYS: Mapping[str, Mapping[str, str]] = {
    "answer": {
        "yes": "y|yes|true|1|ie|oes|ydw|ydy|do|agreed|agrees|consented|given|yes given|cytuno|cytunwyd|cytunodd|rhoddwyd",
        "no": "n|no|false|0|na|nac|nage|naddo|nac oes|nac ydw|nac ydy|nag oes|nag ydw|nag ydy|refused|declined|not given|withdrawn|gwrthod|gwrthodwyd",
    },
    "action": {
        "new": "new|create|add|newydd|creu|ychwanegu",
        "update": "update|change|amend|diweddaru|newid",
        "cancel": "cancel|cancelled|revoke|canslo|diddymu",
        "withdraw": "withdraw|error|sent in error|entered in error|tynnu|tynnu n ol|camgymeriad|anfonwyd ar gam",
    },
    "gender": {
        "female": "female|f|woman|benyw|b|menyw|dynes",
        "male": "male|m|man|gwryw|g|dyn",
        "other": "other|o|non binary|nonbinary|arall|anneuaidd",
        "unknown": "unknown|u|not known|not stated|prefer not to say|anhysbys|ddim yn hysbys|gwell gennyf beidio a dweud",
    },
    "priority": {
        "routine": "routine|normal|standard|low|arferol|cyffredin",
        "urgent": "urgent|high|brys",
        "asap": "asap|as soon as possible|soon|cyn gynted a phosibl",
        "stat": "stat|immediate|emergency|ar unwaith|argyfwng",
    },
    "contact_by": {
        TELEPHONE: "phone|telephone|call|phone call|telephone call|mobile|mobile phone|landline|by phone|by telephone"
        "|ffon|ffonio|galwad|galwad ffon|symudol|dros y ffon",
        LETTER: "letter|letters|post|mail|by letter|by post|llythyr|drwy r post|drwy lythyr",
        EMAIL: "email|e mail|by email|by e mail|ebost|e bost|drwy e bost",
        SMS: "text|texts|sms|text message|text messages|by text|neges destun|tecst",
    },
}


def said(kind: str, words: str) -> str | None:
    """The code of a list that a cell's words stand for; None when they are on none."""
    return _index(kind).get(plain(words))


@cache
def _index(kind: str) -> Mapping[str, str]:
    return MappingProxyType({word: code for code, written in _SAYS[kind].items() for word in written.split("|")})


def answer(words: Iterable[str]) -> Answer | None:
    """What one or several answers to one question say together: a plain no outweighs, whatever is not plain is unclear, none is None."""
    found = {_answer(one) for one in words}
    return next((one for one in (Answer.NO, Answer.UNCLEAR, Answer.YES) if one in found), None)


_HOW_GIVEN = frozenset(
    (
        *("verbal", "verbally", "written", "in", "writing", "by", "phone", "telephone", "signed", "consent", "given", "obtained"),
        *("face", "to", "person", "full"),
        *("ar", "lafar", "yn", "ysgrifenedig", "dros", "y", "ffon", "wedi", "llofnodi"),
    )
)
_HOW_REFUSED = frozenset(("declined", "refused", "consent", "not", "given", "gwrthod", "gwrthododd", "gwrthodwyd"))


def _answer(words: str) -> Answer:
    """A plain yes or no, perhaps with how or when it was given: "Yes (verbal)", "Given verbally 12/11/26", "No - declined"."""
    if code := said("answer", words):
        return Answer(code)
    first, *more = plain(words).split() or [""]
    plainly = said("answer", first) if first.isalpha() else None
    if plainly == "yes" and all(one in _HOW_GIVEN or one.isdigit() for one in more):
        return Answer.YES
    return Answer.NO if plainly == "no" and all(one in _HOW_REFUSED for one in more) else Answer.UNCLEAR


_NO_FIXED_ABODE = frozenset(
    (
        *("nfa", "no fixed abode", "of no fixed abode", "no fixed address", "homeless"),
        *("dim cartref sefydlog", "dim cyfeiriad sefydlog", "digartref"),
    )
)


def is_homeless(words: str) -> bool:
    """Whether a cell of an address says that there is none."""
    return plain(words) in _NO_FIXED_ABODE


def phone_number(words: str) -> str | None:
    """A number that a spreadsheet spoilt, mended where nothing is lost: its leading 0, its decimal point, its quotes; None where its digits are."""
    bare = words.strip().removeprefix("=").strip("\"'")
    if re.fullmatch(r"\d(?:\.\d+)?[eE]\+?\d+", bare, re.ASCII):
        return None
    if found := re.fullmatch(r"(44|0)?([1237]\d{9})(?:\.0+)?", bare, re.ASCII):
        return f"+44{found[2]}" if found[1] == "44" else f"0{found[2]}"
    return bare


def listed(words: str, known: Callable[[str], object]) -> list[str]:
    """The items of a cell that commas, slashes or "and" part, where each is known; else the cell as it stands."""
    parts = [part.strip() for part in re.split(r"\s*[,/&+]\s*|\s+(?:and|a|ac)\s+", words) if part.strip()]
    return parts if not known(words) and len(parts) > 1 and all(map(known, parts)) else [words]


# --- dates ------------------------------------------------------------------------------------------------------------------------------

_MONTHS = """ionawr ion january jan|chwefror chwe chwef february feb|mawrth maw march mar|ebrill ebr april apr|mai may|mehefin meh june jun
gorffennaf gorff gor july jul|awst aws august aug|medi med september sep sept|hydref hyd october oct|tachwedd tach november nov|rhagfyr rhag december dec"""
_MONTH = {name: number for number, names in enumerate(re.split(r"[|\n]", _MONTHS), 1) for name in names.split()}
_TIME = re.compile(r"[T ]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?: ?[ap]m)?(?:Z|[+-]\d\d:?\d\d)?$", re.ASCII | re.IGNORECASE)
_ISO = re.compile(r"(\d{4})(?:-?(\d\d)-?(\d\d)|-(\d\d))?", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})[/.\- ](\d{1,2})[/.\- ](\d{4})", re.ASCII)
_IN_WORDS = re.compile(r"(\d{1,2})(?:st|nd|rd|th|af|ail|ydd|fed|eg)?[ \-/]([a-z]+)\.?[ \-/,]+(\d{4})", re.ASCII)
_MONTH_IN_WORDS = re.compile(r"([a-z]+)\.?[ \-/]+(\d{4})", re.ASCII)
_YEARS = range(1850, 2200)


def fhir_day(words: str, *, month_first: bool = False) -> str | None:
    """The date that a cell says, as FHIR writes it, perhaps partial; None when it says none. The day stands before the month unless the client's
    dialect says otherwise; a year of two digits and a spreadsheet's bare number are guessed at by nobody."""
    said = _TIME.sub("", words.strip()).strip().casefold()
    if found := _ISO.fullmatch(said):
        return _day(found[1], found[2] or found[4], found[3])
    if found := _DAY_FIRST.fullmatch(said):
        day, month = (found[2], found[1]) if month_first else (found[1], found[2])
        return _day(found[3], month, day)
    if found := _IN_WORDS.fullmatch(said):
        month_number = _MONTH.get(found[2])
        return _day(found[3], str(month_number), found[1]) if month_number else None
    if (found := _MONTH_IN_WORDS.fullmatch(said)) and found[1] in _MONTH:
        return _day(found[2], str(_MONTH[found[1]]), None)
    return None


def _day(year: str, month: str | None, day: str | None) -> str | None:
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    if int(year) not in _YEARS:
        return None
    return "-".join(part for part in (year, month and month.zfill(2), day and day.zfill(2)) if part)


# --- codes ------------------------------------------------------------------------------------------------------------------------------

Coding = Mapping[str, str]


def language(words: str) -> str | None:
    """The hub's code of a language, by any code that is read elsewhere or by its name in either language."""
    return language_of(words) or _languages().get(plain(words))


def source(words: str) -> Source | None:
    """The kind of referral source, by its code, its name in either language, or a code of UK Core's list."""
    return _sources().get(plain(words)) or source_of(None, words)


def need_coding(words: str) -> Coding | None:
    """The coding that a sender's word is: the hub's need by its code or name, a public list's name of one, a Gravity or SNOMED CT code; None for
    words that are no code of a list. An unknown number is kept as SNOMED CT where it may be one."""
    if code := _needs().get(plain(words)):
        return {"system": NEED_SYSTEM, "code": code, "display": needs()[code].label.en}
    if need_of(GRAVITY_SYSTEM, words):
        return {"system": GRAVITY_SYSTEM, "code": words.strip()}
    return {"system": SNOMED, "code": words.strip()} if re.fullmatch(r"[1-9][0-9]{5,17}", words.strip(), re.ASCII) else None


def flag_coding(words: str) -> Coding | None:
    """The coding of one of the hub's flags, by its code or its name in either language."""
    code = _flags().get(plain(words))
    return {"system": FLAG_SYSTEM, "code": code} if code else None


@cache
def _languages() -> Mapping[str, str]:
    return MappingProxyType({plain(name): code for code in languages() for name in language_name(code).as_dict().values()})


@cache
def _sources() -> Mapping[str, Source]:
    return MappingProxyType({plain(name): one for one in Source for name in (one.value, *one.label.as_dict().values())})


@cache
def _needs() -> Mapping[str, str]:
    by_name = {plain(name): code for code, need in needs().items() for name in (code, *need.label.as_dict().values())}
    parts = [(plain(part), code) for code, need in needs().items() for part in _parts(need)]
    parted = {part: code for part, code in parts if len({other for same, other in parts if same == part}) == 1}
    listed = {plain(name): code for need in needs().values() for name in need.esd_needs for code in needs_of_esd(name)[:1] if len(needs_of_esd(name)) == 1}
    return MappingProxyType(parted | listed | by_name)


def _parts(need: Need) -> list[str]:
    """`debt, benefits and money` is said of each of the three too."""
    return [*re.split(r", | and ", need.label.en), *re.split(r", | a | ac | neu ", need.label.cy)]


@cache
def _flags() -> Mapping[str, str]:
    return MappingProxyType({plain(name): one.value for one in Flag for name in (one.value, *one.label.as_dict().values())})
