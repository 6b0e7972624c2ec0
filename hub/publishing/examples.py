"""In publishing: one example of everything that is published, made by the code that says it, of an invented person; the same every time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson

from connectors.case_management import connector as case_management
from connectors.fhir_rest import connector as fhir_rest
from connectors.hospital_hl7v2 import connector as hospital
from hub.content import bundle_of
from hub.deciding.clocks import PolicyClocks
from hub.deciding.decision import Assign, Record
from hub.deciding.policy import load_policy
from hub.intake.changes import Changer
from hub.intake.creation import Arrival, Maker
from hub.intake.later import Later
from hub.ledger.changes import Effects, Locked, NewEvent, NewReferral
from hub.ledger.sealing import Sealing
from hub.places import Places
from hub.recording import Recorder, Tree, fhir_task, task_id
from hub.routing.assigning import assign
from schemas.events import Event, event_id_on, to_record
from schemas.events import FactType as F
from schemas.fhir.build import FACT_SYSTEM
from schemas.lifecycle import Update
from schemas.messages import Fact, InboundMessage, Notice, Reply
from schemas.profile import Profile
from schemas.rejection import Reason
from schemas.task import Party, Role, TaskStatus
from schemas.topics import STATUS
from schemas.words import Text, text

JsonObject = dict[str, Any]  # Any: JSON
ID = UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7")
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
GP, CASES, HOSPITAL, PRESCRIBER = "gp-example", "cases-example", "hospital-example", "pr-example"
TASK = task_id(ID, Role.HAND_OVER, 1)
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_JOURNEY = "f2c1c1b0-6a7e-4d51-9f0a-6b8e0c7b7d11"
REQUEST: JsonObject = {
    "resourceType": "ServiceRequest",
    "identifier": [{"system": "https://gp.example.wales/referral", "value": "GP-0001"}],
    "status": "active",
    "intent": "order",
    "priority": "routine",
    "code": {"text": "Social prescribing"},
    "subject": {"reference": "#person"},
    "authoredOn": "2026-03-02T09:15:00Z",
    "note": [{"text": "Lives alone since the autumn and would like company."}],
    "contained": [
        {
            "resourceType": "Patient", "id": "person", "birthDate": "1950-01-01", "name": [{"family": "Prawf", "given": ["Person"]}],
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
            "address": [{"line": ["1 Stryd y Prawf"], "postalCode": "SA1 1AA"}],
        }
    ],
}  # fmt: skip
_ADT = "\r".join(
    (
        r"MSH|^~\&|WPAS|7A3|SPHUB|SPHUB|20260302090000||ADT^{kind}|{id}|P|2.4|||||GBR|UNICODE UTF-8", "EVN||20260301150500",
        "PID|1||9990000018^^^NHS^NH||PRAWF^PERSON||19500101|F|||2 STRYD Y PRAWF^^ABERTAWE^^SA1 1AA||01792000000{died}",
        "PV1|1|I|WARD 7^Bay 2^Bed 3^7A3C7" + 33 * "|" + "19||||||||202602251100+0000|202603011500+0000\r",
    )
)  # fmt: skip
_UPDATES: Mapping[F, Sequence[tuple[F, Party, Reason | None]]] = {
    F.HELD: [(F.HELD, Party.HUB, Reason.CRISIS)],
    F.RELEASED: [(F.HELD, Party.HUB, Reason.CRISIS), (F.RELEASED, Party.OPERATIONS, None)],
    F.NEED_UNMET: [(F.NEED_UNMET, Party.HUB, None)],
    F.ACCEPTED: [(F.ACCEPTED, Party.PRESCRIBER, None)],
    F.DECLINED: [(F.DECLINED, Party.PRESCRIBER, Reason.AT_CAPACITY)],
    F.NO_RESPONSE: [(F.NO_RESPONSE, Party.HUB, Reason.NO_RESPONSE)],
    F.CONTACT_ATTEMPTED: [(F.ACCEPTED, Party.PRESCRIBER, None), (F.CONTACT_ATTEMPTED, Party.PRESCRIBER, None)],
    F.DID_NOT_ATTEND: [(F.ACCEPTED, Party.PRESCRIBER, None), (F.DID_NOT_ATTEND, Party.PRESCRIBER, None)],
    F.FIRST_CONTACT: [(F.FIRST_CONTACT, Party.PRESCRIBER, None)],
    F.PLAN_AGREED: [(F.FIRST_CONTACT, Party.PRESCRIBER, None), (F.PLAN_AGREED, Party.PRESCRIBER, None)],
    F.ON_HOLD: [(F.ACCEPTED, Party.PRESCRIBER, None), (F.ON_HOLD, Party.PRESCRIBER, Reason.FAILED_CONTACT)],
    F.RESUMED: [(F.ACCEPTED, Party.PRESCRIBER, None), (F.ON_HOLD, Party.PRESCRIBER, None), (F.RESUMED, Party.PRESCRIBER, None)],
    F.STEPPED_UP: [(F.FIRST_CONTACT, Party.PRESCRIBER, None), (F.STEPPED_UP, Party.PRESCRIBER, Reason.CLINICAL)],
    F.HANDED_BACK: [(F.ACCEPTED, Party.PRESCRIBER, None), (F.HANDED_BACK, Party.PRESCRIBER, Reason.NO_SUITABLE_SERVICE)],
    F.COMPLETED: [(F.COMPLETED, Party.PRESCRIBER, Reason.GOALS_MET)],
    F.FAILED: [(F.FIRST_CONTACT, Party.PRESCRIBER, None), (F.FAILED, Party.PRESCRIBER, Reason.DISENGAGED)],
    F.CLOSED: [(F.COMPLETED, Party.PRESCRIBER, Reason.GOALS_MET), (F.CLOSED, Party.HUB, Reason.GOALS_MET)],
    F.CANCEL_REQUESTED: [(F.ACCEPTED, Party.PRESCRIBER, None), (F.CANCEL_REQUESTED, Party.REFERRER, Reason.CANCELLED_BY_REFERRER)],
    F.ENTERED_IN_ERROR: [(F.ENTERED_IN_ERROR, Party.REFERRER, None)],
    F.CANCELLED: [(F.ACCEPTED, Party.PRESCRIBER, None), (F.CANCELLED, Party.PRESCRIBER, Reason.CANCELLED_BY_REFERRER)],
}
_WHY = Text("It works in Swansea and helps with loneliness.", "Mae'n gweithio yn Abertawe ac yn helpu gydag unigrwydd.")
_BEFORE_ASSIGNMENT = frozenset({F.HELD, F.RELEASED, F.NEED_UNMET})


@cache
def facts() -> Mapping[F, NewEvent]:
    """Every fact that is published, as the ledger would record it of one referral."""
    new = _received()
    first = _standing(new)
    assigned = _assigned(first)
    over = replace(first, state=assigned.state, task_clients={TASK: CASES})
    made = {F.RECEIVED: new.events[0], F.OFFERED: _received(F.OFFERED).events[0], F.ASSIGNED: assigned.events[0]}
    for fact, steps in _UPDATES.items():
        made[fact] = _after(first if fact in _BEFORE_ASSIGNMENT else over, steps)
    for fact, kind, died in ((F.PERSON_MOVED, "A03", ""), (F.PERSON_CHANGED, "A31", ""), (F.PERSON_DIED, "A31", 16 * "|" + "20260301|Y")):
        made[fact] = _of_person(over, fact, kind, died)
    for fact in (F.UPDATED, F.CONSENT_CHANGED):
        made[fact] = _said_later(over, fact)
    return made


def _clocks() -> PolicyClocks:
    return PolicyClocks(load_policy())


def _sealing() -> Sealing:
    return Sealing.from_secret(bytes(range(32)))


@cache
def _received(fact: F = F.RECEIVED) -> NewReferral:
    arrival, said = _said(fact)
    return _maker().make(arrival, said, ID).referral


def _maker() -> Maker:
    return Maker(load_policy(), Places.load(), _sealing())


def _said(fact: F) -> tuple[Arrival, Fact]:
    """The example's message as its connector reads it, saying this fact."""
    body = orjson.dumps(REQUEST)
    headers = {"x-correlation-id": _JOURNEY, "content-type": "application/fhir+json"}
    message = InboundMessage(body, "POST /fhir/ServiceRequest", headers, received_at=NOW, client=GP)
    said = fhir_rest.translate(message).facts[0]
    arrival = Arrival(GP, "fhir_rest", "5b7e7a34-7e1f-4b6c-8a3e-0c4f3f0c8d21", NOW, body, _TRACE)
    entries = [{**said.bundle["entry"][0], "resource": {**said.bundle["entry"][0]["resource"], **_event_coding(fact)}}, *said.bundle["entry"][1:]]
    return arrival, replace(said, type=fact, bundle={**said.bundle, "entry": entries})


