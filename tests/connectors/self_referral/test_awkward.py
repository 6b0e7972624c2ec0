"""What people and machines really type: in every field every awkward value is read or refused by name, soon, and never said back."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest

from connectors.self_referral import connector
from connectors.self_referral.fields import FIELDS
from hub.deciding.policy import load_policy
from hub.deciding.triage import triage
from schemas.fhir.check import check
from schemas.messages import InboundMessage
from schemas.rejection import Issue, Rejected
from tests.connectors.self_referral.test_connector import LEAST, NOW

pytestmark = pytest.mark.no_cover  # many runs of what other tests reach: measuring them is slow and says nothing more

CANARY = "ZQXJ"
VALUES: dict[str, str] = {
    "an ordinary word": CANARY,
    "spaces alone": "   ",
    "a line break": f"{CANARY}\r\n{CANARY}",
    "control characters": f"\x00{CANARY}\x07\x1b[31m\x7f",
    "from right to left": f"\u202e{CANARY}\u202c \u05e9\u05dc\u05d5\u05dd",
    "zero width": f"{CANARY}\u200b\u200d\ufeff",
    "letters of four bytes": f"{CANARY} 👩‍👩‍👧 𝓦",
    "a letter and its marks": f"{CANARY} w\u0302 y\u0302 " + "\u0301" * 40,
    "a script": f"<script>alert('{CANARY}')</script>",
    "a template": "{{ " + CANARY + " }} {0} %s ${x}",
    "a query": f"'; DROP TABLE referral; -- {CANARY}",
    "a separator of HL7": f"{CANARY}|^~\\&\rPID|",
    "digits of another script": "१२३४५६७८९०",
    "a number too large": "9" * 60,
    "a negative number": "-1",
    "a noncharacter": f"{CANARY}\ufffe\uffff",
    "a very long line": CANARY * 3_000,
    "what another field would say": "yes",
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
@pytest.mark.parametrize("name", FIELDS)
def test_an_awkward_value_in_any_field_is_read_or_refused(name: str, value: str) -> None:
    body = urlencode({**LEAST, name: value}).encode()
    try:
        made = connector.translate(InboundMessage(body, received_at=NOW))
    except Rejected as refused:
        issues, words = refused.issues, str(refused)
    else:
        issues, words = made.warnings, ""
        assert [fault.path for fault in check(made.facts[0].bundle)] == []
        assert made.facts[0].referral is not None
        triage(made.facts[0].referral, load_policy())
    assert CANARY not in words + "".join(f"{one.at} {one.text} {one.params}" for one in issues)


SOUND = urlencode(LEAST).encode()
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "separators alone": b"&&&===&&",
    "JSON": b'{"family": "ZQXJ"}',
    "XML": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'ZQXJ'>]><a>&b;</a>",
    "HL7 v2": b"MSH|^~\\&|A|B|C|D|20260302||REF^I12|1|P|2.4\rPID|1||ZQXJ",
    "several parts": b'--x\r\nContent-Disposition: form-data; name="family"\r\n\r\nZQXJ\r\n--x--',
    "UTF-16": "family=ZQXJ".encode("utf-16"),
    "Latin-1": "family=Siôn ZQXJ".encode("latin-1"),
    "Latin-1 in percent": b"family=Si%F4n+ZQXJ&" + SOUND,
    "half a percent": SOUND + b"&matters=100%&x=%zz%",
    "a surrogate in percent": SOUND + b"&matters=%ED%A0%80ZQXJ",
    "an overlong letter": SOUND + b"&matters=%C0%80ZQXJ",
    "a byte order mark": b"\xef\xbb\xbf" + SOUND,
    "a semicolon between": SOUND.replace(b"&", b";"),
    "one pair a line": SOUND.replace(b"&", b"\r\n"),
    "the fields twice": SOUND + b"&" + SOUND,
    "names in another case": SOUND.upper(),
    "names with brackets": b"family[]=ZQXJ&" + SOUND,
    "many names": b"&".join(b"n%d=ZQXJ" % number for number in range(5_000)),
    "a very long name": b"n" * 100_000 + b"=ZQXJ",
    "a very long body": b"matters=" + quote("ŵ").encode() * 100_000,
    "bytes": bytes(range(256)) * 20,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_an_awkward_body_is_read_or_refused(body: bytes) -> None:
    for ask in (connector.translate, connector.identify):
        issues = refused(ask, InboundMessage(body, received_at=NOW))
        assert CANARY not in "".join(f"{one.at} {one.text} {one.params}" for one in issues)


def refused(ask: Callable[[InboundMessage], object], message: InboundMessage) -> tuple[Issue, ...]:
    """Why it was refused; empty when it was read."""
    try:
        ask(message)
    except Rejected as rejected:
        return rejected.issues
    return ()
