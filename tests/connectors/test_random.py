"""No JSON at all makes a FHIR door raise anything but a refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.messages import Translation
from schemas.rejection import Rejected
from tests.connectors.awkward import SOUND_HEADERS, body
from tests.connectors.test_awkward import arrive, assert_an_operation_outcome

pytestmark = pytest.mark.no_cover  # many runs of what other tests reach: measuring them is slow and says nothing more

_WORDS = st.sampled_from(["", " ", "#", "#p", "a", "2026-02-30", "urn:uuid:x", "Patient/1", "active", "http://a.example", "\u0000", "ŵ"])
_LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | _WORDS
_IN_ANY = """reference identifier system value code coding text extension url valueString contained resourceType id meta display name family
birthDate _birthDate modifierExtension concept start end nonsense"""
_NAMES = st.sampled_from(_IN_ANY.split())
_JSON: st.SearchStrategy[Any] = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4), max_leaves=12
)
_IN_REQUEST = """subject contained code category requester reasonCode reasonReference note identifier extension status intent priority
authoredOn performer orderDetail supportingInfo occurrencePeriod meta text _status"""
_IN_TASK = """status intent businessStatus statusReason focus for note output owner id identifier code meta contained extension restriction
authoredOn lastModified description partOf _status"""
_ELEMENTS = {"ServiceRequest": _IN_REQUEST.split(), "Task": _IN_TASK.split()}
_DOORS = [("fhir_rest", "ServiceRequest"), ("case_management", "Task")]


@pytest.mark.parametrize(("connector", "kind"), _DOORS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_an_element_it_is_read_or_refused(connector: str, kind: str, data: st.DataObject) -> None:
    changes = data.draw(st.dictionaries(st.sampled_from(_ELEMENTS[kind]), _JSON, min_size=1, max_size=4))
    outcome, reply = arrive(connector, body(kind, **changes), SOUND_HEADERS)
    assert isinstance(outcome, Translation | Rejected)
    if reply is not None:
        assert_an_operation_outcome(reply)


@pytest.mark.parametrize("connector", [connector for connector, _ in _DOORS])
@settings(max_examples=100, deadline=None)
@given(sent=st.binary(max_size=200) | _JSON.map(lambda made: json.dumps(made).encode()))
def test_whatever_the_body_is_it_is_refused(connector: str, sent: bytes) -> None:
    outcome, reply = arrive(connector, sent, SOUND_HEADERS)
    assert isinstance(outcome, Rejected)
    assert reply is not None
    assert_an_operation_outcome(reply)


@pytest.mark.parametrize("connector", [connector for connector, _ in _DOORS])
@settings(max_examples=100, deadline=None)
@given(headers=st.dictionaries(st.sampled_from([*SOUND_HEADERS, "accept", "prefer", "x-correlation-id", "idempotency-key"]), st.text(max_size=60)))
def test_whatever_the_headers_are_they_are_read_or_refused(connector: str, headers: dict[str, str]) -> None:
    kind = dict(_DOORS)[connector]
    outcome, reply = arrive(connector, body(kind), SOUND_HEADERS | headers)
    assert isinstance(outcome, Translation | Rejected)
    if reply is not None:
        assert_an_operation_outcome(reply)