def _event_coding(fact: F) -> JsonObject:
    return {"eventCoding": {"system": FACT_SYSTEM, "code": fact.value}}


def _said_later(locked: Locked, fact: F) -> NewEvent:
    """What its referrer says later of the referral."""
    decided = Later(_maker(), *_said(fact)).decide(locked)
    if not isinstance(decided, Effects):
        raise ValueError(f"the example of {fact.value} changes nothing")
    return decided.events[0]


def _standing(new: NewReferral) -> Locked:
    created = {task.id: NOW for task in new.state.tasks}
    return Locked(
        id=new.id, ref=new.ref, client=new.client, connector=new.connector, correlation=new.correlation, state=new.state, content_version=1, held=None,
        clock=None, deadline_at=None, overdue=False, priority=new.priority, area=new.area, needs=new.needs, tried=(), task_clients={}, created=created,
        trace=new.trace, now=NOW, content=new.content, message=new.message,
    )  # fmt: skip


def _recorder(locked: Locked, cause: str, source: str) -> Recorder:
    return Recorder(locked, f"example|{cause}", source, _clocks())


def _assigned(locked: Locked) -> Effects:
    policy = replace(load_policy(), version="example", sha256=64 * "0")
    record = Record(NOW, policy, Places.load().resolve("SA1 1AA"), (), (), _WHY)
    return assign(locked, _recorder(locked, "assigned", "/routing"), Assign(record, PRESCRIBER, ("as-example",)), PRESCRIBER, CASES, bundle_of(locked.content))


