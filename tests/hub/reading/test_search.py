"""What a search may say, and what is refused: nothing that was asked is left out in silence."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.intake.creation import Maker
from hub.ledger.sealing import Sealing
from hub.places import Places
from hub.reading.search import PARAMETERS, read_search
from schemas.messages import Identifier
from schemas.rejection import Rejected
from tests.hub.making import SECRET, policy

ID = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


DATES = [
    ("2026", at(2026, 1, 1), at(2027, 1, 1)),  # a year is all of it
    ("2026-12", at(2026, 12, 1), at(2027, 1, 1)),
    ("2026-02", at(2026, 2, 1), at(2026, 3, 1)),
    ("2026-03-01", at(2026, 3, 1), at(2026, 3, 2)),
    ("eq2026-03-01", at(2026, 3, 1), at(2026, 3, 2)),
    ("ge2026-03-01", at(2026, 3, 1), None),
    ("gt2026-03-01", at(2026, 3, 2), None),  # after all of that day
    ("sa2026-03-01", at(2026, 3, 2), None),
    ("lt2026-03-01", None, at(2026, 3, 1)),
    ("le2026-03-01", None, at(2026, 3, 2)),
    ("eb2026-03-01", None, at(2026, 3, 1)),
    ("gt2026-03-01T10:00:00Z", at(2026, 3, 1, 10, 0, 1), None),
    ("ge2026-03-01T10:00:00+01:00", at(2026, 3, 1, 9), None),
    ("ge2026-03-01T10:00:00 01:00", at(2026, 3, 1, 9), None),  # an unescaped plus
    ("2026-03-01T10:30Z", at(2026, 3, 1, 10, 30), at(2026, 3, 1, 10, 31)),
    ("2026-03-01T10:30", at(2026, 3, 1, 10, 30), at(2026, 3, 1, 10, 31)),  # without an offset UTC
]


@pytest.mark.parametrize(("written", "since", "before"), DATES, ids=[row[0] for row in DATES])
def test_a_date_covers_what_it_leaves_open(written: str, since: datetime | None, before: datetime | None) -> None:
    search = read_search("ServiceRequest", [("_lastUpdated", written)])
    assert (search.since, search.before) == (since, before)


def test_a_parameter_that_stands_twice_means_both() -> None:
    search = read_search("Task", [("_lastUpdated", "ge2026-01-01"), ("_lastUpdated", "lt2026-02-01"), ("status", "accepted,requested"), ("status", "accepted")])
    assert (search.since, search.before, search.statuses) == (at(2026, 1, 1), at(2026, 2, 1), ("accepted",))


WRONG = [
    ("a parameter that there is not", [("patient", "9990000018")], "parameter 1"),  # no NHS number is ever searched by
    ("a modifier", [("status:not", "active")], "parameter 1"),
    ("a chain", [("subject:Patient.identifier", "9990000018")], "parameter 1"),
    ("an order", [("_sort", "_lastUpdated")], "parameter 1"),
    ("an include", [("_include", "Task:focus")], "parameter 1"),
    ("no name", [("", "x")], "parameter 1"),
    ("a count of nothing", [("_count", "0")], "_count"),
    ("a negative count", [("_count", "-1")], "_count"),
    ("a count in words", [("_count", "ten")], "_count"),
    ("a count in other digits", [("_count", "٣")], "_count"),
    ("two counts", [("_count", "5"), ("_count", "6")], "_count"),
    ("an impossible day", [("_lastUpdated", "2026-02-30")], "_lastUpdated"),
    ("the last year there is", [("_lastUpdated", "9999")], "_lastUpdated"),
    ("two dates in one", [("_lastUpdated", "2026-01-01,2026-01-02")], "_lastUpdated"),
    ("about a date", [("_lastUpdated", "ap2026-01-01")], "_lastUpdated"),
    ("an identifier without its system", [("identifier", "GP-1")], "identifier"),
    ("an identifier without a value", [("identifier", "https://gp.example|")], "identifier"),
    ("nothing for a status", [("status", "")], "status"),
    ("an empty alternative", [("status", "active,,revoked")], "status"),
    ("51 ids", [("_id", ",".join(["a"] * 51))], "_id"),
    ("another format", [("_format", "xml")], "_format"),
    ("a page that nobody gave out", [("_page", "abc")], "_page"),
    ("a page that is no base64", [("_page", "é")], "_page"),
]  # fmt: skip


@pytest.mark.parametrize(("why", "asked", "place"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_not_understood_is_refused_by_name(why: str, asked: list[tuple[str, str]], place: str) -> None:
    with pytest.raises(Rejected) as refused:
        read_search("ServiceRequest", asked)
    assert place in [issue.at for issue in refused.value.issues]


def test_everything_that_is_wrong_is_said_at_once_and_never_what_was_asked() -> None:
    with pytest.raises(Rejected) as refused:
        read_search("Task", [("patient:exact", "Gwdihw"), ("_count", "Gwdihw"), ("_sort", "Gwdihw")])
    assert [issue.at for issue in refused.value.issues] == ["parameter 1", "_count", "parameter 3"]
    assert "Gwdihw" not in str([(one.text.en, one.text.cy, one.params) for one in refused.value.issues])


@pytest.mark.parametrize(("asked", "count"), [("1", 1), ("100", 100), ("101", 100), ("1000000", 100), ("0005", 5)])
def test_a_page_holds_at_most_a_hundred(asked: str, count: int) -> None:
    assert read_search("Task", [("_count", asked)]).count == count


def test_a_page_is_taken_up_where_the_one_before_it_ended() -> None:
    moment = datetime(2026, 3, 1, 10, 30, 0, 123456, UTC)
    first = read_search("Task", [("status", "accepted"), ("_count", "2")])
    again = read_search("Task", [tuple(part.split("=")) for part in first.page_after(moment, ID).split("&")])  # type: ignore[misc]
    assert (again.after_time, again.after_id, again.statuses, again.count) == (moment, ID, ("accepted",), 2)
    assert "_page" not in again.query


def test_ids_that_cannot_be_ours_find_nothing() -> None:
    assert read_search("Task", [("_id", "../1,x")]).ids == ()
    assert read_search("Task", [("focus", f"ServiceRequest/{ID}")]).focus == (ID,)


def test_an_identifier_is_looked_for_under_the_hash_that_intake_keeps() -> None:
    sealing = Sealing.from_secret(SECRET)
    kept = Maker(policy(), Places.load(), sealing).named("gp", [Identifier("https://GP.example/Referral", " A-1 ")])
    assert read_search("ServiceRequest", [("identifier", "https://gp.example/referral|A-1")]).hashes(sealing, "gp") == kept
    assert read_search("ServiceRequest", [("identifier", "https://gp.example/referral|A-1")]).hashes(sealing, "another") != kept


_NAMES = st.sampled_from([*PARAMETERS["Task"], "_count", "_format", "_page", "x"]) | st.text(max_size=8)


@settings(max_examples=300, deadline=None)
@given(asked=st.lists(st.tuples(_NAMES, st.text(max_size=40) | st.just(str(uuid4())) | st.dates().map(str)), max_size=5))
def test_whatever_is_asked_it_is_read_or_refused(asked: list[tuple[str, str]]) -> None:
    with suppress(Rejected):
        assert read_search("Task", asked).count <= 100
