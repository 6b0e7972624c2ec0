"""One bad field stops nobody: what is left out, what is kept with a warning, and what cannot be left out."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.fhir.check import FaultKind, check, unresolved_references
from schemas.fhir.prune import KEPT, prune, without_narrative
from schemas.fhir.strict_json import dump, parse
from schemas.rejection import EFFECTS, Effect, Issue, Reason, Rejected
from schemas.words import text
from tests.schemas.fhir.single_faults import BASES, CASES, Case

FAULTY = [case for case in CASES if case.r4]


def _pruned(sent: dict[str, Any]) -> tuple[dict[str, Any] | None, tuple[Issue, ...]]:
    try:
        return prune(sent)
    except Rejected as refused:
        return None, refused.issues


@pytest.mark.parametrize("case", FAULTY, ids=lambda case: f"{case.kind}: {case.why}")
def test_a_fault_is_left_out_with_a_warning_or_the_resource_is_refused_for_it(case: Case) -> None:
    sent = case.resource
    before = copy.deepcopy(sent)
    sound, warnings = _pruned(sent)
    if sound is None:
        assert all(issue.text.en != issue.text.cy for issue in warnings)
        return
    assert sent == before, "the argument is left as it was"
    assert [fault for fault in check(sound) if fault.rule not in KEPT] == []
    assert len(warnings) == 1
    assert EFFECTS[warnings[0].reason] is Effect.WARNS
    assert case.r4 is not None
    assert warnings[0].at == case.r4[0]


def _request(**changed: Any) -> dict[str, Any]:
    return {**copy.deepcopy(BASES["ServiceRequest"]), **changed}


LEFT_OUT = [
    # why, what is sent, the warning, what stays
    ("a bad item goes and its neighbour stays", {"contained": [{**BASES["Patient"], "name": [{"family": "A", "given": ["B", 5]}]}]},
     (Reason.ELEMENT_REMOVED, "ServiceRequest.contained[0].name[0].given[1]"), ("contained", 0, "name", 0, "given"), ["B"]),
    ("an impossible date is said to be one", {"authoredOn": "2026-02-30"}, (Reason.DATE_IMPOSSIBLE, "ServiceRequest.authoredOn"), ("authoredOn",), None),
    ("an object that lacks what it needs goes as a whole", {"contained": [{**BASES["Patient"], "communication": [{"preferred": True}]}]},
     (Reason.ELEMENT_REMOVED, "ServiceRequest.contained[0].communication[0]"), ("contained", 0, "communication"), None),
    ("an unknown element", {"colour": "red"}, (Reason.UNKNOWN_ELEMENT, "ServiceRequest.colour"), ("colour",), None),
    ("a security label is kept though the rule is broken", {"contained": [{**BASES["Patient"], "meta": {"security": [{"code": "R"}]}}]},
     (Reason.RULE_NOT_MET, "ServiceRequest.contained[0].meta.security"), ("contained", 0, "meta", "security"), [{"code": "R"}]),
    ("somebody who died stays dead", {"contained": [{**BASES["Patient"], "deceasedBoolean": False, "deceasedDateTime": "2026-01-01"}]},
     (Reason.ELEMENT_REMOVED, "ServiceRequest.contained[0].deceasedBoolean"), ("contained", 0, "deceasedDateTime"), "2026-01-01"),
]


@pytest.mark.parametrize(("why", "change", "warning", "path", "stays"), LEFT_OUT, ids=[row[0] for row in LEFT_OUT])
def test_only_what_fails_is_left_out(
    why: str, change: dict[str, Any], warning: tuple[Reason, str], path: tuple[Any, ...], stays: object
) -> None:
    sound, warnings = prune(_request(**change))
    assert [(issue.reason, issue.at) for issue in warnings] == [warning]
    node: Any = sound
    for part in path:
        node = node.get(part) if isinstance(node, dict) else node[part]
    assert node == stays


def test_every_fault_is_named_when_one_cannot_be_left_out() -> None:
    with pytest.raises(Rejected) as refused:
        prune(_request(status="cancelled", colour="red", authoredOn="2026-02-30"))
    assert refused.value.reason is Reason.INVALID
    assert {issue.at for issue in refused.value.issues} == {"ServiceRequest.status", "ServiceRequest.colour", "ServiceRequest.authoredOn"}


def test_an_unknown_modifier_extension_is_refused_wherever_it_stands() -> None:
    sent = _request(note=[{"text": "x"}])
    sent["contained"][0]["contact"] = [{"name": {"text": "x"}, "modifierExtension": [{"url": "https://example.wales/not", "valueBoolean": True}]}]
    with pytest.raises(Rejected) as refused:
        prune(sent)
    assert refused.value.reason is Reason.UNKNOWN_MODIFIER


@pytest.mark.parametrize("extension", [{}, [], "x", {"url": "x"}])
def test_a_malformed_modifier_extension_is_not_overlooked_unless_it_is_empty(extension: Any) -> None:
    faults = check(_request(modifierExtension=extension))
    assert faults
    assert any(fault.kind is FaultKind.UNKNOWN_MODIFIER for fault in faults) is bool(extension)


def test_narrative_is_dropped_everywhere_without_a_warning() -> None:
    narrative = {"status": "generated", "div": "<div><script>x</script></div>"}
    sent = _request(text=narrative)
    sent["contained"][0]["text"] = narrative
    sound, warnings = prune({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": sent}]})
    assert b"script" not in dump(sound)
    assert warnings == ()


def test_a_contained_resource_that_cannot_be_mended_goes_with_the_references_to_it() -> None:
    sent = _request(requester={"reference": "#o"}, performer=[{"reference": "#o"}, {"display": "x"}])
    sent["contained"].append({"resourceType": "Nothing", "id": "o"})
    sound, warnings = prune(sent)
    assert "requester" not in sound
    assert sound["performer"] == [{"display": "x"}]
    assert [issue.at for issue in warnings] == ["ServiceRequest.contained[1].resourceType"]


def test_an_entry_that_cannot_be_mended_goes_but_never_the_referral_itself() -> None:
    bundle = copy.deepcopy(BASES["Bundle"])
    bundle["entry"].append({"fullUrl": "urn:uuid:33333333-3333-4333-8333-333333333333", "resource": {"resourceType": "Flag", "status": "active"}})
    sound, warnings = prune(bundle)
    assert len(sound["entry"]) == 2
    assert warnings
    bundle["entry"].append({"fullUrl": "urn:uuid:44444444-4444-4444-8444-444444444444", "resource": _request(status="x")})
    with pytest.raises(Rejected):
        prune(bundle)


def test_numbers_keep_their_text_through_the_check() -> None:
    sent = dump(_request()).replace(b'"intent"', b'"quantityQuantity":{"value":1.10},"intent"')
    exotic = sent.replace(b"1.10", b"1e5")
    for body in (sent, exotic):
        sound, warnings = prune(parse(body))
        assert warnings == ()
        assert dump(sound) == body


def test_unresolved_references_of_a_bundle_are_found_with_their_path() -> None:
    bundle = copy.deepcopy(BASES["Bundle"])
    assert unresolved_references(bundle) == ()
    bundle["entry"][0]["resource"]["focus"] = [{"reference": "urn:uuid:99999999-9999-4999-8999-999999999999"}]
    assert [fault.path for fault in unresolved_references(bundle)] == ["Bundle.entry[0].resource.focus[0]"]


@pytest.mark.parametrize("sent", [{}, {"resourceType": 5}, {"resourceType": ["Task"]}, {"resourceType": "Nope"}, {"resourceType": "J 9990000018"}])
def test_what_is_no_resource_that_we_read_is_refused_without_repeating_it(sent: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as refused:
        prune(sent)
    assert "9990000018" not in str(refused.value)


ODD: tuple[Any, ...] = (None, [], {}, "", "x", 5, True, [[]], [None], [{}], {"x": 1}, {"resourceType": []}, {"extension": [[]]}, "#", {"reference": "#"})


def _places(node: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*where, key)
        yield from _places(value, (*where, key))


@pytest.mark.parametrize("kind", BASES)
def test_anything_anywhere_is_left_out_or_refused_and_never_breaks_the_check(kind: str) -> None:
    for place in _places(BASES[kind]):
        for odd in ODD:
            made = copy.deepcopy(BASES[kind])
            node: Any = made
            for part in place[:-1]:
                node = node[part]
            node[place[-1]] = odd
            sound, issues = _pruned(made)
            assert issues or sound == without_narrative(made) or odd in ("x", True, 5)
            assert sound is None or all(fault.rule in KEPT for fault in check(sound)), (place, odd)


def test_every_kind_of_fault_and_every_rule_has_words() -> None:
    for kind in FaultKind:
        if kind is not FaultKind.INVARIANT:
            assert text(f"fhir.{kind}", element="x").cy
    for case in FAULTY:
        for fault in check(case.resource):
            assert fault.issue.text.en != fault.issue.text.cy
