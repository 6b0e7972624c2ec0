"""Bundles: which entries each referral is made of, whom it is about, and what refuses all of it."""

from __future__ import annotations

import copy
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.fhir_rest.connector import answer, identify, translate
from schemas.events import FactType
from schemas.fhir.check import check
from schemas.fhir.prune import KEPT
from schemas.messages import Accepted, Committed, Fact, InboundMessage, Translation
from schemas.rejection import Reason, Rejected
from schemas.words import Text
from tests.connectors.awkward import CANARY, SOUND_HEADERS
from tests.connectors.test_awkward import assert_an_operation_outcome, said

JsonObject = dict[str, Any]
NHS = "https://fhir.nhs.uk/Id/nhs-number"
NEXT = Text("A link worker will ring.", "Bydd gweithiwr cyswllt yn ffonio.")


def ref(key: str) -> JsonObject:
    return {"reference": f"urn:uuid:{key}"}


def patient(number: str = "9990000026", **more: Any) -> JsonObject:
    return {"resourceType": "Patient", "identifier": [{"system": NHS, "value": number}], **more}


def request(subject: JsonObject, **more: Any) -> JsonObject:
    return {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": "Social prescribing"}, "subject": subject, **more}


def about(kind: str, subject: JsonObject, **more: Any) -> JsonObject:
    status = {"Flag": {"status": "active"}, "Observation": {"status": "final"}}.get(kind, {})
    return {"resourceType": kind, "subject": subject, "code": {"text": "x"}, **status, **more}


def task(focus: str) -> JsonObject:
    return {"resourceType": "Task", "status": "requested", "intent": "order", "focus": ref(focus), "for": ref("p")}


def bundle(kind: str = "collection", **entries: JsonObject) -> bytes:
    made = [{"fullUrl": f"urn:uuid:{key}", "resource": one} for key, one in entries.items()]
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": made}).encode()


def message(content: bytes) -> InboundMessage:
    return InboundMessage(content, "POST /fhir", SOUND_HEADERS, received_at=datetime(2026, 3, 2, 9, tzinfo=UTC))


def facts(**entries: JsonObject) -> tuple[Fact, ...]:
    return translate(message(bundle(**entries))).facts


def kept(fact: Fact) -> set[str]:
    """The names of the entries that a fact is made of."""
    return {entry["fullUrl"].removeprefix("urn:uuid:") for entry in fact.bundle["entry"][1:]}


# --- which entries --------------------------------------------------------------------------------------------------------------------

A, B = patient(), patient("9990000018")
WHO = [
    ("all that is about the person", {"p": A, "s": request(ref("p")), "c": about("Condition", ref("p"))}, [{"p", "s", "c"}]),
    ("what is about nobody in particular", {"p": A, "s": request(ref("p")), "o": {"resourceType": "Organization", "name": "x"}}, [{"p", "s", "o"}]),
    ("nothing about somebody else", {"p": A, "q": B, "s": request(ref("p")), "c": about("Condition", ref("q"))}, [{"p", "s"}]),
    (
        "nothing that hangs on what is about somebody else",
        {"p": A, "q": B, "s": request(ref("p")), "c": about("Condition", ref("q")), "v": {
            "resourceType": "Provenance", "target": [ref("c")], "recorded": "2026-03-01T09:00:00Z", "agent": [{"who": {"display": "x"}}]}},
        [{"p", "s"}],
    ),
    (
        "what the request itself names, though it is about somebody else",  # a carer's letter; the sender put it there
        {"p": A, "q": B, "s": request(ref("p"), supportingInfo=[ref("o")]), "o": about("Observation", ref("q"))},
        [{"p", "s", "o"}],
    ),
    (
        "each person's own, and the practice of both",
        {"p": A, "q": B, "g": {"resourceType": "Organization", "name": "x"}, "s": request(ref("p"), requester=ref("g")),
         "t": request(ref("q"), requester=ref("g")), "c": about("Condition", ref("p")), "d": about("Condition", ref("q"))},
        [{"p", "g", "s", "c"}, {"q", "g", "t", "d"}],
    ),
    (
        "of two requests of one person each its own reasons, and both what is said of the person",
        {"p": A, "s": request(ref("p"), reasonReference=[ref("c")]), "t": request(ref("p"), reasonReference=[ref("d")]),
         "c": about("Condition", ref("p")), "d": about("Condition", ref("p")), "f": about("Flag", ref("p"))},
        [{"p", "s", "c", "f"}, {"p", "t", "d", "f"}],
    ),
    (
        "the Task of each",
        {"p": A, "s": request(ref("p")), "t": request(ref("p")), "u": task("s"), "v": task("t")},
        [{"p", "s", "u"}, {"p", "t", "v"}],
    ),
    ("two records of one person", {"p": A | {"link": [{"other": ref("q"), "type": "seealso"}]}, "q": patient(), "s": request(ref("p"))}, [{"p", "q", "s"}]),
    ("a patient named by number alone", {"p": A, "s": request({"identifier": {"system": NHS, "value": "9990000026"}}), "c": about("Condition", ref("p"))},
     [{"p", "s", "c"}]),
    ("not a request that another is based on", {"p": A, "q": B, "s": request(ref("p"), basedOn=[ref("t")]), "t": request(ref("q"))}, [{"p", "s"}, {"q", "t"}]),
]  # fmt: skip


@pytest.mark.parametrize(("why", "entries", "wanted"), WHO, ids=[row[0] for row in WHO])
def test_a_referral_is_made_of(why: str, entries: dict[str, JsonObject], wanted: list[set[str]]) -> None:
    found = facts(**entries)
    assert [kept(fact) for fact in found] == wanted
    for fact in found:
        assert check(fact.bundle) == ()


def test_a_reference_in_two_peoples_bundle_never_leads_to_the_other() -> None:
    found = facts(p=A, q=B, s=request(ref("p")), t=request(ref("q")))
    numbers = [fact.referral.person.nhs_number for fact in found if fact.referral]
    assert numbers == ["9990000026", "9990000018"]
    assert "9990000018" not in json.dumps(found[0].bundle)
    assert "9990000026" not in json.dumps(found[1].bundle)


def test_risk_that_stands_in_another_request_of_the_same_person_is_heard_in_both() -> None:
    found = facts(p=A, s=request(ref("p")), t=request(ref("p"), note=[{"text": "Wants to end her life."}]))
    assert ["Wants to end her life." in fact.referral.words for fact in found if fact.referral] == [True, True]
    found = facts(p=A, q=B, s=request(ref("p")), t=request(ref("q"), note=[{"text": "Wants to end her life."}]))
    assert ["Wants to end her life." in fact.referral.words for fact in found if fact.referral] == [False, True]


def test_a_fault_is_named_where_its_sender_has_it() -> None:
    known = patient("1234567890", name=[{"family": "Prawf"}], birthDate="1948-05-17")
    sent = bundle(o={"resourceType": "Organization", "name": "x"}, p=known, s=request(ref("p")), q=B | {"birthDate": "2026-02-30"}, t=request(ref("q")))
    warnings = translate(message(sent)).warnings
    assert {issue.at for issue in warnings} == {"Bundle.entry[1].resource.identifier[0].value", "Bundle.entry[3].resource.birthDate"}


def test_the_senders_full_urls_stay_and_others_are_made_of_the_message() -> None:
    sent = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "https://gp.example/fhir/Patient/1", "resource": A}, {"resource": request({"reference": "Patient/1"})}]}).encode()  # fmt: skip
    once, twice = translate(message(sent)).facts[0], translate(message(sent)).facts[0]
    urls = [entry["fullUrl"] for entry in once.bundle["entry"]]
    assert urls[1] == "https://gp.example/fhir/Patient/1"
    assert urls[2].startswith("urn:uuid:")
    assert once == twice


