"""The facts and their envelope: what goes onto Kafka comes back the same, and whatever else lies there is poison, named and never shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import FHIR_CONTENT, JSON_CONTENT, Event, FactType, NotAnEvent, event_id, event_id_on, from_record, to_record
from schemas.lifecycle import MOVES, OF_OFFERS

AT = datetime(2026, 3, 2, 9, 30, 0, 123000, UTC)
EVENT = Event(UUID(int=1), FactType.ACCEPTED, f"{UUID(int=2)}", "Task/1", AT, "/routing", 3, "way", "why", None, FHIR_CONTENT, b'{"resourceType":"Bundle"}')


@pytest.mark.parametrize(
    "event",
    [
        EVENT,
        Event(uuid4(), FactType.NEED_UNMET, "k", "s", AT, "/r", 1),  # no more than it must have
        Event(uuid4(), FactType.HELD, "k", "s", AT, "/r", 1, content_type=JSON_CONTENT, data=b"{}"),
        Event(uuid4(), FactType.HELD, "k", "s", AT, "/r", 1, trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        Event(uuid4(), FactType.HELD, "k", "s", AT.astimezone(timezone(timedelta(hours=1))), "/r", 1, data=b"\x00\xff"),  # bytes are left alone
        Event(uuid4(), FactType.HELD, "k", "s", AT, "/r", 1, correlation="siwrnai ŵ"),  # not ASCII: UTF-8 (Kafka binding 3.2.3)
    ],
)
def test_what_goes_onto_kafka_comes_back_the_same(event: Event) -> None:
    key, headers, value = to_record(event)
    assert from_record(key, headers, value) == event
    assert value == event.data, "the payload is sent as it was stored, byte for byte"
    assert all(isinstance(said, bytes) and said.decode("utf-8") for _, said in headers)


def test_the_headers_are_those_of_the_binary_mode() -> None:
    headers = dict(to_record(EVENT)[1])
    assert headers.keys() == {
        "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_sequence", "ce_correlationid", "ce_causationid", "content-type",
    }  # fmt: skip
    assert headers["ce_specversion"] == b"1.0"
    assert headers["content-type"] == FHIR_CONTENT.encode()


KEY, HEADERS, VALUE = to_record(EVENT)


def _without(*names: str) -> list[tuple[str, bytes]]:
    return [(name, said) for name, said in HEADERS if name not in names]


@pytest.mark.parametrize(
    ("key", "headers", "value"),
    [
        (None, HEADERS, VALUE),  # no key: whose is it?
        (KEY, HEADERS, None),  # a tombstone
        (KEY, [], VALUE),
        (KEY, _without("ce_id"), VALUE),
        (KEY, _without("ce_type"), VALUE),
        (KEY, _without("ce_specversion"), VALUE),
        (KEY, _without("ce_sequence"), VALUE),
        (KEY, _without("ce_source"), VALUE),
        (KEY, _without("ce_time"), VALUE),
        (KEY, [*_without("ce_type"), ("ce_type", b"referral.unheard-of.v1")], VALUE),
        (KEY, [*_without("ce_id"), ("ce_id", b"not a uuid")], VALUE),
        (KEY, [*_without("ce_sequence"), ("ce_sequence", b"one")], VALUE),
        (KEY, [*_without("ce_time"), ("ce_time", b"yesterday")], VALUE),
        (KEY, [*_without("ce_source"), ("ce_source", b"\xff\xfe")], VALUE),
        (b"\xff", HEADERS, VALUE),
    ],
)
def test_anything_else_is_poison_and_its_words_are_not_repeated(key: bytes | None, headers: list[tuple[str, bytes]], value: bytes | None) -> None:
    with pytest.raises(NotAnEvent) as found:
        from_record(key, headers, value)
    assert "unheard-of" not in str(found.value)
    assert "not a uuid" not in str(found.value)


@given(
    key=st.none() | st.binary(max_size=20),
    headers=st.lists(st.tuples(st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_sequence", "ce_source", "ce_specversion", "x"]), st.binary(max_size=20))),
    value=st.none() | st.binary(max_size=20),
)
def test_whatever_bytes_lie_there_the_answer_is_an_event_or_poison(key: bytes | None, headers: list[tuple[str, bytes]], value: bytes | None) -> None:
    with pytest.raises(NotAnEvent):
        from_record(key, headers, value)


def test_the_same_cause_gives_the_same_ids_and_another_gives_others() -> None:
    assert event_id("client|key") == event_id("client|key", 0)
    assert len({event_id("a"), event_id("a", 1), event_id("b"), event_id("a", "received/1")}) == 4
    one = UUID(int=1)
    assert event_id_on("referral-status", one) == event_id_on("referral-status", one) != event_id_on("to.a", one)


def test_the_list_of_facts_is_closed_and_each_has_a_bare_name() -> None:
    assert len(FactType) == 40
    for fact in FactType:
        assert re.fullmatch(r"(referral|need|directory)\.[a-z-]+\.v1", fact.value)
        assert fact.fact == fact.value.split(".")[1]


def test_each_fact_of_a_referral_has_its_row_in_the_readme() -> None:
    page = (Path(__file__).resolve().parents[2] / "schemas" / "README.md").read_text("utf-8")
    for move in (*MOVES.values(), *OF_OFFERS.values()):
        status = "final" if move.ends_all and move.status is None else move.status.value if move.status else "–"
        causes, tells = (" ".join(sorted(one.value for one in parties)) or "nobody" for parties in (move.causes, move.tells))
        assert f"| {move.fact.value} | {move.about.value} | {status} | {move.business or '–'} | {causes} | {tells} |" in page