def _after(locked: Locked, steps: Sequence[tuple[F, Party, Reason | None]]) -> NewEvent:
    """The last of these facts, one after the other."""
    recorder = _recorder(locked, steps[-1][0].value, "/routing" if steps[-1][1] is Party.HUB else "/connectors/case_management")
    for fact, party, reason in steps:
        coordination = fact in _BEFORE_ASSIGNMENT or fact in (F.CLOSED, F.CANCEL_REQUESTED, F.CANCELLED, F.ENTERED_IN_ERROR)
        said = "loneliness" if fact is F.NEED_UNMET else reason.value if reason else None
        recorder.apply(Update(fact, party, None if coordination else TASK, reason=said, ends=TaskStatus.COMPLETED if fact is F.CLOSED else None))
    made = recorder.last_event
    if made is None or made.type is not steps[-1][0]:
        raise ValueError(f"the example of {steps[-1][0].value} is no legal move")
    return made


def _of_person(locked: Locked, fact: F, kind: str, died: str) -> NewEvent:
    """What a hospital says of the person, as intake records it for one of their referrals."""
    body = _ADT.format(kind=kind, id=f"EXAMPLE-{fact.fact}", died=died).encode()
    translated = hospital.translate(InboundMessage(body, "mllp", None, received_at=NOW, client=HOSPITAL, profile=Profile()))
    arrival = Arrival(HOSPITAL, "hospital_hl7v2", f"EXAMPLE-{fact.fact}", NOW, body)
    decided = Changer(_clocks(), _sealing()).person(arrival, translated.facts, lambda *_: Reply(200)).decide(locked)
    if not isinstance(decided, Effects):
        raise ValueError(f"the example of {fact.value} changes nothing")
    return next(event for event in decided.events if event.type is fact)