# --- limits ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("entries", "taken"), [(50, True), (51, False)])
def test_fifty_entries_are_taken_and_one_more_is_not(entries: int, taken: bool) -> None:
    rest = {f"o{number}": {"resourceType": "Organization", "name": "x"} for number in range(entries - 2)}
    sent = message(bundle(p=A, s=request(ref("p")), **rest))
    if taken:
        assert len(translate(sent).facts[0].bundle["entry"]) == 51
        return
    with pytest.raises(Rejected) as refused:
        translate(sent)
    assert [(issue.at, issue.reason) for issue in refused.value.issues] == [("Bundle.entry", Reason.UNSUPPORTED_BATCH)]


@pytest.mark.parametrize("sent", [
    b'{"resourceType":"Bundle","type":"collection","entry":[' + b",".join([b"{}"] * 10_000) + b"]}",
    json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": A}] * 2_000}).encode(),
    bundle(p=A, s=request(ref("p")), **{f"o{n}": {"resourceType": "Organization", "name": "x", "partOf": ref(f"o{(n + 1) % 48}")} for n in range(48)}),
    bundle(p=A, **{f"s{n}": request(ref("p"), basedOn=[ref(f"s{m}") for m in range(49) if m != n]) for n in range(49)}),
], ids=["10,000 entries", "2,000 patients", "a circle of 48", "49 requests that all name each other"])  # fmt: skip
def test_a_bundle_made_to_take_long_is_refused(sent: bytes) -> None:
    started = time.process_time()
    with pytest.raises(Rejected):
        translate(message(sent))
    assert time.process_time() - started < 30, "bounded, whatever the machine"


