"""People without a system: told by e-mail or letter as they asked and said is safe, else by a person; and nothing after a death."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from hub.content import content_of, read_content
from hub.deciding.deadlines import working_days_after
from hub.dispatch.carrier import Carrier, Pace
from hub.dispatch.letters import PrintQueue
from hub.dispatch.planning import Dispatch
from hub.dispatch.senders import ByMail
from hub.ledger.changes import Amendment, Effects, Locked
from hub.registry import installed
from hub.staying import told_anew
from hub.transports.mail import MailSender
from schemas.addressee import Sender
from schemas.events import FactType
from schemas.fhir.contact import EMAIL, LARGE_PRINT, LETTER, PREFERENCE, SAFE, SAFE_LETTER, TELEPHONE
from schemas.lifecycle import Update
from schemas.profile import Profile
from schemas.rejection import Reason
from schemas.task import Party, TaskStatus
from schemas.words import Text
from tests.hub.dispatch.conftest import Bench, carried, webhook
from tests.hub.mailing import Mailbox, mail_server
from tests.hub.making import policy, service_request

FORM = "self-referral"
SENDER = Sender(Text("Coed Community Team", "Tîm Cymunedol Coed"), "01632 960 000", "hello@coed.example", ("2 Test Square",))
ADDRESS, OFFICER = "non.prawf@example.org", "officer@housing.example.org"
SAFELY = {"url": SAFE, "valueBoolean": True}


def form(*, email: str | None = ADDRESS, home_safe: bool | None = True, methods: tuple[str, ...] = (), large: bool = False, by: str = "person") -> bytes:
    """A referral as the form's connector makes it."""
    chosen = [("PreferredContactMethod", one) for one in methods] + [("PreferredWrittenCommunicationFormat", LARGE_PRINT)] * large
    home: dict[str, Any] = {"line": ["1 Stryd y Prawf"], "city": "Abertawe", "postalCode": "SA1 1AA"}
    if home_safe is not None:
        home["extension"] = [{"url": SAFE_LETTER, "valueBoolean": home_safe}]
    person = {
        "resourceType": "Patient", "id": "person", "birthDate": "1948-05-17", "name": [{"family": "Prawf", "given": ["Non"]}],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}],
        "telecom": [{"system": "email", "value": email, "extension": [SAFELY]}] if email else [{"system": "phone", "value": "01632960001"}],
        "address": [home],
        "extension": [
            {"url": PREFERENCE, "extension": [{"url": name, "valueCodeableConcept": {"coding": [{"system": "x", "code": code}]}} for name, code in chosen]}
        ] if chosen else [{"url": SAFE, "valueBoolean": True}],
    }  # fmt: skip
    officer = {"resourceType": "PractitionerRole", "id": "officer", "telecom": [{"system": "email", "value": OFFICER}]}
    return service_request(contained=[person, officer], requester={"reference": "#officer" if by == "professional" else "#person"})


async def came(bench: Bench, **how: Any) -> UUID:
    """A referral that came by the form."""
    bench.dispatch = Dispatch(bench.record.ledger, bench.known, installed(), policy(), SENDER)
    referral = await bench.record.create(body=form(**how), client=FORM)
    await bench.record.fetch("UPDATE referral SET connector = 'self_referral' WHERE id = $1", referral)
    return referral


def post(bench: Bench, box: Mailbox | None, **pace: Any) -> Carrier:
    """The carrier of e-mails to this mailbox."""
    sender = MailSender(box.server, timeout=5) if box else None
    return Carrier("mail", ByMail(sender), bench.record.ledger, installed(), bench.known, Pace(poll=0.05, **pace))


def queue(bench: Bench) -> PrintQueue:
    return PrintQueue(bench.record.ledger.pool, policy(), 2)


async def items(bench: Bench, referral: UUID) -> list[tuple[str, str]]:
    rows = await bench.record.fetch("SELECT kind, reason FROM worklist_item WHERE referral_id = $1 AND closed_at IS NULL ORDER BY opened_at", referral)
    return [(row["kind"], row["reason"]) for row in rows]


