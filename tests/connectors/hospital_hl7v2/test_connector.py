"""The hospital's connector at its edges: request keys, acknowledgements in both modes, what is told back and what an answer to it means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.hospital_hl7v2 import connector
from schemas.events import FactType
from schemas.hl7v2 import Message, split
from schemas.messages import (
    Accepted,
    Committed,
    Delivered,
    Identifier,
    InboundMessage,
    InFlight,
    Notice,
    NotStored,
    OutboundMessage,
    Outcome,
    ReceiverReply,
    Refused,
    Repeated,
    Reply,
    TryAgain,
    Verdict,
)
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected
from schemas.words import Text

NOW = datetime(2026, 3, 2, 9, 0, 1, tzinfo=UTC)
HEAD = r"MSH|^~\&|WPAS|7A3|SPHUB|HUB|20260302090000||REF^I12^REF_I12|REF0001|P|2.4|||{accept}|{application}|GBR|UNICODE UTF-8"
BODY = "RF1|P|R|SP^Social prescribing^L|||7A3-000123^WPAS|20260302\rPID|1||9990000018^^^NHS^NH||PRAWF^PERSON||19500101|F|||secret\r"
NEXT = Text("A link worker will ring by Friday.", "Bydd gweithiwr cyswllt yn ffonio erbyn dydd Gwener.")
STORED = Committed((Accepted("id", "REF", 1, FactType.RECEIVED, NEXT),))
FAULTS = Rejected(Reason.REQUIRED, (Issue(Reason.REQUIRED, "MSH[1]-10"), Issue(Reason.WRONG_SERVICE, "RF1[1]-3")))


def inbound(accept: str = "", application: str = "", body: str = BODY, **profile: str) -> InboundMessage:
    whole = f"{HEAD.format(accept=accept, application=application)}\r{body}".encode()
    return InboundMessage(whole, "mllp", received_at=NOW, client="ward", profile=Profile.model_validate(profile))


def codes(reply: Reply) -> list[str]:
    return [split(part).first("MSA").component(1) for part in reply.parts]


MODES: list[tuple[str, str, Outcome, list[str]]] = [
    # MSH-15, MSH-16, what became of it, MSA-1 of each answer
    ("", "", STORED, ["AA"]),  # original mode
    ("", "", FAULTS, ["AR"]),
    ("", "", NotStored(), ["AE"]),
    ("", "", InFlight(), []),  # no answer until it is known
    ("AL", "", STORED, ["CA"]),  # enhanced: the commit alone is asked for
    ("AL", "NE", STORED, ["CA"]),
    ("AL", "AL", STORED, ["CA", "AA"]),
    ("AL", "SU", STORED, ["CA", "AA"]),
    ("AL", "ER", STORED, ["CA"]),  # the application answers errors only
    ("SU", "AL", STORED, ["CA", "AA"]),
    ("ER", "AL", STORED, ["AA"]),  # the commit answers errors only
    ("NE", "AL", STORED, ["AA"]),
    ("NE", "NE", STORED, []),  # nothing is asked for
    ("al", "al", STORED, ["CA", "AA"]),  # in small letters
    ("AL", "AL", FAULTS, ["CR"]),  # a sender that stops at the first answer hears no
    ("ER", "NE", FAULTS, ["CR"]),
    ("NE", "AL", FAULTS, ["AR"]),
    ("NE", "ER", FAULTS, ["AR"]),
    ("NE", "NE", FAULTS, []),
    ("SU", "SU", FAULTS, []),
    ("AL", "AL", NotStored(), ["CE"]),
    ("NE", "AL", NotStored(), ["AE"]),
]


@pytest.mark.parametrize(("accept", "application", "outcome", "expected"), MODES)
def test_the_acknowledgements_are_those_that_the_header_asks_for(accept: str, application: str, outcome: Outcome, expected: list[str]) -> None:
    reply = connector.answer(inbound(accept, application), outcome)
    assert codes(reply) == expected
    assert all(split(part).first("MSA").component(2) == "REF0001" for part in reply.parts)


def test_a_wrong_message_is_answered_with_every_fault_in_both_languages() -> None:
    answer = split(connector.answer(inbound(), FAULTS).parts[0])
    assert answer.first("MSA").field(3).text == "The message was not taken and nothing was sent on; what to correct is listed."
    assert [err.field(2).raw for err in answer.segments("ERR")] == ["MSH^1^10", "RF1^1^3"]
    for err, issue in zip(answer.segments("ERR"), FAULTS.issues, strict=True):
        assert err.field(8).text == f"{issue.text.en} / {issue.text.cy}"


def test_one_fault_in_its_reasons_own_words_is_the_sentence_itself() -> None:
    for reason in (Reason.REQUIRED, Reason.NO_IDENTITY):
        one = Issue(reason, "PID[1]-3")
        assert split(connector.answer(inbound(), Rejected(reason, [one])).parts[0]).first("MSA").field(3).text == one.text.en


def test_a_sentence_that_names_a_field_stands_in_the_err_alone() -> None:
    named = Issue(Reason.REQUIRED, "MSH[1]-10", "hospital.control-id")
    answer = split(connector.answer(inbound(), Rejected(Reason.REQUIRED, [named])).parts[0])
    assert "MSH-10" not in answer.first("MSA").field(3).text
    assert "MSH-10" in answer.first("ERR").field(8).text


@pytest.mark.parametrize(("accept", "code"), [("", "AE"), ("AL", "CE")])
def test_a_sender_that_agreed_on_ae_for_its_own_faults_hears_ae(accept: str, code: str) -> None:
    assert codes(connector.answer(inbound(accept, content_fault="AE"), FAULTS)) == [code]


def test_the_same_message_has_the_same_answer_and_a_repeat_the_first_one() -> None:
    first = connector.answer(inbound("AL", "AL"), STORED)
    assert connector.answer(inbound("AL", "AL"), STORED) == first
    assert connector.answer(inbound(), Repeated(first)) == first
    assert len({split(part).header.component(10) for part in first.parts}) == 2


def test_a_warning_stands_in_the_application_s_acknowledgement_alone() -> None:
    warned = replace(STORED, warnings=(Issue(Reason.PRIORITY_STAT, "RF1[1]-2"),))
    commit, application = (split(part) for part in connector.answer(inbound("AL", "AL"), warned).parts)
    assert not commit.has("ERR")
    assert (application.first("ERR").component(4), application.first("ERR").field(2).raw) == ("W", "RF1^1^2")


ERRORS = [
    # what is wrong, the code of table 0357
    ("|REF0001|", "||", "101"),  # B9: no control id
    ("REF^I12^REF_I12", "ZZZ^Z99", "200"),  # B12: unknown type
    ("REF^I12^REF_I12", "RRI^I12^RRI_I12", "200"),  # an answer to what nobody asked
    ("REF^I12^REF_I12", "ORM^O01", "200"),  # an order: acknowledged it would be believed done
    ("|2.4|", "|3.0|", "203"),
]


@pytest.mark.parametrize(("old", "new", "number"), ERRORS)
def test_what_is_not_taken_is_answered_by_its_number(old: str, new: str, number: str) -> None:
    message = replace(inbound(), body=inbound().body.replace(old.encode(), new.encode()))
    with pytest.raises(Rejected) as refused:
        connector.translate(message)
    assert split(connector.answer(message, refused.value).parts[0]).first("ERR").component(3) == number


KEYS = [
    ("", "WPAS|7A3|REF0001"),
    ("WPAS", "|7A3|REF0001"),  # MSH-3 empty
]


@pytest.mark.parametrize(("gone", "key"), KEYS)
def test_the_key_is_sender_facility_and_control_id(gone: str, key: str) -> None:
    message = replace(inbound(), body=inbound().body.replace(gone.encode(), b"", 1) if gone else inbound().body)
    assert (connector.identify(message).key, connector.identify(message).journey) == (key, None)


def test_the_same_key_is_read_from_a_message_that_cannot_be_split() -> None:
    broken = replace(inbound(), body=inbound().body.replace(b"PRAWF", b"P\xc9"))
    assert connector.identify(broken) == connector.identify(inbound())


@pytest.mark.parametrize("body", [b"", b"nonsense", b"MSH|^^\\&|A", b"FHS|^~\\&|A\rMSH|^~\\&|A\r", b'MSH|^~\\&|A|B|C|D|1||ADT^A31|""|P|2.4\r'])
def test_without_a_control_id_there_is_no_key(body: bytes) -> None:
    with pytest.raises(Rejected):
        connector.identify(InboundMessage(body))


FILES = [
    (b"MSH|^~\\&|1\rPID|1\rMSH|^~\\&|2\r", [b"MSH|^~\\&|1\rPID|1\r", b"MSH|^~\\&|2\r"]),
    (b"MSH|^~\\&|1\nPID|1\n\nMSH|^~\\&|2\n", [b"MSH|^~\\&|1\nPID|1\n\n", b"MSH|^~\\&|2\n"]),
    (b"\x0bMSH|1\r\x1c\r\x0bMSH|2\r\x1c\r", [b"MSH|1\r", b"MSH|2\r"]),
    (b"FHS|^~\\&|1\rBHS|^~\\&|1\rMSH|^~\\&|2\rPID|1\rMSH|^~\\&|3\rBTS|2\rFTS|1\r", [b"MSH|^~\\&|2\rPID|1\r", b"MSH|^~\\&|3\r"]),
    (b"BHS|^~\\&|1\nMSH|^~\\&|2\nBTS\nBHS|^~\\&|1\nMSH|^~\\&|3\nBTS|1\n", [b"MSH|^~\\&|2\n", b"MSH|^~\\&|3\n"]),  # two batches, one uncounted
    (b"FHS|^~\\&|1\rMSH|^~\\&|2\rFTS\r", [b"MSH|^~\\&|2\r"]),  # no batch within the file
    (b"FHS|^~\\&|1\rMSH|^~\\&|2\r", [b"FHS|^~\\&|1\rMSH|^~\\&|2\r"]),  # cut off: it stays whole, to be refused by name
    (b"BHS|1\rMSH|^~\\&|2\rBTS|2\r", [b"BHS|1\rMSH|^~\\&|2\rBTS|2\r"]),  # one is missing: none of it
    (b"FHS|1\rBHS|1\rBTS|0\rFTS|1\r", [b"FHS|1\rBHS|1\rBTS|0\rFTS|1\r"]),  # nothing within
    (b"MSH|^~\\&|1\rNTE|1||MSH|x\r", [b"MSH|^~\\&|1\rNTE|1||MSH|x\r"]),  # MSH within a line is text
    (b"", [b""]),
]


@pytest.mark.parametrize(("content", "found"), FILES)
def test_a_file_is_split_into_its_messages(content: bytes, found: list[bytes]) -> None:
    assert list(connector.messages(content)) == found


# --- out --------------------------------------------------------------------------------------------------------------------------------

NOTICE = Notice(
    id="4b9f1b9e-8e0f-5a3c-9f6e-1d2f7c0a1b2c",
    fact=FactType.ASSIGNED,
    referral_id="id",
    ref="ABCDEFGHJKMN",
    version=2,
    words=NEXT,
    occurred_at=NOW,
    task={"resourceType": "Task", "status": "requested"},
    identifiers=(Identifier("urn:hl7v2:7A3:WPAS:-", "7A3-000123"),),
    message_id="REF0001",
    prescriber="Tîm Presgripsiynu Cymdeithasol",
    first_message=inbound().body,
)


def told(notice: Notice = NOTICE, **profile: object) -> Message:
    return split(connector.compose(notice, Profile.model_validate(profile)).body)


def test_the_hospital_is_told_by_rri_with_its_own_numbers_and_the_words_in_both_languages() -> None:
    rri = told()
    assert [rri.header.field(n).raw for n in (3, 4, 5, 6, 9)] == ["SPHUB", "HUB", "WPAS", "7A3", "RRI^I12^RRI_I12"]
    assert (rri.first("MSA").component(1), rri.first("MSA").component(2)) == ("AA", "REF0001")
    rf1 = rri.first("RF1")
    assert (rf1.component(1), rf1.field(2).raw, rf1.field(6).raw, rf1.component(11)) == ("P", "R", "7A3-000123^WPAS", "ABCDEFGHJKMN")
    assert rri.first("PRD").field(2).text == "Tîm Presgripsiynu Cymdeithasol"
    assert [nte.field(3).text for nte in rri.segments("NTE")] == [NEXT.cy, NEXT.en]
    assert (rri.first("PID").field(3).raw, rri.first("PID").field(5).raw) == ("9990000018^^^NHS^NH", "PRAWF^PERSON")
    assert "secret" not in str(connector.compose(NOTICE, Profile()).body)


STATUSES = [
    (FactType.ASSIGNED, "requested", "P"),
    (FactType.HELD, "requested", "P"),
    (FactType.ACCEPTED, "accepted", "A"),
    (FactType.FIRST_CONTACT, "in-progress", "A"),
    (FactType.COMPLETED, "completed", "A"),
    (FactType.FAILED, "failed", "R"),
    (FactType.CLOSED, "requested", "R"),
    (FactType.PERSON_DIED, "cancelled", "R"),
]


@pytest.mark.parametrize(("fact", "status", "code"), STATUSES)
def test_the_status_is_said_in_hl7_s_table(fact: FactType, status: str, code: str) -> None:
    assert told(replace(NOTICE, fact=fact, task={"status": status})).first("RF1").component(1) == code


@pytest.mark.parametrize(("language", "words"), [("cy", [NEXT.cy]), ("en", [NEXT.en]), (None, [NEXT.cy, NEXT.en])])
def test_the_words_are_in_the_language_that_was_agreed(language: str | None, words: list[str]) -> None:
    assert [nte.field(3).text for nte in told(language=language).segments("NTE")] == words


def test_the_same_notice_is_the_same_message_and_another_one_is_not() -> None:
    first, again = connector.compose(NOTICE, Profile()), connector.compose(NOTICE, Profile())
    assert first == again
    assert (first.transport, len(first.key)) == ("mllp", 20)
    assert split(first.body).header.component(10) == first.key
    assert connector.compose(replace(NOTICE, id="another"), Profile()).key != first.key


@pytest.mark.parametrize("first", [None, b"", b"\xff\xfe", b"MSH|^~\\&|A|B|C|D|1||REF^I12|7|P|2.4\rNTE|1||\xe9\r"])
def test_a_first_message_that_is_gone_or_unreadable_is_no_hindrance(first: bytes | None) -> None:
    rri = told(replace(NOTICE, first_message=first))
    assert [nte.field(3).text for nte in rri.segments("NTE")] == [NEXT.cy, NEXT.en]
    assert rri.first("RF1").component(6) == "7A3-000123"
    assert rri.first("MSA").component(2) in ("REF0001", "7")


def test_a_receiver_that_cannot_read_welsh_letters_is_not_sent_question_marks() -> None:
    welsh = replace(NOTICE, words=Text("Ring.", "Ffoniwch y tŷ."), prescriber=None)
    with pytest.raises(Rejected):
        connector.compose(welsh, Profile(charset="8859/1", language="cy"))
    plain = connector.compose(welsh, Profile(charset="8859/1", language="cy", dialect=("transliterate",)))
    assert b"Ffoniwch y ty." in plain.body
    assert "tŷ".encode("iso8859-14") in connector.compose(welsh, Profile(charset="8859/14", language="cy")).body


KEY = "0123456789ABCDEF0123"
ANSWERS: list[tuple[str, Verdict]] = [
    # what the receiver says, what it means (promises.md I7, I9)
    (f"MSA|AA|{KEY}", Delivered()),
    (f"MSA|CA|{KEY}", Delivered()),
    ("MSA|AA|another", TryAgain(limit=5)),  # another message's answer
    ("MSA|AA", TryAgain(limit=5)),
    (f"MSA|AE|{KEY}|try later", TryAgain(limit=5)),
    (f"MSA|CE|{KEY}", TryAgain(limit=5)),
    (f"MSA|AR|{KEY}", Refused(Reason.DELIVERY_REFUSED)),
    (f"MSA|CR|{KEY}", Refused(Reason.DELIVERY_REFUSED)),
    (f"MSA|XX|{KEY}", TryAgain(limit=5)),  # a code that nobody knows
    ("ERR|x", TryAgain(limit=5)),  # no MSA
]


@pytest.mark.parametrize(("line", "verdict"), ANSWERS)
def test_an_answer_means_what_msa_says_of_our_message(line: str, verdict: Verdict) -> None:
    body = f"MSH|^~\\&|WPAS|7A3|SPHUB|HUB|1||ACK^I12|9|P|2.4\r{line}\r".encode()
    assert connector.judge(OutboundMessage("mllp", KEY, b""), ReceiverReply(None, body)) == verdict


@pytest.mark.parametrize("body", [b"", b"OK", b"\xff", b"MSH|^~\\&|A"])
def test_what_is_no_acknowledgement_is_no_success(body: bytes) -> None:
    assert connector.judge(OutboundMessage("mllp", KEY, b""), ReceiverReply(None, body)) == TryAgain(limit=5)
