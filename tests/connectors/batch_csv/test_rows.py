"""What the cells of a row mean, and what its sender hears: nothing is guessed, nothing is lost, and no value is said back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.batch_csv import connector
from connectors.batch_csv.columns import columns, field_of, plain
from connectors.batch_csv.values import Answer, answer, fhir_day, flag_coding, language, need_coding, said, source
from schemas.events import FactType
from schemas.fhir.check import check
from schemas.fhir.contact import read_contact
from schemas.messages import Accepted, Committed, Existing, InboundMessage, InFlight, NotStored, Outcome, Repeated, Reply, Translation
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected
from schemas.row_report import as_csv, is_whole, read_line, summary
from schemas.words import text

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
README = Path(connector.__file__).with_name("README.md")
CANARY = "Zzcanary"


def row(number: int = 1, profile: Profile | None = None, **cells: str) -> InboundMessage:
    """One row as it comes out of its file."""
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in (cells, cells.values())]
    (body,) = connector.messages("\r\n".join(quoted).encode())
    return InboundMessage(body, "folder", None, received_at=NOW, client="tai", profile=profile or Profile(), number=number)


SOUND = {"name": "Non Prawf", "date of birth": "17/05/1948", "service": "social prescribing"}


@pytest.mark.parametrize("blank", ["\u3000", "\u3000\u00a0\u2003", "\u2009\u200b"])
def test_a_cell_of_odd_blanks_alone_is_empty(blank: str) -> None:
    made, empty = (connector.translate(row(**SOUND, **dict.fromkeys(("NHS number", "phone", "postcode"), cell))) for cell in (blank, ""))
    patients = [
        next(entry["resource"] for entry in one.facts[0].bundle["entry"] if entry["resource"]["resourceType"] == "Patient") for one in (made, empty)
    ]
    assert patients[0] == patients[1]
    assert made.warnings == empty.warnings


# --- columns ----------------------------------------------------------------------------------------------------------------------------


def test_the_readme_shows_every_column_as_it_is() -> None:
    table = "".join(f"| `{one.field}` | {', '.join(one.en[:3])} | {', '.join(one.cy[:3])} | {one.says} |\n" for one in columns().values())
    assert table in README.read_text("utf-8")


def test_no_name_stands_for_two_fields_and_each_field_has_names_in_both_languages() -> None:
    names = [(plain(name), one.field) for one in columns().values() for name in (*one.en, *one.cy)]
    fields = {name: {field for same, field in names if same == name} for name, _ in names}
    assert {name: found for name, found in fields.items() if len(found) > 1} == {}
    assert all(one.en and one.cy and one.says for one in columns().values())


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ("Date of Birth", "birth_date"),
        ("  DATE_OF-BIRTH : ", "birth_date"),
        ("Dyddiad geni", "birth_date"),
        ("Ffon symudol", "phone"),  # without its accent
        ("Beth sy'n bwysig i mi?", "note"),
        ("birth_date", "birth_date"),  # the field's own name
        ("ID", None),  # often the row's number
        ("Gwdihŵ", None),
        ("", None),
    ],
)
def test_a_column_is_known_by_its_name_however_it_is_written(written: str, field: str | None) -> None:
    assert field_of(written, {}) == field


def test_what_was_agreed_with_a_client_goes_first() -> None:
    agreed = {"Name": "organisation", "Pet": "-", "Colour": "no such field"}
    assert [field_of(name, agreed) for name in ("name", "PET", "colour", "phone")] == ["organisation", "-", None, "phone"]


# --- values -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("1948-05-17", "1948-05-17"),
        ("19480517", "1948-05-17"),
        ("1948-05", "1948-05"),
        ("1948", "1948"),
        ("17/05/1948", "1948-05-17"),
        ("7.5.1948", "1948-05-07"),
        ("17-05-1948 00:00", "1948-05-17"),  # as a spreadsheet shows a day with its time
        ("1948-05-17T09:30:00+01:00", "1948-05-17"),
        ("17 May 1948", "1948-05-17"),
        ("17th May, 1948", "1948-05-17"),
        ("17 Mai 1948", "1948-05-17"),
        ("1af Ionawr 1950", "1950-01-01"),
        ("29/02/1948", "1948-02-29"),
        ("29/02/1950", None),  # no such day
        ("05/17/1948", None),  # month first was not agreed
        ("17/05/48", None),  # which century?
        ("17670", None),  # a spreadsheet's number of a day
        ("48", None),
        ("17/05/1748", None),
        ("unknown", None),
        ("１７/０５/１９４８", None),  # other digits
        ("", None),
    ],
)
def test_a_day_is_read_where_it_is_certain(written: str, day: str | None) -> None:
    assert fhir_day(written) == day


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (("yes",), Answer.YES),
        (("Ie",), Answer.YES),
        (("TRUE",), Answer.YES),
        (("No.",), Answer.NO),
        (("nac ydy",), Answer.NO),
        (("yes", "no"), Answer.NO),  # a refusal outweighs
        (("yes", "ask her"), Answer.UNCLEAR),
        (("yes but not her address",), Answer.UNCLEAR),
        (("not asked",), Answer.UNCLEAR),
        (("x",), Answer.UNCLEAR),
        ((), None),
    ],
)
def test_an_answer_is_a_yes_only_where_it_is_plain(written: tuple[str, ...], meant: Answer | None) -> None:
    assert answer(written) is meant


def test_codes_and_names_of_the_lists_are_read_in_both_languages() -> None:
    found = [need_coding(words) for words in ("loneliness", "Unigrwydd", "dyled", "food-insecurity", "733423003", "To be listened to")]
    assert [coding and coding["code"] for coding in found] == ["loneliness", "loneliness", "money", "food-insecurity", "733423003", "conversation"]
    assert need_coding("sad since the spring") is None
    assert (language("Cymraeg"), language("cy"), language("Polish"), language("Klingon")) == ("cy", "cy", "pl", None)
    assert (source("Heddlu"), source("fire"), source("moon")) == ("police", "fire", None)
    assert [flag_coding(words) for words in ("lives-alone", "nonsense")] == [flag_coding("Lives alone"), None]
    assert (said("priority", "BRYS"), said("gender", "benyw"), said("action", "canslo"), said("contact_by", "tecst")) == ("urgent", "female", "cancel", "9")


# --- rows -------------------------------------------------------------------------------------------------------------------------------


def test_what_is_safe_reaches_whoever_writes_to_the_person() -> None:
    cells = {"address": "1 Stryd y Prawf", "postcode": "SA1 1AA", "email": "non@prawf.example", "written language": "Cymraeg", "contact by": "e-bost; llythyr"}
    (fact,) = connector.translate(row(**SOUND, **cells, **{"safe to email": "ie", "safe to write": "na"})).facts
    contact = read_contact(fact.bundle)
    assert (contact.email, contact.address, contact.language, contact.methods) == ("non@prawf.example", (), "cy", ("4", "1"))
    (fact,) = connector.translate(row(**SOUND, **cells, **{"safe to email": "perhaps"})).facts
    assert read_contact(fact.bundle).email is None, "what is unclear is not safe"


def test_every_resource_of_a_row_is_sound_fhir() -> None:
    every = {one.en[0]: "ie" if "yes" in one.says else "17/05/1948" if "date" in one.says else "Prawf 1\u0007ŵ" for one in columns().values()}
    (fact,) = connector.translate(row(**every | {"action": "new"})).facts
    assert check(fact.bundle) == ()


def test_the_same_row_has_one_key_wherever_it_stands_and_another_row_another() -> None:
    one = connector.identify(row(1, **SOUND))
    assert connector.identify(row(7, **{name.upper(): f" {cell} " for name, cell in reversed(SOUND.items())})) == one
    assert connector.identify(row(1, **SOUND | {"name": "Ann Prawf"})).key != one.key
    named = connector.identify(row(1, **SOUND, reference="T-1"))
    assert (one.condition, [each.value for each in named.condition]) == ((), ["T-1"])
    assert connector.identify(row(1, **SOUND, reference="T-1", action="update")).condition == ()
    assert "T-1" not in f"{named.key} {named.journey}"


@pytest.mark.parametrize(
    ("cells", "fact"),
    [
        ({"action": ""}, FactType.RECEIVED),
        ({"action": "Newydd"}, FactType.RECEIVED),
        ({"action": "diweddaru"}, FactType.UPDATED),
        ({"action": "CANCEL"}, FactType.CANCEL_REQUESTED),
        ({"action": "tynnu'n ôl"}, FactType.ENTERED_IN_ERROR),
    ],
)
def test_the_action_says_which_fact_it_is(cells: dict[str, str], fact: FactType) -> None:
    (found,) = connector.translate(row(**SOUND, reference="T-1", **cells)).facts
    assert (found.type, [one.value for one in found.about.identifiers]) == (fact, ["T-1"])
    assert (found.referral is None) == (fact in (FactType.CANCEL_REQUESTED, FactType.ENTERED_IN_ERROR))


# --- the zoo ----------------------------------------------------------------------------------------------------------------------------

ODD = (
    *("", " ", "\t", "-", "?", "n/a", "NULL", "#N/A", "#REF!", "0", "1", "-1", "1e999", "9.99E+09", "NaN", "true", "=1+1", "+44", "@SUM(A1)"),
    "=cmd|' /C calc'!A0",
    *("<script>", "${jndi:ldap://a.example}", "'; DROP TABLE referral; --", "../../etc/passwd", "%s%n", "{0}", "{name}", "\u202e\u200b", "\ufeff", "\u0007"),
    *("e\u0301", "ŵŷ", "😀", "x" * 19_999, "x" * 20_001, "two\nlines", "two\r\nlines", '"quoted"', "a;b|c", "9990000018", "999 000 0018", "SA1 1AA", "\u00a0"),
)  # fmt: skip


@pytest.mark.parametrize("field", list(columns()))
def test_whatever_stands_in_a_cell_the_row_is_read_or_refused_and_nothing_is_said_back(field: str) -> None:
    for odd in ODD:
        cells = SOUND | {columns()[field].en[0]: f"{odd} {CANARY}" if len(odd) < 100 else odd}
        message = row(4, **cells)
        outcome = outcome_of(message)
        told = told_by(message, outcome)
        assert CANARY not in told, (field, odd)
        assert "Prawf" not in told, (field, odd)
        if isinstance(outcome, Rejected):
            assert all(one.at.startswith("row 5") for one in outcome.issues), (field, odd)


def outcome_of(message: InboundMessage) -> Translation | Rejected:
    try:
        connector.identify(message)
        return connector.translate(message)
    except Rejected as fault:
        return fault


def told_by(message: InboundMessage, outcome: Translation | Rejected) -> str:
    """Every word that leaves the hub because of the row, other than its facts."""
    as_said: Outcome = outcome if isinstance(outcome, Rejected) else Committed((), outcome.warnings)
    reply = connector.answer(message, as_said)
    lines = [read_line(part) for part in reply.parts]
    return b"".join(reply.parts).decode() + as_csv([one for one in lines if one]).decode() + (str(outcome) if isinstance(outcome, Rejected) else "")


NAMES = [name for one in columns().values() for name in (one.en[0], one.cy[0])]


@settings(max_examples=300, deadline=None)
@given(
    cells=st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20) | st.sampled_from(ODD)),
    agreed=st.sampled_from([None, "windows-1252", "no such"]),
)
def test_a_row_of_anything_is_read_or_refused(cells: dict[str, str], agreed: str | None) -> None:
    cells = {name: cell.encode("utf-8", "replace").decode().replace("\0", "") for name, cell in cells.items()}
    try:
        message = row(2, Profile(charset=agreed), **cells) if cells else row(name="x")
    except Rejected:
        return
    outcome = outcome_of(message)
    for fact in outcome.facts if isinstance(outcome, Translation) else ():
        assert check(fact.bundle) == ()


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=200) | st.dictionaries(st.sampled_from(["name", "dob", "need", "x"]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)).map(lambda made: json.dumps(made).encode()))  # fmt: skip
def test_a_message_of_any_bytes_is_read_or_refused(body: bytes) -> None:
    message = replace(row(**SOUND), body=body)
    told_by(message, outcome_of(message))


# --- answers ----------------------------------------------------------------------------------------------------------------------------

TAKEN = Accepted("id", "0123456789AB", 1, FactType.RECEIVED, text("batch.row.taken"))
HELD = replace(TAKEN, held=Reason.CRISIS, next_step=text("reason.crisis"))
REFUSED = Rejected(Reason.STRUCTURE, [Issue(Reason.STRUCTURE, "row 4", "batch.quotes")])
OF_FILE = Rejected(Reason.ENCODING, [Issue(Reason.ENCODING, "file", "batch.utf-16")])
FIRST = connector.answer(row(9, **SOUND), Committed((TAKEN,)))


@pytest.mark.parametrize(
    ("outcome", "status", "number", "became", "reference"),
    [
        (Committed((TAKEN,)), 200, 4, "taken", "0123456789AB"),
        (Committed((HELD,)), 200, 4, "held", "0123456789AB"),
        (Committed((replace(TAKEN, fact=FactType.UPDATED),)), 200, 4, "changed", "0123456789AB"),
        (Committed((), (), Reason.DUPLICATE), 200, 4, "known", None),  # its referral was erased since
        (Committed((), (), Reason.NOTHING_FOR_US), 200, 4, "nothing", None),
        (Repeated(FIRST), 200, 4, "known", "0123456789AB"),  # it stood in row 10 then
        (Repeated(Reply(200)), 200, 4, "known", None),
        (Existing(TAKEN), 409, 4, "refused", "0123456789AB"),
        (InFlight(), 503, 4, "postponed", None),
        (NotStored(), 503, 4, "postponed", None),
        (REFUSED, 400, 4, "refused", None),
        (OF_FILE, 400, 0, "refused", None),
        (Rejected(Reason.KEY_REUSED, [Issue(Reason.KEY_REUSED, "MSH-10")]), 200, 4, "known", None),
        (Rejected(Reason.NOT_FOUND, [Issue(Reason.NOT_FOUND, "ServiceRequest")]), 404, 4, "refused", None),
        (Rejected(Reason.POISON, [Issue(Reason.POISON, "")]), 422, 4, "refused", None),
    ],
)
def test_each_outcome_has_its_line(outcome: Outcome, status: int, number: int, became: str, reference: str | None) -> None:
    reply = connector.answer(row(3, **SOUND), outcome)
    report = read_line(reply.parts[0])
    assert report is not None
    assert (reply.status, report.row, report.became, report.reference) == (status, number, became, reference)
    assert report.text.en != report.text.cy
    assert all(said_so.at.startswith("row 4") or number == 0 for said_so in report.faults)
    assert bool(report.faults) == (became == "refused")


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ((Committed((TAKEN,)), Committed((HELD,)), Repeated(FIRST)), 200),
        ((Committed((TAKEN,)), REFUSED), 207),
        ((REFUSED, REFUSED), 422),
        ((Committed((TAKEN,)), REFUSED, NotStored()), 503),
    ],
)
def test_a_file_s_answer_says_whether_something_is_left_to_do(outcomes: tuple[Outcome, ...], status: int) -> None:
    replies = [connector.answer(row(number, **SOUND), outcome) for number, outcome in enumerate(outcomes, 1)]
    whole = connector.together(row(**SOUND), replies)
    reports = [found for part in whole.parts if (found := read_line(part))]
    assert (whole.status, reports[0].row, len(reports)) == (status, 0, len(outcomes) + 1)
    assert is_whole(reports[1:]) == (status == 200)
    assert summary(reports[1:]) == reports[0]


def test_a_line_that_broke_off_is_no_report() -> None:
    whole = FIRST.parts[0]
    assert read_line(whole) is not None
    assert [read_line(part) for part in (whole[:-9], b"", b"[]", b"null", b"17", whole.replace(b"taken", b"eaten"))] == [None] * 6


@pytest.mark.parametrize(
    ("content_type", "charset", "is_fine"),
    [
        *product(("text/csv", "application/x-ndjson", "text/csv; charset=UTF-8"), (None, "windows-1252"), (True,)),
        ("text/csv; charset=windows-1252", "windows-1252", True),
        ("text/csv; charset=windows-1252", None, False),
        ("text/csv; charset=utf-16", None, False),
        ("application/json", None, False),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", None, False),
        ("", None, False),
        (";;;=", None, False),
    ],
)
def test_what_the_header_says_of_the_file_must_be_so(content_type: str, charset: str | None, is_fine: bool) -> None:
    message = replace(row(profile=Profile(charset=charset), **SOUND), headers={"content-type": content_type})
    if is_fine:
        assert connector.identify(message).key
    else:
        with pytest.raises(Rejected) as fault:
            connector.identify(message)
        assert fault.value.issues[0].at == "Content-Type"