async def told_of(bench: Bench, **how: Any) -> list[tuple[str, str]]:
    """Who is told of an assignment, and how."""
    referral = await came(bench, **how)
    await bench.record.assign(referral, client=None)
    await bench.consume(referral)
    return sorted((recipient, transport) for recipient, transport, *_ in await bench.states(referral) if recipient in ("person", "professional"))


WAYS = [
    # what the form says, and how the person (and who referred them) hears of an assignment
    ({}, [("person", "mail")]),
    ({"methods": (LETTER,)}, [("person", "letter")]),
    ({"email": None}, [("person", "letter")]),  # no phone and no e-mail is normal
    ({"email": None, "home_safe": False}, [("person", "by-hand")]),  # nothing is safe: somebody rings
    ({"email": None, "home_safe": None}, [("person", "by-hand")]),  # nobody answered: not safe
    ({"methods": (TELEPHONE,)}, [("person", "by-hand")]),  # asked to be rung
    ({"methods": (EMAIL,), "home_safe": False}, [("person", "mail")]),
    ({"methods": (LETTER,), "home_safe": False}, [("person", "mail")]),  # asked for letters, but not to that home
    ({"by": "professional"}, [("person", "mail"), ("professional", "mail")]),
    ({"by": "professional", "methods": (LETTER,)}, [("person", "letter"), ("professional", "mail")]),
]


@pytest.mark.parametrize(("how", "told"), WAYS)
async def test_each_is_told_by_the_way_that_they_asked_for_and_said_is_safe(bench: Bench, how: dict[str, Any], told: list[tuple[str, str]]) -> None:
    bench.known.add(FORM, kind="self")
    assert await told_of(bench, **how) == told


async def test_an_organisation_that_wants_to_hear_nothing_takes_nothing_from_the_person(bench: Bench) -> None:
    bench.known.add(FORM, profile=Profile(feedback="none"), kind="housing")
    assert await told_of(bench, by="professional") == [("person", "mail")]


async def test_an_organisation_with_a_system_hears_there_and_the_person_by_letter(bench: Bench) -> None:
    bench.known.add(FORM, webhook("http://127.0.0.1:9/x", "fhir_rest"), kind="housing")
    referral = await came(bench, by="professional", methods=(LETTER,))
    await bench.record.assign(referral, client=None)
    await bench.consume(referral)
    told = {(recipient, transport) for recipient, transport, *_ in await bench.states(referral)}
    assert told == {("person", "letter"), (FORM, "webhook"), ("p-1", "by-hand")}


async def test_a_referral_of_a_gp_writes_to_nobody_at_home(bench: Bench) -> None:
    bench.dispatch = Dispatch(bench.record.ledger, bench.known, installed(), policy(), SENDER)
    referral = await bench.record.create(body=form())
    await bench.record.assign(referral, client=None)
    await bench.consume(referral)
    assert {transport for _, transport, *_ in await bench.states(referral)} == {"by-hand"}


async def test_an_email_arrives_thin_and_the_officers_names_nobody(bench: Bench) -> None:
    async with mail_server() as box:
        referral = await came(bench, by="professional")
        await bench.record.list_prescriber("p-1", "Gwasanaeth Lles")
        await bench.record.assign(referral, client=None)
        await bench.consume(referral)
        assert await carried(post(bench, box)) == 2
        by_address = {to[0]: one for (_, to), one in zip(box.envelopes, box.taken, strict=True)}
        own, officers = by_address[ADDRESS], by_address[OFFICER]
        assert own["Subject"] == officers["Subject"] == "Neges gan Tîm Cymunedol Coed / A message from Coed Community Team"
        assert "We have asked a link worker to help you" in own.get_content()
        assert "Gwasanaeth Lles" not in own.get_content()
        assert "We have asked Gwasanaeth Lles to take it on" in officers.get_content()
        for private in ("Prawf", "Non", "9990000026", "SA1", ADDRESS):
            assert private not in officers.get_content()
        assert {state for who, _, _, state in await bench.states(referral) if who in ("person", "professional")} == {"delivered"}


