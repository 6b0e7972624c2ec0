"""Whatever arrives at the FHIR doors becomes facts or a refusal, is answered, and is never said back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.registry import installed
from schemas.messages import InboundMessage, Reply, Translation
from schemas.rejection import Rejected
from tests.connectors.awkward import CANARY, HEADERS, REQUESTS, SOUND_HEADERS, TASKS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CASES = [("fhir_rest", name, body) for name, body in REQUESTS.items()] + [("case_management", name, body) for name, body in TASKS.items()]
_TARGETS = {"fhir_rest": "POST /fhir/ServiceRequest", "case_management": "PUT /fhir/Task/{id}"}


def arrive(connector: str, body: bytes, headers: dict[str, str], target: str | None = None) -> tuple[Translation | Rejected, Reply | None]:
    """What the intake does with a message, up to the answer to a refusal."""
    message = InboundMessage(body, target or _TARGETS[connector], headers, {"id": "t-1"}, NOW, "client")
    offered = installed()[connector].connector
    try:
        offered.identify(message)
        return offered.translate(message), None
    except Rejected as rejected:
        return rejected, offered.answer(message, rejected)


def said(outcome: Translation | Rejected, reply: Reply | None) -> str:
    """Every word that leaves the hub because of the message, other than its own facts."""
    issues = outcome.warnings if isinstance(outcome, Translation) else outcome.issues
    texts = [f"{one.at} {one.text.en} {one.text.cy} {one.params}" for one in issues]
    parts = b"".join(reply.parts).decode() if reply else ""
    return "\n".join([*texts, str(outcome) if isinstance(outcome, Rejected) else "", parts])


def test_there_are_enough_of_them() -> None:
    assert len(REQUESTS) >= 60
    assert len(TASKS) >= 60


@pytest.mark.parametrize(("connector", "name", "body"), CASES, ids=[f"{connector}: {name}" for connector, name, _ in CASES])
def test_an_awkward_body_is_read_or_refused_and_not_said_back(connector: str, name: str, body: bytes) -> None:
    outcome, reply = arrive(connector, body, SOUND_HEADERS)
    for word in CANARY.split():
        assert word not in said(outcome, reply), name
    assert "9990000018" not in said(outcome, reply)
    if reply is not None:
        assert_an_operation_outcome(reply)


@pytest.mark.parametrize("connector", sorted(_TARGETS))
@pytest.mark.parametrize("name", HEADERS)
def test_awkward_headers_are_read_or_refused_and_not_said_back(connector: str, name: str) -> None:
    body = {"fhir_rest": REQUESTS, "case_management": TASKS}[connector]["a byte order mark"]
    headers = SOUND_HEADERS | HEADERS[name] if HEADERS[name] else {}
    target = "from.<client>" if "ce_id" in headers and connector == "case_management" else None
    outcome, reply = arrive(connector, body, headers, target)
    assert CANARY not in said(outcome, reply)
    if reply is not None:
        assert_an_operation_outcome(reply)
        assert all("\r" not in value and "\n" not in value and len(value) <= 128 for _, value in reply.headers)


def assert_an_operation_outcome(reply: Reply) -> None:
    outcome: dict[str, Any] = json.loads(reply.parts[0])
    assert outcome["resourceType"] == "OperationOutcome"
    assert 400 <= reply.status < 500
    for issue in outcome["issue"]:
        english = issue["details"]["text"]
        welsh = issue["details"]["_text"]["extension"][0]["extension"][1]["valueString"]
        assert english
        assert welsh
        assert english != welsh
