"""`$validate` says what the door would say, stores nothing, and sends nothing."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.hub.making import GP, Record, service_request
from tests.hub.reading.asking import asked

JSON = {"content-type": "application/fhir+json"}
SR, QR, ANY = "/fhir/ServiceRequest/$validate", "/fhir/QuestionnaireResponse/$validate", "/fhir/$validate"


def bundle(*requests: bytes) -> bytes:
    return orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": orjson.loads(one)} for one in requests]})


async def validated(opened: Record, address: str, body: bytes) -> list[dict[str, Any]]:
    reply = await asked(opened, "POST", address, GP, body, headers=JSON)
    assert reply.status == 200
    said = orjson.loads(reply.body)
    assert said["resourceType"] == "OperationOutcome"
    issues: list[dict[str, Any]] = said["issue"]
    return issues


async def test_a_sound_referral_would_be_taken_and_is_not_kept(opened: Record) -> None:
    issues = await validated(opened, SR, service_request())
    assert [one["severity"] for one in issues] == ["information"]
    assert "would take" in issues[0]["details"]["text"]
    assert await opened.value("SELECT count(*) FROM referral") == 0
    assert await opened.value("SELECT count(*) FROM refusal") == 0
    assert await opened.value("SELECT count(*) FROM request") == 0


async def test_every_fault_is_said_with_its_path(opened: Record) -> None:
    issues = await validated(opened, SR, service_request(status="draft", intent="wish", subject={"display": "Non"}))
    assert issues[0]["severity"] == "error"
    assert {"ServiceRequest.status", "ServiceRequest.intent", "ServiceRequest.subject"} <= {path for one in issues for path in one.get("expression", ())}
    assert "Non" not in str(issues)


async def test_warnings_are_said_of_what_would_be_taken(opened: Record) -> None:
    issues = await validated(opened, SR, service_request(colour="blue", authoredOn="2026-02-30"))
    assert [one["severity"] for one in issues] == ["information", "warning", "warning"]


@pytest.mark.parametrize(
    ("address", "body", "severity"),
    [
        (ANY, bundle(service_request(), service_request()), "information"),
        (ANY, bundle(service_request(), service_request(status="draft")), "error"),
        (SR, orjson.dumps({"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": orjson.loads(service_request())}]}), "information"),
        (SR, orjson.dumps({"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "create"}]}), "error"),
        (QR, orjson.dumps({"resourceType": "QuestionnaireResponse", "status": "completed"}), "error"),
        (ANY, b"<ServiceRequest/>", "error"),
        (ANY, b"", "error"),
        (ANY, b'{"resourceType": "Parameters"', "error"),
    ],
)
async def test_whatever_is_asked_about_is_answered(opened: Record, address: str, body: bytes, severity: str) -> None:
    assert (await validated(opened, address, body))[0]["severity"] == severity


@pytest.mark.parametrize(("headers", "status"), [({"content-type": "text/xml"}, 415), ({**JSON, "accept": "text/xml"}, 406), ({}, 415)])
async def test_a_media_type_that_is_not_spoken_is_refused(opened: Record, headers: dict[str, str], status: int) -> None:
    assert (await asked(opened, "POST", SR, GP, service_request(), headers=headers)).status == status