async def test_a_refused_email_becomes_a_letter_and_one_without_a_safe_home_a_call(bench: Bench) -> None:
    async with mail_server() as box:
        safe, unsafe = await came(bench), await came(bench, home_safe=False)
        for referral in (safe, unsafe):
            await bench.record.assign(referral, client=None)
            await bench.consume(referral)
        box.codes[ADDRESS] = ["550 5.1.1 no such mailbox"] * 2
        await carried(post(bench, box))
        assert [one for one in await bench.states(safe) if one[0] == "person"] == [("person", "letter", "assigned", "pending")]
        assert await bench.record.value("SELECT outcome FROM delivery WHERE referral_id = $1 AND recipient = 'person'", safe) == "no e-mail: SMTP 550"
        assert [one for one in await bench.states(unsafe) if one[0] == "person"] == [("person", "mail", "assigned", "refused")]
        assert ("tell-by-hand", "delivery-refused") in await items(bench, unsafe)


async def test_an_email_put_off_is_tried_again_with_the_same_message_id_and_then_becomes_a_letter(bench: Bench) -> None:
    async with mail_server() as box:
        referral = await came(bench)
        await bench.record.assign(referral, client=None)
        await bench.consume(referral)
        box.data = ["451 4.3.0 later"]
        await carried(post(bench, box, schedule=(0, 0, 0)))
        assert await bench.record.value("SELECT attempts FROM delivery WHERE recipient = 'person'") == 2
        id_ = await bench.record.value("SELECT id FROM delivery WHERE recipient = 'person'")
        assert box.taken[0]["Message-ID"] == f"<{id_}@coed.example>"
        again = await came(bench)
        await bench.record.assign(again, client=None)
        await bench.consume(again)
        box.data = ["451 4.3.0 later"] * 3
        await carried(post(bench, box, schedule=(0, 0, 0)))
        assert [one for one in await bench.states(again) if one[0] == "person"] == [("person", "letter", "assigned", "pending")]


async def test_a_mail_server_that_is_gone_puts_off_and_none_at_all_means_letters(bench: Bench) -> None:
    async with mail_server() as box:
        gone = Mailbox(port=box.port)
    referral = await came(bench)
    await bench.record.assign(referral, client=None)
    await bench.consume(referral)
    assert await carried(post(bench, gone)) == 1
    assert [one for one in await bench.states(referral) if one[0] == "person"] == [("person", "mail", "assigned", "pending")]
    await bench.record.fetch("UPDATE delivery SET next_attempt_at = now()")
    await carried(post(bench, None))
    assert [one for one in await bench.states(referral) if one[0] == "person"] == [("person", "letter", "assigned", "pending")]


async def test_an_address_that_became_unsafe_while_an_email_waited_is_not_used(bench: Bench) -> None:
    async with mail_server() as box:
        referral = await came(bench)
        await bench.record.assign(referral, client=None)
        await bench.consume(referral)
        await changed(bench, referral, form(email=None, home_safe=False))
        await carried(post(bench, box))
        assert box.taken == []
        assert ("tell-by-hand", "delivery-refused") in await items(bench, referral)


@pytest.mark.parametrize("methods", [(), (LETTER,)])
async def test_an_email_address_that_a_hospital_knows_is_not_one_that_the_person_said_is_safe(bench: Bench, methods: tuple[str, ...]) -> None:
    theirs = {"resourceType": "Patient", "telecom": [{"system": "email", "value": "shared@home.example"}], "address": [{"line": ["9 Old Road"]}]}

    def decide(locked: Locked) -> Effects:
        return Effects(locked.state, content=told_anew(locked.content, theirs))

    async with mail_server() as box:
        referral = await came(bench, email=None, home_safe=False, methods=methods)
        await bench.record.ledger.commit(Amendment(decide, (referral,)))
        await bench.record.assign(referral, client=None)
        await bench.consume(referral)
        await carried(post(bench, box))
        assert box.taken == []
        assert [one for one in await bench.states(referral) if one[0] == "person"] == [("person", "by-hand", "assigned", "pending")]