# --- everything by file name ------------------------------------------------------------------------------------------------------------


def examples() -> dict[str, JsonObject]:
    """By the name of the schema that each follows, without `.json`."""
    made = facts()
    said: dict[str, JsonObject] = {f"facts/{fact.value}": orjson.loads(event.payload) for fact, event in made.items()}
    said["referral-status"] = orjson.loads(made[F.ACCEPTED].thin)
    said["headers"] = _headers(made[F.ACCEPTED])
    said["to-client"] = orjson.loads(case_management.compose(_notice(made[F.ASSIGNED], TASK, whole=True), Profile()).body)
    said["to-referrer"] = orjson.loads(fhir_rest.compose(_notice(made[F.ACCEPTED], task_id(ID, Role.COORDINATION, 1)), Profile()).body)
    said["from-client"] = {"resourceType": "Task", "id": TASK, "status": "accepted", "intent": "order"}
    said["from-client-headers"] = {"ce_id": "6d0f6c5e-1c77-4a39-9a8e-3c3f1c2b7a90", "ce_sequence": "1"}
    return said


def _headers(event: NewEvent) -> JsonObject:
    said = Event(event_id_on(STATUS.name, event.id), event.type, str(ID), event.subject, NOW, event.source, event.version, event.correlation, trace=_TRACE)
    return {name: value.decode() for name, value in to_record(said)[1]}


def _notice(event: NewEvent, about: str, *, whole: bool = False) -> Notice:
    new = _received()
    state = _assigned(_standing(new)).state
    task = next(task for task in state.tasks if task.id == about)
    shown = fhir_task(Tree(ID, new.ref, new.priority, GP, NOW), task, NOW)
    return Notice(
        str(event.id), event.type, str(ID), new.ref, event.version, text("answer.updated"), NOW, shown, journey=_JOURNEY, contact_by="2026-03-09",
        prescriber=PRESCRIBER, bundle=bundle_of(new.content) if whole else None,
    )  # fmt: skip


def counter_examples() -> dict[str, JsonObject]:
    """For each schema one thing that looks like its example and is wrong."""
    return {name: spoiled for name, example in examples().items() for spoiled in [_spoiled(name, copy.deepcopy(example))]}


def _spoiled(name: str, example: JsonObject) -> JsonObject:
    spoil: dict[str, Callable[[JsonObject], None]] = {
        "referral-status": lambda one: one.update(name="Person Prawf"),  # a person on the open topic
        "headers": lambda one: one.update(ce_nhsnumber="9990000018"),
        "to-client": lambda one: one["data"].pop("text"),
        "to-referrer": lambda one: one["data"]["task"].update({"for": {"display": "Person Prawf"}}),
        "from-client": lambda one: one.update(status="requested"),  # not the owner's to set
        "from-client-headers": lambda one: one.pop("ce_sequence"),
    }
    spoil.get(name, _without_its_task)(example)
    return example


def _without_its_task(bundle: JsonObject) -> None:
    """A fact that leaves out the Task which it is about."""
    kept = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != "Task"]
    bundle["entry"] = kept if len(kept) > 1 else [*kept, *kept]


def files() -> Iterator[tuple[str, str]]:
    """Name and text of each file in the folder of examples."""
    for suffix, made in (("", examples()), (".wrong", counter_examples())):
        for name, example in made.items():
            yield f"examples/{name}{suffix}.json", orjson.dumps(example, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"
