"""Whether a sentence plainly asks for social prescribing: what is not plain is not guessed."""

from __future__ import annotations

import pytest

from connectors.discharge_document.asking import Verdict, hear

ASKED, NAMED, DECLINED, SILENT = Verdict.ASKED, Verdict.NAMED, Verdict.DECLINED, Verdict.SILENT

SAID: list[tuple[str, bool, Verdict]] = [
    # asked in so many words
    ("Please refer to social prescribing.", False, ASKED),
    ("Referred to social prescribing service for loneliness.", False, ASKED),
    ("Agreed to referral to Social Prescribing team 02/03/2026", False, ASKED),
    ("Would benefit from social prescribing", False, ASKED),
    ("Link worker to contact her about clubs", False, ASKED),
    ("She has no family nearby, please refer to the link worker.", False, ASKED),  # the "no" is not about the referral
    ("Atgyfeirio at bresgripsiynu cymdeithasol os gwelwch yn dda.", False, ASKED),
    ("Mae hi'n cytuno i gael ei hatgyfeirio at y gweithiwr cyswllt", False, ASKED),
    # named under a heading that says what it is
    ("Social prescribing", True, ASKED),
    ("Social prescribing | Referred 02/03/2026", True, ASKED),
    ("Social prescribing", False, NAMED),  # in a plan it may be anything
    # somebody else's to ask, or nobody has made up their mind
    ("GP to refer to social prescribing", False, NAMED),
    ("Please could the practice consider social prescribing", True, NAMED),
    ("Please refer to social prescribing if she agrees", False, NAMED),
    ("?social prescribing", True, NAMED),
    ("May need social prescribing", False, NAMED),
    ("Ystyried atgyfeirio at bresgripsiynu cymdeithasol", False, NAMED),
    ("Signposted to social prescribing", True, NAMED),
    # made before, or not wanted by whoever wrote
    ("Already known to link worker", True, NAMED),
    ("Previously referred to social prescribing", True, NAMED),
    ("Not for social prescribing", True, NAMED),
    ("Not suitable for social prescribing; please refer to falls team", False, NAMED),
    # the person said no
    ("Referral to social prescribing declined by patient", True, DECLINED),
    ("Refer to social prescribing. Declined.", False, DECLINED),
    ("Social prescribing offered. She declined.", True, DECLINED),
    ("Social prescribing offered. Declined by the patient.", True, DECLINED),
    ("She does not want a link worker to call", True, DECLINED),
    ("Mae hi wedi gwrthod presgripsiynu cymdeithasol", False, DECLINED),
    ("Refer to social prescribing. Declined physiotherapy.", False, ASKED),  # something else was declined
    # nothing of ours
    ("Repeat bloods in 2 weeks", True, SILENT),
    ("", True, SILENT),
]


@pytest.mark.parametrize(("line", "by_its_heading", "verdict"), SAID)
def test_a_line_asks_names_declines_or_is_silent(line: str, by_its_heading: bool, verdict: Verdict) -> None:
    assert hear((line,), by_its_heading).verdict is verdict


def test_only_the_lines_that_name_it_are_kept_and_a_refusal_in_the_next_line_counts() -> None:
    heard = hear(("Repeat bloods.", "Refer to social prescribing.", "Declined."), False)
    assert (heard.verdict, heard.lines) == (DECLINED, ("Refer to social prescribing.",))


def test_a_long_text_is_heard_in_a_time_that_grows_with_its_length() -> None:
    assert hear(("refer to social prescribing " * 2_000, "(" * 20_000, "declined " * 5_000), True).lines