@pytest.mark.parametrize("how", [{}, {"methods": (LETTER,)}])
async def test_a_death_cancels_unsent_emails_and_letters_in_its_own_commit_and_nobody_writes_again(bench: Bench, how: dict[str, Any]) -> None:
    async with mail_server() as box:
        referral = await came(bench, **how)
        await bench.record.assign(referral, client=None)
        await bench.consume(referral)
        await bench.record.apply(referral, Update(FactType.PERSON_DIED, Party.HOSPITAL))
        at_once = [one for one in await bench.states(referral) if one[0] == "person"]
        assert [state for *_, state in at_once] == ["cancelled"]
        await bench.consume(referral)
        await queue(bench).look()
        await carried(post(bench, box))
        assert box.taken == []
        assert [one for one in await bench.states(referral) if one[0] == "person"] == at_once


async def test_what_dispatch_reads_only_after_the_death_is_written_to_nobody(bench: Bench) -> None:
    referral = await came(bench)
    await bench.record.assign(referral, client=None)
    await bench.record.apply(referral, Update(FactType.PERSON_DIED, Party.HOSPITAL))
    await bench.consume(referral)
    assert [one for one in await bench.states(referral) if one[0] == "person"] == []


async def test_a_closing_because_of_a_death_is_written_to_nobody_but_the_officer(bench: Bench) -> None:
    referral = await came(bench, by="professional")
    await bench.record.apply(referral, Update(FactType.CLOSED, Party.OPERATIONS, reason=Reason.DIED, ends=TaskStatus.REJECTED))
    await bench.consume(referral)
    assert await bench.states(referral) == [("professional", "mail", "closed", "pending")]


RISKS = [Reason.CRISIS, Reason.SAFEGUARDING, Reason.DOMESTIC_ABUSE, Reason.CLINICAL]


@pytest.mark.parametrize("reason", RISKS)
async def test_of_a_risk_nothing_is_written_to_the_person_and_somebody_speaks_with_them(bench: Bench, reason: Reason) -> None:
    referral = await came(bench)
    await bench.record.apply(referral, Update(FactType.HELD, Party.HUB, reason=reason))
    await bench.consume(referral)
    assert [(who, way) for who, way, *_ in await bench.states(referral)] == [("person", "by-hand")]
    await bench.by_hand()
    assert ("tell-by-hand", "held") in await items(bench, referral)


async def test_whom_nothing_in_writing_reaches_is_rung_about_an_end_with_their_own_words(bench: Bench) -> None:
    referral = await came(bench, methods=(TELEPHONE,))
    await bench.record.apply(referral, Update(FactType.CLOSED, Party.OPERATIONS, reason=Reason.NO_SUITABLE_SERVICE, ends=TaskStatus.REJECTED))
    await bench.consume(referral)
    assert await bench.states(referral) == [("person", "by-hand", "closed", "pending")]
    body = await _body(bench, referral)
    assert body["en"].startswith("Your request is closed")
    assert body["tell"] == "person"


async def test_a_letter_holds_who_helps_in_large_print_where_that_was_asked_for(bench: Bench) -> None:
    referral = await came(bench, email=None, large=True)
    await bench.record.list_prescriber("p-1", "Gwasanaeth Lles")
    await bench.record.assign(referral, client=None)
    await bench.consume(referral)
    body = await _body(bench, referral)
    assert "We have asked Gwasanaeth Lles to help you." in body["letter"]
    assert '<article class="letter large"' in body["letter"]
    assert "mail" not in body


