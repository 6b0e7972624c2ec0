"""What the hub builds follows FHIR R4 by both checkers, and the same bytes give the same ids."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from fhir.resources.R4B import get_fhir_model_class

from schemas.fhir import build
from schemas.fhir.check import check
from schemas.fhir.strict_json import dump, parse
from schemas.rejection import Issue, Reason
from schemas.words import Text

WORDS = Text(en="Nobody answered.", cy="Nid atebodd neb.")
REQUEST: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "status": "active",
    "intent": "plan",
    "priority": "urgent",
    "subject": {"reference": "urn:uuid:1"},
}


def _task(**changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "kind": "hand-over",
        "id": "t1",
        "version": 3,
        "status": "cancelled",
        "business_status": "matched",
        "focus": "ServiceRequest/f1",
        "patient": {"reference": "Patient/p1"},
        "authored_on": "2026-03-02T09:00:00Z",
        "last_modified": "2026-03-02T10:00:00Z",
    }
    return build.task(build.HubTask(**given | changed))


BUILT = {
    "a message": build.message(b"x", "fhir_rest", "referral.received.v1", [(None, REQUEST)], focus="ServiceRequest", reason="merged"),
    "a filler request": build.filler_request("f1", REQUEST, "ServiceRequest/s1", "2026-03-02T09:00:00Z"),
    "a bare task": _task(),
    "a full task": _task(
        part_of={"reference": "Task/c1"},
        based_on="ServiceRequest/s1",
        owner={"display": "x"},
        requester={"display": "y"},
        priority="urgent",
        due="2026-03-09T09:00:00Z",
        reason=("no-response", WORDS),
        identifiers=({"system": build.REFERENCE_SYSTEM, "value": "x"},),
        output=({"type": {"text": "x"}, "valueString": "y"},),
    ),
    "an outcome": build.operation_outcome([Issue(reason, "Patient.birthDate") for reason in Reason]),
    "an outcome with a lead": build.operation_outcome([], "information", lead=WORDS),
    "a capability statement": build.capability_statement("1.0", "2026-03-02", "http://127.0.0.1/fhir", {"Task": ["read", "update"]}),
}


@pytest.mark.parametrize("name", BUILT)
def test_what_is_built_is_sound_by_both_checkers(name: str) -> None:
    resource = parse(dump(BUILT[name]))
    assert check(resource) == ()
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_the_header_comes_first_names_the_fact_and_points_at_what_it_is_about() -> None:
    bundle = BUILT["a message"]
    header, request = (entry["resource"] for entry in bundle["entry"])
    assert header["eventCoding"]["code"] == "referral.received.v1"
    assert header["source"]["endpoint"] == "urn:hub:connector:fhir_rest"
    assert header["reason"]["coding"][0]["code"] == "merged"
    assert header["focus"] == [{"reference": bundle["entry"][1]["fullUrl"]}]
    assert request is REQUEST
    assert "timestamp" not in bundle


def test_ids_come_from_the_bytes_the_type_and_the_place_among_the_type() -> None:
    first, second, kept = build.entries(b"x", [(None, REQUEST), (None, REQUEST), ("urn:uuid:sent", REQUEST)])
    digest = hashlib.sha256(b"x").hexdigest()
    assert first.full_url == f"urn:uuid:{uuid5(NAMESPACE_URL, f'sha256:{digest}/ServiceRequest/1')}"
    assert second.full_url == f"urn:uuid:{uuid5(NAMESPACE_URL, f'sha256:{digest}/ServiceRequest/2')}"
    assert kept.full_url == "urn:uuid:sent"
    assert build.message_uuid(b"y", "ServiceRequest", 1) != first.full_url


def test_the_filler_is_ours_and_based_on_the_original_which_is_left_alone() -> None:
    filler = BUILT["a filler request"]
    assert (filler["intent"], filler["basedOn"], filler["priority"]) == ("filler-order", [{"reference": "ServiceRequest/s1"}], "urgent")
    assert REQUEST["intent"] == "plan"


def test_a_task_says_its_kind_its_version_and_its_reason_in_both_languages() -> None:
    task = BUILT["a full task"]
    assert task["meta"]["versionId"] == "3"
    assert [coding["code"] for coding in task["code"]["coding"]] == ["fulfill", "hand-over"]
    assert task["businessStatus"]["coding"] == [{"system": "https://hub.example.wales/CodeSystem/sp-business-status", "code": "matched"}]
    assert task["statusReason"]["text"] == "Nobody answered."
    welsh = task["statusReason"]["_text"]["extension"][0]["extension"]
    assert {"url": "content", "valueString": "Nid atebodd neb."} in welsh


@pytest.mark.parametrize(
    ("at", "expression", "diagnostics"),
    [
        ("Patient.identifier[0].value", ["Patient.identifier[0].value"], None),
        ("line 1, column 8", None, "line 1, column 8"),  # no FHIRPath
        ("PID[1]-3[2].1", None, "PID[1]-3[2].1"),
        ("X-Request-Id", None, "X-Request-Id"),
        ("", None, None),
    ],
)
def test_an_issue_says_where_it_is(at: str, expression: list[str] | None, diagnostics: str | None) -> None:
    issue = build.operation_outcome([Issue(Reason.INVALID, at)])["issue"][0]
    assert (issue.get("expression"), issue.get("diagnostics")) == (expression, diagnostics)
    assert issue["details"]["text"].endswith(".")


def test_a_lead_is_said_before_the_faults() -> None:
    said = build.operation_outcome([Issue(Reason.INVALID, "x")], lead=WORDS)["issue"]
    assert said[0]["details"]["text"] == "Nobody answered."
    assert len(said) == 2


def test_every_reason_that_refuses_has_its_issue_type() -> None:
    assert set(build.ISSUE_TYPE) <= {reason.value for reason in Reason}
    assert build.issue_type(Reason.UNKNOWN_MODIFIER) == "extension"
    assert build.issue_type(Reason.NO_RESPONSE) == "processing"
