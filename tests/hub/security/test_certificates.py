"""How a sender's certificate is named when it is registered, and what is no name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.errors import Misconfigured
from hub.security.client import MllpBinding
from hub.security.registration import NewClient, _row, check
from hub.security.scopes import Scope

BOUND = MllpBinding(("10.1.2.0/24",), "PIMS", "BroMor Sender")
WARD = NewClient("ward", "hospital", frozenset({Scope.REFERRAL_CREATE}), mllp=BOUND)
_HEX = "ab" * 32

NAMES = [
    # as a person types it, as the door compares it
    (_HEX, f"sha256:{_HEX}"),
    (_HEX.upper(), f"sha256:{_HEX}"),
    (":".join(["AB"] * 32), f"sha256:{_HEX}"),
    (f"SHA256:{_HEX}", f"sha256:{_HEX}"),
    ("Ward.Example.Wales", "ward.example.wales"),
    ("urn:nhs:ward7", "urn:nhs:ward7"),
]


@pytest.mark.parametrize(("typed", "kept"), NAMES)
def test_a_certificate_is_named_by_its_fingerprint_or_by_a_name_in_it(typed: str, kept: str) -> None:
    new = replace(WARD, mllp=replace(BOUND, certificates=(typed,)))
    check(new)
    assert (_row(new).mllp or {})["certificates"] == (kept,)


@pytest.mark.parametrize("typed", ["", " ", "two words", "a", "ŵ.wales", "*"])
def test_what_is_no_name_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(Misconfigured, match="certificate"):
        check(replace(WARD, mllp=replace(BOUND, certificates=(typed,))))


def test_a_sender_without_a_certificate_is_kept_as_before_and_its_facility_may_hold_a_space() -> None:
    check(WARD)
    assert _row(WARD).mllp == {"addresses": ("10.1.2.0/24",), "sending_application": "PIMS", "sending_facility": "BroMor Sender"}