async def test_a_letter_has_so_many_working_days_and_then_stands_on_the_worklist_once(bench: Bench) -> None:
    referral = await came(bench, email=None)
    await bench.record.assign(referral, client=None)
    await bench.consume(referral)
    await bench.by_hand()
    before = await items(bench, referral)
    assert await queue(bench).look() == 0
    row = (await bench.record.fetch("SELECT id, created_at, next_attempt_at FROM delivery WHERE transport = 'letter'"))[0]
    made: datetime = row["created_at"]
    assert row["next_attempt_at"] == working_days_after(made, 2, policy())
    await bench.record.fetch("UPDATE delivery SET next_attempt_at = now() - interval '1 minute' WHERE transport = 'letter'")
    assert await queue(bench).look() == 1
    assert await queue(bench).look() == 0
    assert await items(bench, referral) == [*before, ("tell-by-hand", "letter-not-posted")]
    assert (await bench.record.value("SELECT state FROM delivery WHERE transport = 'letter'")) == "pending"


async def changed(bench: Bench, referral: UUID, body: bytes) -> None:
    """The content as a later message of the form would leave it."""

    def decide(locked: Locked) -> Effects:
        content = read_content(locked.content)
        sent = orjson.loads(body)
        entries = [
            {**one, "resource": {**one["resource"], "contained": sent["contained"]}} if "contained" in one["resource"] else one
            for one in content.bundle["entry"]
        ]
        return Effects(locked.state, content=content_of(content.referral, {**content.bundle, "entry": entries}))

    await bench.record.ledger.commit(Amendment(decide, (referral,)))


async def _body(bench: Bench, referral: UUID) -> dict[str, Any]:
    row = (await bench.record.fetch("SELECT d.id, d.body, r.sealing_key FROM delivery d JOIN referral r ON r.id = d.referral_id WHERE d.recipient = 'person'"))[
        0
    ]
    found: dict[str, Any] = orjson.loads(bench.record.ledger.sealing.key(referral, row["sealing_key"]).open(f"delivery|{row['id']}", row["body"]))
    return found


EMAILED = Profile(organisation_type="third-sector", sharing_agreement=True, feedback_by="email", email="desk@charity.example")


async def test_an_organisation_that_is_told_by_email_reads_what_became_of_its_referral_and_nothing_of_the_person(bench: Bench) -> None:
    async with mail_server() as box:
        bench.known.add("elusen-prawf", profile=EMAILED, kind="third-sector")
        bench.dispatch = Dispatch(bench.record.ledger, bench.known, installed(), policy(), SENDER)
        referral = await bench.record.create(body=form(), client="elusen-prawf")
        await bench.record.list_prescriber("p-1", "Gwasanaeth Lles")
        await bench.record.assign(referral, client=None)
        await bench.consume(referral)
        assert await carried(post(bench, box)) == 1
        assert [to for _, to in box.envelopes] == [["desk@charity.example"]] or [to[0] for _, to in box.envelopes] == ["desk@charity.example"]
        (said,) = [one.get_content() for one in box.taken]
        assert "Gwasanaeth Lles" in said
        assert not [private for private in ("Prawf", "Non", "9990000026", "SA1", ADDRESS) if private in said]


async def test_without_a_mail_server_a_person_tells_an_organisation_that_wants_email(bench: Bench) -> None:
    bench.known.add("elusen-prawf", profile=EMAILED, kind="third-sector")
    bench.dispatch = Dispatch(bench.record.ledger, bench.known, installed(), policy())
    referral = await bench.record.create(body=form(), client="elusen-prawf")
    await bench.record.apply(referral, Update(FactType.CLOSED, Party.OPERATIONS, reason=Reason.NO_SUITABLE_SERVICE, ends=TaskStatus.REJECTED))
    await bench.consume(referral)
    assert ("elusen-prawf", "by-hand") in {(recipient, transport) for recipient, transport, *_ in await bench.states(referral)}
