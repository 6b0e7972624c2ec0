"""What the form's connector writes about being contacted is what is read when somebody must be told: read from its own fixtures."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.fhir.contact import Caution, read_caution, read_contact, read_referrer_contact
from tests.connectors.golden import CONNECTORS, translated


def bundle(condition: str) -> dict[str, Any]:
    (line,) = orjson.loads(translated(CONNECTORS / "self_referral" / "fixtures" / f"{condition}.txt"))
    found: dict[str, Any] = line["facts"][0]["bundle"]
    return found


FORMS = [
    # the condition, the ways in writing, the language, whether printed large, who asked
    ("for_myself_with_everything", ("letter", "mail"), "cy", True, "person"),
    ("call_handler_from_paper", ("letter",), None, False, "person"),
    ("unsafe_to_write_and_to_email", (), None, False, "person"),
    ("someone_else_no_phone_no_email_no_home", (), None, False, "relative"),
    ("housing_officer_with_an_organisations_link", (), None, False, "professional"),
]


@pytest.mark.parametrize(("condition", "ways", "language", "large", "asker"), FORMS)
def test_the_forms_answers_are_understood(condition: str, ways: tuple[str, ...], language: str | None, large: bool, asker: str) -> None:
    sent = bundle(condition)
    contact = read_contact(sent)
    assert (contact.ways, contact.language, contact.large_print) == (ways, language, large)
    assert read_referrer_contact(sent).asker == asker


def test_whoever_rings_reads_what_was_said_to_be_unsafe() -> None:
    assert read_caution(bundle("for_myself_with_everything")).no_message == ("01792 000000",)  # said no
    unsafe = read_caution(bundle("unsafe_to_write_and_to_email"))
    assert unsafe.no_letter
    assert len(unsafe.no_message) == 1
    assert read_caution(bundle("name_and_phone_alone")).no_message == ("01792 000000",)  # nobody said that it is safe
    assert read_caution(bundle("someone_else_no_phone_no_email_no_home")).notes == ("Ask for Sam at the shelter on weekday mornings",)
    assert read_caution({}) == Caution()
