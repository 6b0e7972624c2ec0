"""A questionnaire's answers become a referral by the declared table, and by nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.fhir_rest.answered import Meaning
from connectors.fhir_rest.connector import answer, translate
from connectors.fhir_rest.questionnaires import declared
from schemas.codes.requested_service import ServiceState
from schemas.fhir.check import check
from schemas.messages import InboundMessage, Translation
from schemas.referral import Referral
from schemas.rejection import Rejected
from tests.connectors.awkward import CANARY, SOUND_HEADERS
from tests.connectors.test_awkward import assert_an_operation_outcome, said

URL = "https://hub.example.wales/Questionnaire/social-prescribing-referral"
WHO = [
    {"linkId": "person.family", "answer": [{"valueString": "Prawf"}]},
    {"linkId": "person.born", "answer": [{"valueDate": "1948-05-17"}]},
]


def response(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "QuestionnaireResponse", "questionnaire": URL, "status": "completed", "item": [*WHO, *items], **more}


def message(sent: Any) -> InboundMessage:
    return InboundMessage(json.dumps(sent).encode(), "POST /fhir/QuestionnaireResponse", SOUND_HEADERS, received_at=datetime(2026, 3, 2, 9, tzinfo=UTC))


def referral_of(sent: dict[str, Any]) -> Referral:
    (fact,) = translate(message(sent)).facts
    assert fact.referral is not None
    assert check(fact.bundle) == ()
    return fact.referral


def item(link: str, **value: Any) -> dict[str, Any]:
    return {"linkId": link, "answer": [value]}


def test_every_meaning_is_used_by_a_table_or_a_test() -> None:
    rows = "\n".join(f'"{name}" = "{name}"' for name in get_args(Meaning))
    table = declared(f'[[questionnaire]]\nurl = "u"\n[questionnaire.items]\n{rows}')
    assert set(table["u"].items.values()) == set(get_args(Meaning))
    with pytest.raises(ValueError, match="there is no meaning shoe-size"):
        declared('[[questionnaire]]\nurl = "u"\n[questionnaire.items]\nx = "shoe-size"')


MEANT = [
    ("a given name", item("person.given", valueString="Non"), lambda one: one.person.given == ("Non",)),
    ("a phone number", item("person.phone", valueString="029 2018 0000"), lambda one: one.person.phones == ("029 2018 0000",)),
    ("an e-mail address", item("person.email", valueString="non@example.org"), lambda one: one.person.emails == ("non@example.org",)),
    ("an address", item("person.address", valueString="1 Stryd y Prawf"), lambda one: one.person.has_address),
    ("a gender", item("person.gender", valueCoding={"code": "female"}), lambda one: one.person.gender == "female"),
    ("a language, as a word", item("person.language", valueString="cy"), lambda one: one.person.language_spoken == "cy"),
    ("a number", item("person.nhs-number", valueString="999 000 0026"), lambda one: one.person.nhs_number == "9990000026"),
    ("a need, in words", item("needs", valueString="Company"), lambda one: one.needs == () and one.service.state is ServiceState.SOCIAL_PRESCRIBING),
    ("a story", item("story", valueString="Hoffai ganu."), lambda one: one.narrative == ("Hoffai ganu.",)),
    ("a priority", item("priority", valueCoding={"code": "urgent"}), lambda one: one.priority == "urgent"),
    ("who refers", item("referrer.organisation", valueString="W99999"), lambda one: one.referrer.ods == "W99999"),
    ("a no", item("consent.prescriber", valueBoolean=False), lambda one: one.consent.direct_care is False),
    ("a no in words", item("consent.prescriber", valueString="No"), lambda one: one.consent.direct_care is False),
    ("a no in Welsh", item("consent.prescriber", valueString="Nac ydw"), lambda one: one.consent.direct_care is False),
    ("a no as a number", item("consent.prescriber", valueInteger=0), lambda one: one.consent.direct_care is False),
    (
        "a choice whose words take back what its code says",
        item("consent.prescriber", valueCoding={"code": "Y", "display": "Yes, but not the police"}),
        lambda one: one.consent.direct_care is None and one.consent.unclear,
    ),
    ("a no as a choice", item("consent.groups", valueCoding={"code": "N"}), lambda one: one.consent.share_with_community is False),
    ("a yes in words", item("consent.groups", valueString="Ydw"), lambda one: one.consent.share_with_community is True),
    ("a yes as a choice", item("consent.groups", valueCoding={"code": "Y", "display": "Yes"}), lambda one: one.consent.share_with_community is True),
    (
        "a yes with a condition is none",
        item("consent.prescriber", valueString="Yes, but not my daughter"),
        lambda one: one.consent.direct_care is None and one.consent.unclear,
    ),
    ("a priority in words", item("priority", valueString="Urgent"), lambda one: one.priority == "urgent"),
    ("a yes to groups", item("consent.groups", valueBoolean=True), lambda one: one.consent.share_with_community is True),
    ("no answer about groups", item("story", valueString="x"), lambda one: one.consent.share_with_community is None),
]


@pytest.mark.parametrize(("why", "sent", "holds"), MEANT, ids=[row[0] for row in MEANT])
def test_an_answer_means_what_the_table_says(why: str, sent: dict[str, Any], holds: Any) -> None:
    assert holds(referral_of(response(sent)))


def test_an_answer_within_a_group_and_within_an_answer_counts() -> None:
    nested = {"linkId": "g", "item": [{"linkId": "x", "answer": [{"valueBoolean": True, "item": [item("story", valueString="Deep down.")]}]}]}
    assert referral_of(response(nested)).narrative == ("Deep down.",)


def test_what_was_answered_twice_is_kept_twice_where_it_can_be() -> None:
    assert referral_of(response(item("story", valueString="One."), item("what-matters", valueString="Two."))).narrative == ("One.", "Two.")


@pytest.mark.parametrize("version", ["", "|1.0", "|9.9"])
def test_any_version_of_a_declared_questionnaire_is_read(version: str) -> None:
    assert referral_of(response(questionnaire=URL + version)).person.family == "Prawf"


@pytest.mark.parametrize(
    ("sent", "at"),
    [
        (response(status="in-progress"), "QuestionnaireResponse.status"),
        (response(status="entered-in-error"), "QuestionnaireResponse.status"),
        (response(questionnaire="https://x.example/q"), "QuestionnaireResponse.questionnaire"),
        (response(questionnaire=7), "QuestionnaireResponse.questionnaire"),
        ({"resourceType": "QuestionnaireResponse", "questionnaire": URL, "status": "completed"}, "QuestionnaireResponse"),
        (response(modifierExtension=[{"url": "https://x.example", "valueBoolean": True}]), "QuestionnaireResponse.modifierExtension"),
        (response(implicitRules="https://x.example"), "QuestionnaireResponse.implicitRules"),
        (response(subject={"reference": "#nobody"}), "QuestionnaireResponse.subject.reference"),
    ],
)
def test_a_response_that_is_no_referral_is_refused_by_name(sent: dict[str, Any], at: str) -> None:
    with pytest.raises(Rejected) as refused:
        translate(message(sent))
    assert at in [issue.at for issue in refused.value.issues]


def test_a_fault_of_an_answer_is_named_at_the_answer() -> None:
    need = item("needs", valueCoding={"system": "https://x.example", "code": "x"})
    made = translate(message(response(item("person.nhs-number", valueString="1234567890"), need)))
    assert {"QuestionnaireResponse.item[2].answer[0]", "QuestionnaireResponse.item[3].answer[0]"} <= {issue.at for issue in made.warnings}


_VALUES = st.sampled_from(
    [{"valueString": CANARY}, {"valueBoolean": True}, {"valueCoding": {"code": CANARY}}, {"valueCoding": CANARY}, {"valueDate": "2026-02-30"}, {}, 7, None,
     {"valueString": 7}, {"valueInteger": 3}, {"valueReference": {"reference": "Patient/1"}}, {"valueString": ""}, {"valueCoding": {"system": CANARY}}, CANARY]
)  # fmt: skip
_LINKS = st.sampled_from(["person.family", "person.born", "person.nhs-number", "needs", "story", "priority", "consent.groups", "person.language",
                          "person.gender", "reference", CANARY, "", 7, None])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(items=st.lists(st.builds(lambda link, values: {"linkId": link, "answer": values}, _LINKS, st.lists(_VALUES, max_size=3)), max_size=5))
def test_whatever_was_answered_it_is_read_or_refused(items: list[dict[str, Any]]) -> None:
    sent = message(response(*items))
    try:
        outcome: Translation | Rejected = translate(sent)
        reply = None
    except Rejected as rejected:
        outcome, reply = rejected, answer(sent, rejected)
        assert_an_operation_outcome(reply)
    assert CANARY not in said(outcome, reply)
    for fact in outcome.facts if isinstance(outcome, Translation) else ():
        assert check(fact.bundle) == ()