# --- the answer -----------------------------------------------------------------------------------------------------------------------


def accepted(id_: str, fact: FactType = FactType.RECEIVED) -> Accepted:
    shown = ({"resourceType": "ServiceRequest", "id": id_, "meta": {"versionId": "1"}}, {"resourceType": "Task", "id": f"c-{id_}"})
    return Accepted(id_, f"REF-{id_}", 1, fact, NEXT, resources=shown)


def test_a_transaction_is_answered_entry_by_entry_in_its_order() -> None:
    sent = message(bundle("transaction", p=A, s=request(ref("p")), o={"resourceType": "Organization", "name": "x"}, t=request(ref("p"))))
    reply = answer(sent, Committed((accepted("1"), accepted("2")), ()))
    made = json.loads(reply.parts[0])
    assert (reply.status, made["type"], check(made)) == (200, "transaction-response", ())
    assert [entry["response"].get("location") for entry in made["entry"]] == [None, "ServiceRequest/1", None, "ServiceRequest/2"]
    assert [entry["response"]["status"][:3] for entry in made["entry"]] == ["200", "201", "200", "201"]
    assert made["entry"][3]["response"]["outcome"]["issue"][0]["details"]["text"] == NEXT.en


def test_a_collection_is_answered_as_one_with_every_reference_to_quote() -> None:
    sent = message(bundle(p=A, s=request(ref("p")), t=request(ref("p"))))
    reply = answer(sent, Committed((accepted("1"), accepted("2")), ()))
    text = reply.parts[0].decode()
    assert (reply.status, dict(reply.headers)["Location"]) == (201, "/fhir/ServiceRequest/1")
    assert dict(reply.headers)["Link"] == '</fhir/Task/c-1>; rel="related", </fhir/Task/c-2>; rel="related"'
    assert "REF-1" in text
    assert "REF-2" in text


# --- whatever arrives -------------------------------------------------------------------------------------------------------------------

SOUND = json.loads(
    bundle(
        "transaction", p=A, g={"resourceType": "Organization", "name": "x"}, s=request(ref("p"), requester=ref("g"), reasonReference=[ref("c")]),
        c=about("Condition", ref("p")), t=request(ref("p"), note=[{"text": "x"}]),
    )
)  # fmt: skip
_VALUES = [None, True, 7, "", CANARY, "active", "revoked", "PUT", "POST", "urn:uuid:p", "urn:uuid:s", "#p", [], {}, [CANARY], {"reference": "urn:uuid:t"}]
_WORDS = st.sampled_from(_VALUES)


def _places(node: Any, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [where, *(place for name, value in below for place in _places(value, (*where, name)))]


PLACES = _places(SOUND)[1:]


def spoilt(changes: list[tuple[tuple[Any, ...], Any]]) -> bytes:
    """The sound Bundle with other values in some of its places."""
    made = json.loads(json.dumps(SOUND))
    for place, value in changes:
        holder = made
        try:
            for part in place[:-1]:
                holder = holder[part]
            holder[place[-1]] = copy.deepcopy(value)  # the same value twice could hold itself
        except (LookupError, TypeError):
            continue
    return json.dumps(made).encode()


@settings(max_examples=300, deadline=None)
@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), _WORDS), min_size=1, max_size=4))
def test_whatever_stands_in_a_bundle_it_is_read_or_refused(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    sent = message(spoilt(changes))
    try:
        identify(sent)
        outcome: Translation | Rejected = translate(sent)
        reply = None
    except Rejected as rejected:
        outcome, reply = rejected, answer(sent, rejected)
        assert_an_operation_outcome(reply)
    assert CANARY not in said(outcome, reply)
    for fact in outcome.facts if isinstance(outcome, Translation) else ():
        assert {fault.rule for fault in check(fact.bundle)} <= KEPT
