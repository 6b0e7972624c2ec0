"""Whatever somebody wrote: a result or a named rejection, and never anything else."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.deciding.decide import decide
from hub.deciding.phrases import read
from hub.deciding.policy import load_policy
from hub.deciding.received import read_line
from hub.deciding.triage import triage
from hub.directory.snapshot import load_directory
from schemas.rejection import Rejected
from tests.hub.deciding.referrals import moment_of, referral

POLICY = load_policy()
DEMO = load_directory()
WORDS = st.sampled_from(["suicidal", "no", "denies", "dim", "hunan-niweidio", "self", "harm", ",", ".", "\n", ":", "but", "until", "not", "and", "ŵ", "'i"])


@given(st.text(max_size=400) | st.lists(WORDS, max_size=40).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_any_text_is_screened_and_triage_of_it_is_the_same_twice(words: str) -> None:
    found = referral(narrative=(words,))
    assert triage(found, POLICY) == triage(found, POLICY)
    text = read(words)
    assert len(text.words) == len(text.breaks)


@given(st.lists(WORDS, max_size=12).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_a_plain_sentence_of_risk_is_held_whatever_was_written_before_it(before: str) -> None:
    assert triage(referral(narrative=(before + ". She wants to kill herself.",)), POLICY).reasons


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_any_json_as_a_line_is_read_or_rejected(value: object) -> None:
    for written in (value, {"facts": value}, {"facts": [{"type": "referral.received.v1", "referral": value, "triage": value}]}):
        with suppress(Rejected):
            read_line(json.dumps(written).encode())


@pytest.mark.parametrize(
    "person",
    [
        {"language_spoken": "xx"},  # no language of the list
        {"language_spoken": "q5"},  # Makaton
        {"language_spoken": "xx", "language_written": "cy"},
        {"birth_date": "1950-13-45"},
        {"birth_date": "9" * 5000},
        {"postcode": "CF10 1AA\n"},
        {"postcode": "\u0000"},
        {"postcode": "ＣＦ１０ １ＡＡ"},
    ],
)
def test_a_referral_from_a_file_may_hold_anything_and_is_decided(person: dict[str, object]) -> None:
    found = referral(needs=("loneliness",), **{"postcode": "CF10 1AA", **person})  # type: ignore[arg-type]
    assert decide(found, DEMO, POLICY, moment_of(found)).contract()["explanation"]
