"""What a hospital's system hears: the acknowledgement's segments, whatever the message was like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.hl7v2 import acknowledge, read_header, split
from schemas.hl7v2.acknowledge import Code
from schemas.rejection import Issue, Reason

HEAD = r"MSH|^~\&|WPAS^1|7A3|SPHUB|HUB|20260302090000||ADT^A03^ADT_A03|MSG00045|T|2.4"
ISSUES = (Issue(Reason.REQUIRED, "MSH[1]-10"), Issue(Reason.CODE_UNKNOWN, "PID[1]-3[2].1"))


def test_the_answer_swaps_sender_and_receiver_and_names_the_message() -> None:
    answer = split(acknowledge(read_header(HEAD.encode()), "AA", control_id="ACK1", time="20260302090001+0000").encode())
    msh, msa = answer.header, answer.first("MSA")
    assert [msh.field(n).raw for n in (3, 4, 5, 6)] == ["SPHUB", "HUB", "WPAS^1", "7A3"]
    assert [msh.field(n).raw for n in (7, 9, 10, 11, 12, 18)] == ["20260302090001+0000", "ACK^A03^ACK", "ACK1", "T", "2.4", "UNICODE UTF-8"]
    assert (msa.component(1), msa.component(2), msa.field(3).raw) == ("AA", "MSG00045", "")
    assert not answer.has("ERR")


@pytest.mark.parametrize(("version", "old_place"), [("2.4", "MSH^1^10^101&Required field missing&HL70357"), ("2.5.1", ""), ("2.7", "")])
def test_each_fault_has_an_err_in_the_form_of_the_version(version: str, old_place: str) -> None:
    header = read_header(HEAD.replace("|2.4", f"|{version}").encode())
    answer = split(acknowledge(header, "AR", ISSUES, control_id="1", time="").encode())
    first, second = answer.segments("ERR")
    assert answer.first("MSA").field(3).text == ISSUES[0].text.en
    assert first.field(1).raw == old_place
    assert (first.field(2).raw, second.field(2).raw) == ("MSH^1^10", "PID^1^3^2^1")
    assert (first.component(3), second.component(3), first.component(4)) == ("101", "103", "E")
    assert first.field(8).text == f"{ISSUES[0].text.en} / {ISSUES[0].text.cy}"


def test_warnings_of_an_accepted_message_are_no_errors() -> None:
    answer = split(acknowledge(read_header(HEAD.encode()), "AA", (Issue(Reason.SEGMENT_ENDS, "message"),), control_id="1", time="").encode())
    assert (answer.first("ERR").component(4), answer.first("ERR").component(3), answer.first("ERR").field(2).raw) == ("W", "0", "")
    assert answer.first("MSA").field(3).raw == ""


def test_the_sender_s_own_separators_are_used() -> None:
    answer = acknowledge(read_header(rb"MSH#~^\&#A~1#B#C#D###ADT~A03#77#P#2.4"), "AE", ISSUES, control_id="1", time="")
    assert answer.startswith(r"MSH#~^\&#C#D#A~1#B##")
    assert split(answer.encode()).first("MSA").component(2) == "77"


@given(body=st.binary(max_size=200), code=st.sampled_from(["AA", "AE", "AR", "CA", "CE", "CR"]))
def test_whatever_came_is_answered_with_something_that_can_be_split(body: bytes, code: Code) -> None:
    for candidate in (body, b"MSH|^~\\&|" + body, b"MSH" + body):
        answer = acknowledge(read_header(candidate), code, ISSUES, control_id="1", time="")
        assert split(answer.encode()).first("MSA").component(1) == code


def test_an_err_is_written_for_at_most_twenty_faults() -> None:
    answer = acknowledge(read_header(HEAD.encode()), "AR", ISSUES * 50, control_id="1", time="")
    assert len(split(answer.encode()).segments("ERR")) == 20
