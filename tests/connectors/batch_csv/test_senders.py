"""Tables as housing associations, councils, police and charities really save them: what is plain is read, what is not is said."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.batch_csv import connector
from connectors.batch_csv.columns import field_of, likely_field
from connectors.batch_csv.values import Answer, answer, fhir_day, phone_number
from schemas.messages import InboundMessage, Translation
from schemas.referral import Referral
from schemas.rejection import Reason, Rejected
from tests.connectors.batch_csv.test_rows import NOW, SOUND, row

JsonObject = dict[str, Any]  # Any: FHIR JSON


def read(**cells: str) -> Translation:
    return connector.translate(row(**cells))


def referral_of(**cells: str) -> Referral:
    found = read(**cells).facts[0].referral
    assert found is not None
    return found


def resource(kind: str, **cells: str) -> JsonObject:
    entries = read(**cells).facts[0].bundle["entry"]
    return next(one["resource"] for one in entries if one["resource"]["resourceType"] == kind)


def warned(**cells: str) -> set[tuple[Reason, str]]:
    return {(one.reason, one.at) for one in read(**cells).warnings}


# --- columns ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ("Tel No.", "phone"),
        ("Contact Tel", "phone"),
        ("Phone\n(mobile)", "phone"),
        ("Tel (home)", "phone"),
        ("Address1", "address"),
        ("Middle name(s)", None),
        ("Forename(s)", "given"),
        ("First language", "language"),
        ("Safe to leave voicemail?", "safe_message"),
        ("Best time to contact", "contact_when"),
        ("GP surgery", "practice"),
        ("Disability", "access_needs"),
    ],
)
def test_a_column_is_known_by_the_names_that_people_give_it(written: str, field: str | None) -> None:
    assert field_of(written, {}) == field


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ("DOB (dd/mm/yyyy)", "birth_date"),
        ("Consent Y/N", "consent"),
        ("Caniatâd (ie/na)", "consent"),
        ("NHS number (if known)", "nhs_number"),
        ("Subject surname", "family"),
        ("Tenant's postcode", "postcode"),
        ("Home address", "address"),
        ("Service user phone", "phone"),
        ("Client consent", "consent"),
        ("Client reference", None),  # the person's number, not the referral's
        ("Next of kin phone", None),
        ("GP phone", None),
        ("Tenant", None),
    ],
)
def test_a_column_with_a_hint_or_with_whose_it_is_is_known_too(written: str, field: str | None) -> None:
    assert (field_of(written, {}) or likely_field(written)) == field


def test_a_column_of_the_very_name_goes_before_one_that_is_like_it() -> None:
    assert referral_of(**SOUND, postcode="SA1 1AA", **{"tenant postcode": "CF10 1AA"}).person.postcode == "SA1 1AA"
    assert referral_of(**SOUND, **{"tenant postcode": "CF10 1AA"}).person.postcode == "CF10 1AA"


# --- consent ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Yes (verbal)", Answer.YES),
        ("Yes - signed", Answer.YES),
        ("Given verbally 12/11/26", Answer.YES),
        ("Ydy, ar lafar", Answer.YES),
        ("No - declined", Answer.NO),
        ("No consent given", Answer.NO),
        ("Yes/No", Answer.UNCLEAR),
        ("Yes but not to share", Answer.UNCLEAR),
        ("Verbal", Answer.UNCLEAR),
        ("Pending", Answer.UNCLEAR),
        ("Do not", Answer.UNCLEAR),
        ("1 2", Answer.UNCLEAR),
    ],
)
def test_an_answer_with_how_it_was_given_is_as_plain_as_without(words: str, found: Answer) -> None:
    assert answer((words,)) is found


@pytest.mark.parametrize(
    ("column", "said", "unclear"),
    [
        ("Consent to share info with partners", "No", True),
        ("Permission to contact", "N", True),
        ("Client agrees to a visit", "Refused", True),
        ("Consent withdrawn", "Yes", True),
        ("Consent refused?", "Y", True),
        ("Consent to share info with partners", "Yes", False),  # permits nothing: nobody knows what
        ("Consent withdrawn", "No", False),
        ("Date of consent", "12/11/2026", False),
        ("Pets", "No", False),
        ("Consent withdrawn", "12/11/2026", True),  # when it was is a yes
        ("Consent refused", "x", True),
        ("Consent refused", "Refused", True),
        ("Consent status", "Withdrawn 12/11/26", True),
        ("Consent status", "Declined by client", True),
        ("Consent status", "Not known", False),
        ("Consent withdrawn", "N/A", False),
        ("Opted out of sharing", "Yes", True),
        ("Declined", "Y", True),
        ("Wedi gwrthod", "Ie", True),
        ("Officer's view", "Nid yw'r tenant yn cydsynio", True),
        ("Tenancy agreement signed", "No", False),  # every list of a landlord's has it
        ("Cytundeb tenantiaeth", "Na", False),
    ],
)
def test_a_refusal_in_a_column_that_nobody_knows_is_not_left_unread(column: str, said: str, unclear: bool) -> None:
    found = referral_of(**SOUND, consent="Yes", **{column: said})
    assert found.consent.unclear is unclear
    assert found.consent.direct_care is True
    assert any(said in one for one in found.narrative) is unclear


@pytest.mark.parametrize("column", ["Deceased date", "DOD", "Passed away", "Is the person deceased?"])
def test_a_death_is_heard_by_whatever_name_its_column_has(column: str) -> None:
    assert referral_of(**SOUND, **{column: "Yes"}).person.deceased


def test_a_row_that_came_before_and_refuses_now_is_another_one() -> None:
    before, now = (connector.identify(row(**SOUND, consent="Yes", **{"Consent withdrawn": said})).key for said in ("", "Yes"))
    assert before != now


def test_a_telephone_that_lost_its_first_figure_is_the_same_row() -> None:
    before, now = (connector.identify(row(**{**SOUND, "phone": said})).key for said in ("07700900123", "7700900123"))
    assert before == now


# --- who and where ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("whole", "prefix", "given", "family"),
    [
        ("Mrs Mair Prawf", ["Mrs"], ["Mair"], "Prawf"),
        ("Dr. Mair Elen Prawf", ["Dr."], ["Mair", "Elen"], "Prawf"),
        ("PRAWF, Mair (Mrs)", ["Mrs"], ["Mair"], "PRAWF"),
        ("Mrs Prawf", ["Mrs"], [], "Prawf"),
        ("Mr & Mrs Prawf", ["Mr & Mrs"], [], "Prawf"),
        ("Miss Mair ap Prawf", ["Miss"], ["Mair"], "ap Prawf"),
        ("Mair Prawf", None, ["Mair"], "Prawf"),
        ("Dr", None, [], "Dr"),
    ],
)
def test_a_title_is_no_given_name(whole: str, prefix: list[str] | None, given: list[str], family: str) -> None:
    name = resource("Patient", name=whole, phone="07700 900001", service="social prescribing")["name"][0]
    assert (name.get("prefix"), name.get("given", []), name["family"]) == (prefix, given, family)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("07700 900001", "07700 900001"),
        ("7700900001.0", "07700900001"),  # a spreadsheet's number
        ("7700900001", "07700900001"),
        ("1792000000", "01792000000"),
        ("447700900001", "+447700900001"),
        ("'07700900001", "07700900001"),
        ('="07700900001"', "07700900001"),
        ("+44 7700 900001", "+44 7700 900001"),
        ("4.47701E+11", None),  # its last figures are gone
        ("7.7009E9", None),
        ("not known", "not known"),
        ("12345", "12345"),
    ],
)
def test_a_telephone_number_that_a_spreadsheet_spoilt_is_mended_where_it_can_be(cell: str, number: str | None) -> None:
    assert phone_number(cell) == number


def test_a_telephone_number_that_is_lost_is_said_and_left_out() -> None:
    assert "telecom" not in resource("Patient", **SOUND, phone="4.47701E+11")
    assert (Reason.ELEMENT_REMOVED, "row 2, phone") in warned(**SOUND, phone="4.47701E+11")


@pytest.mark.parametrize("cells", [{"postcode": "NFA"}, {"postcode": "No fixed abode"}, {"address": "NFA"}, {"address": "Dim cartref sefydlog"}])
def test_no_fixed_abode_is_said_as_the_nhs_says_it(cells: dict[str, str]) -> None:
    (address,) = resource("Patient", **SOUND, **cells)["address"]
    assert (address["use"], address["postalCode"]) == ("temp", "ZZ99 3VZ")
    assert (Reason.CODE_UNKNOWN, "row 2, postcode") not in warned(**SOUND, **cells)


def test_a_practice_by_its_name_is_kept() -> None:
    assert resource("Patient", **SOUND, practice="Meddygfa'r Prawf")["generalPractitioner"] == [{"display": "Meddygfa'r Prawf"}]
    assert resource("Patient", **SOUND, practice="SURGERY")["generalPractitioner"] == [{"display": "SURGERY"}]
    assert resource("Patient", **SOUND, practice="w95295")["generalPractitioner"][0]["identifier"]["value"] == "W95295"


@pytest.mark.parametrize(
    ("said", "deceased"),
    [("N/A", None), ("-", None), ("Alive", False), ("Yn fyw", False), ("No", False), ("perhaps", True), ("Yes", True)],
)
def test_a_column_of_death_that_says_nothing_declares_nobody_dead(said: str, deceased: bool | None) -> None:
    assert referral_of(**SOUND, deceased=said).person.deceased is deceased


@pytest.mark.parametrize(
    ("cells", "places"),
    [
        ({"family name": "Prawf", "dob": "29/02/1951"}, ["row 2, birth_date"]),
        ({"family name": "Prawf", "phone": "7.7E9", "dob": "18295"}, ["row 2, birth_date", "row 2, phone"]),
        ({"nhs number": "12345", "dob": "1/2/50"}, ["row 2, birth_date", "row 2, nhs_number"]),
        ({"family name": "Prawf", "dob": "01/02/1950", "date of birth": "02/02/1950"}, ["row 2, birth_date"]),
    ],
)
def test_a_row_that_names_nobody_hears_which_cells_could_not_be_read(cells: dict[str, str], places: list[str]) -> None:
    with pytest.raises(Rejected) as refused:
        connector.translate(row(**cells))
    assert refused.value.issues[0].at == "row 2, name"
    assert sorted(one.at for one in refused.value.issues[1:]) == places


@pytest.mark.parametrize(("said", "day"), [("Feb 1950", "1950-02"), ("Chwefror 1950", "1950-02"), ("Mon 1 Feb 1950", None), ("Spring 1950", None)])
def test_a_month_in_words_is_a_partial_date(said: str, day: str | None) -> None:
    assert fhir_day(said) == day


# --- lists in one cell ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "codes"),
    [
        ("Loneliness, Housing", ["loneliness", "housing"]),
        ("loneliness / food", ["loneliness", "food"]),
        ("Loneliness, and something else", []),  # words, whole
        ("debt, benefits and money", ["money"]),  # a name with a comma in it
    ],
)
def test_several_needs_in_one_cell_are_several_where_each_is_known(cell: str, codes: list[str]) -> None:
    assert [one.code for one in referral_of(**SOUND, need=cell).needs] == codes


def test_two_languages_in_one_cell_are_both_kept_and_neither_is_preferred() -> None:
    spoken = [one["language"]["coding"][0]["code"] for one in resource("Patient", **SOUND, language="Welsh/English")["communication"]]
    assert spoken == ["cy", "en"]
    assert referral_of(**SOUND, language="Welsh/English").person.language_spoken is None
    assert referral_of(**SOUND, language="W").person.language_spoken == "cy"


@pytest.mark.parametrize(("words", "codes"), [("Phone call", ["3"]), ("By letter", ["1"]), ("Text/phone", ["9", "3"]), ("by e-mail", ["4"])])
def test_a_way_of_contact_is_read_as_people_write_it(words: str, codes: list[str]) -> None:
    wishes = [one for one in resource("Patient", **SOUND, contact_by=words)["extension"] if one["url"].endswith("ContactPreference")]
    assert [one["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] for one in wishes] == codes


# --- lines before the names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title",
    [
        "Referrals to social prescribing,,,\r\n,,,\r\n",  # cells that were one in the spreadsheet
        "Referrals to social prescribing\r\n\r\n",
        "Cymdeithas Dai Prawf\r\nTachwedd 2026,,,\r\n",
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_title_above_the_names_is_passed_over(title: str, delimiter: str) -> None:
    table = "Name,DOB,Phone,Notes\r\nNon Prawf,17/05/1948,01792 000000,Lonely\r\n"
    found = connector.messages((title + table).replace(",", delimiter).encode())
    before = title.count("\r\n")
    assert found[:before] == (b"",) * before
    (fact,) = connector.translate(InboundMessage(found[-1], "folder", None, received_at=NOW, number=len(found))).facts
    assert fact.referral is not None
    assert (fact.referral.person.family, fact.referral.narrative) == ("Prawf", ("Lonely",))


def test_a_table_of_one_column_has_no_title() -> None:
    assert len(connector.messages(b"NHS number\r\n9990000018\r\n9434765919\r\n")) == 2


def test_a_row_with_too_many_cells_is_not_taken_for_the_names() -> None:
    assert len(connector.messages(b"Name\r\nPrawf, Non\r\nPrawf, Gwyn\r\n")) == 2
