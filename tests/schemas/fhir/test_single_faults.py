"""The table of single faults: what R4 demands, what we say, what the library says; each column is checked."""

from __future__ import annotations

import pytest
from fhir.resources.R4B import get_fhir_model_class

from schemas.fhir.check import check
from tests.schemas.fhir.single_faults import BASES, CASES, Case


def _names(case: Case) -> str:
    return f"{case.kind}: {case.why}"


def _library_accepts(case: Case) -> bool:
    try:
        get_fhir_model_class(case.kind).model_validate(case.resource)
    except Exception:  # it raises KeyError, ValueError and its own, depending on the fault
        return False
    return True


@pytest.mark.parametrize("kind", BASES)
def test_the_resource_that_cases_start_from_is_sound(kind: str) -> None:
    assert check(BASES[kind]) == ()
    get_fhir_model_class(kind).model_validate(BASES[kind])


@pytest.mark.parametrize("case", CASES, ids=_names)
def test_our_check_says_what_r4_demands(case: Case) -> None:
    found = [(fault.path, fault.kind.value) for fault in check(case.resource)]
    assert found == ([case.ours] if case.ours else [])
    assert case.ours == case.r4


@pytest.mark.parametrize("case", CASES, ids=_names)
def test_the_recorded_verdict_of_the_library_is_true(case: Case) -> None:
    assert _library_accepts(case) is case.library


def test_the_table_is_broad_and_the_library_alone_would_not_do() -> None:
    assert len(CASES) >= 60
    assert len({_names(case) for case in CASES}) == len(CASES)
    assert {case.kind for case in CASES} >= {"ServiceRequest", "Patient", "Task", "Bundle", "Consent", "Observation", "MessageHeader"}
    assert sum(case.r4 is not None and case.library for case in CASES) >= 20
