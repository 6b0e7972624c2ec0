"""Whatever arrives at the BaRS door becomes a fact or a named refusal with its status, and is never said back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.bars.connector import answer, translate
from schemas.fhir.strict_json import dump
from schemas.rejection import Rejected
from tests.connectors.bars.making import bundle, message, resource

CANARY = "Gwdihw Zzcanary"
Body = dict[str, Any]  # Any: FHIR JSON
_SOUND = json.dumps(bundle()).encode()
_MARK = b'"priority": "routine"'


def _changed(change: Callable[[Body], object]) -> bytes:
    body = bundle()
    change(body)
    return json.dumps(body).encode()


def _put(kind: str, **elements: Any) -> bytes:  # Any: FHIR JSON
    return _changed(lambda body: resource(body, kind).update(elements))


def _beside(written: bytes) -> bytes:
    return _SOUND.replace(_MARK, _MARK + b", " + written, 1)


_FLAG = {"resourceType": "Flag", "status": "inactive", "code": {"text": "x"}, "subject": {"display": "x"}}
_UNKNOWN = {"url": "https://sender.example/x", "valueString": CANARY}
_LETTER = {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {"contentType": "application/pdf", "data": "AAAA" * 25_000}}]}
_INSIDE = {"reference": "http://169.254.169.254/latest/meta-data"}
_DEEP: Any = CANARY  # Any: FHIR JSON
for _ in range(70):
    _DEEP = {"extension": [_DEEP]}

REFUSED: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "100,000 levels": (b'{"entry":' * 100_000, 400),
    "70 levels": (_put("Patient", extension=[_DEEP]), 400),
    "a status twice": (_beside(b'"status": "revoked"'), 400),
    "NaN": (_beside(b'"x": NaN'), 400),
    "Infinity": (_beside(b'"x": -Infinity'), 400),
    "1e999": (_beside(b'"x": 1e999'), 400),
    "a number of 5,000 digits": (_beside(b'"x": ' + b"9" * 5_000), 400),
    "a lone surrogate": (_beside(b'"x": "\\ud800"'), 400),
    "NUL": (_beside(b'"x": "\\u0000"'), 400),
    "UTF-16": (_SOUND.decode().encode("utf-16"), 400),
    "XML": (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + CANARY.encode() + b'">]><Bundle/>', 400),
    "no resourceType": (_changed(lambda body: body.pop("resourceType")), 400),
    "resourceType a list": (_changed(lambda body: body.update(resourceType=["Bundle"])), 400),
    "a single request": (json.dumps(resource(bundle(), "ServiceRequest")).encode(), 400),
    "entry an object": (_changed(lambda body: body.update(entry={"a": CANARY})), 400),
    "entry empty": (_changed(lambda body: body.update(entry=[])), 400),
    "entries without resources": (_changed(lambda body: body.update(entry=[{"fullUrl": CANARY}, None, 3])), 400),
    "10,000 entries": (_changed(lambda body: body["entry"].extend([{}] * 10_000)), 422),
    "51 entries": (_changed(lambda body: body["entry"].extend([{"resource": _FLAG}] * 39)), 422),
    "an unknown modifierExtension": (_put("ServiceRequest", modifierExtension=[_UNKNOWN]), 422),
    "an unknown modifierExtension in the header": (_put("MessageHeader", modifierExtension=[_UNKNOWN]), 422),
    "a reference to nothing": (_put("ServiceRequest", encounter={"reference": "urn:uuid:99999999-0d4f-4c7e-9f0d-0c6d3c6f4a11"}), 422),
    "a reference to itself": (_changed(lambda body: resource(body, "Encounter").update(partOf={"reference": body["entry"][2]["fullUrl"]})), 422),
    "one fullUrl for two": (_changed(lambda body: body["entry"][2].update(fullUrl=body["entry"][1]["fullUrl"])), 422),
    "not to be done": (_put("ServiceRequest", doNotPerform=True), 422),
    "not to be done, in another shape": (_put("ServiceRequest", doNotPerform="yes"), 400),
    "rules that nobody knows": (_put("Patient", implicitRules=f"https://sender.example/{CANARY[:6]}"), 422),
    "rules that nobody knows, of the whole": (_changed(lambda body: body.update(implicitRules="https://sender.example/rules")), 422),
    "active as an option": (_put("ServiceRequest", intent="option"), 422),
    "status unheard of": (_put("ServiceRequest", status=CANARY), 400),
    "no subject": (_changed(lambda body: resource(body, "ServiceRequest").pop("subject")), 400),
    "subject of another sender's": (_put("ServiceRequest", subject={"reference": "Patient/1", "display": CANARY}), 422),
    "reason a name": (_put("MessageHeader", reason={"coding": [{"code": CANARY}]}), 400),
    "reason of another shape": (_put("MessageHeader", reason=[CANARY]), 400),
    "event a name": (_put("MessageHeader", eventCoding={"code": CANARY}), 422),
    "event of another shape": (_put("MessageHeader", eventCoding=CANARY), 400),
    "a version of another shape": (_changed(lambda body: body.update(meta={"versionId": CANARY})), 422),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_awkward_message_is_refused_with_its_status_and_not_said_back(name: str) -> None:
    body, status = REFUSED[name]
    with pytest.raises(Rejected) as refused:
        translate(message(body))
    reply = answer(message(body), refused.value)
    assert reply.status == status
    said = str(refused.value) + b"".join(reply.parts).decode()
    assert CANARY not in said
    assert not [one for one in ("9990000018", "Enghraifft") if one in said]


TAKEN: dict[str, tuple[bytes, str | None]] = {
    "a byte order mark": (b"\xef\xbb\xbf" + _SOUND, None),
    "an unknown element": (_put("Patient", nickname=CANARY), "Bundle.entry[5].resource.nickname"),
    "a key that is somebody's name": (_put("Patient", **{CANARY: "x"}), "Bundle.entry[5].resource.?"),
    "an impossible date": (_put("Patient", birthDate="1948-02-30"), "Bundle.entry[5].resource.birthDate"),
    "an inside address": (_put("ServiceRequest", supportingInfo=[_INSIDE]), "Bundle.entry[1].resource.supportingInfo[0].reference"),
    "an attachment elsewhere": (_put("Patient", photo=[{"url": "http://169.254.169.254/x"}]), None),
    "a script in the narrative": (_put("Patient", text={"status": "generated", "div": f"<div><script>{CANARY}</script></div>"}), None),
    "authored in the future": (_put("ServiceRequest", authoredOn="2030-01-01T00:00:00Z"), "ServiceRequest.authoredOn"),
    "stat": (_put("ServiceRequest", priority="stat"), "ServiceRequest.priority"),
    "a header without its source": (_changed(lambda body: resource(body, "MessageHeader").pop("source")), "Bundle.entry[0].resource.source"),
    "a sender of another shape": (_put("MessageHeader", sender=[CANARY], focus=CANARY), "Bundle.entry[0].resource.focus"),
    "a letter of 100 kB": (_changed(lambda body: body["entry"].append({"resource": _LETTER})), None),
    "to be done": (_put("ServiceRequest", doNotPerform=False), None),
    "a journey outside the message": (_put("Encounter", episodeOfCare=[{"reference": "urn:uuid:99999999-0d4f-4c7e-9f0d-0c6d3c6f4a11"}]), None),
    # what refers to it leads nowhere then; that of the service is named by the request alone
    "a fullUrl that is none": (_changed(lambda body: (body["entry"][10].update(fullUrl=CANARY), resource(body, "ServiceRequest").pop("performer"))), None),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_sound_referral_is_never_refused_for_one_odd_thing(name: str) -> None:
    body, warned = TAKEN[name]
    found = translate(message(body))
    assert len(found.facts) == 1
    assert warned is None or warned in {one.at for one in found.warnings}
    assert CANARY not in "".join(one.at + one.text.en + one.text.cy for one in found.warnings)


def test_a_decimal_keeps_its_text() -> None:
    body = _put("Condition", onsetAge={"value": "@", "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}).replace(b'"@"', b"71.10")
    fact = translate(message(body)).facts[0]
    assert b'"value":71.10' in dump(fact.bundle)
