"""`hub demo` as a newcomer runs it: on stores of its own, with outside systems as processes; and that it turns red when it must."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.stores import cache

_PARTS = 15
FHIR, HL7 = Path("connectors/fhir_rest/fixtures"), Path("connectors/hospital_hl7v2/fixtures")


async def demo(data: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and everything it said."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "demo", *arguments, env=own | {"HUB_DATA": str(data), "HUB_CACHE": str(cache().resolve())},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 300)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_the_story_is_seen_to_its_end_and_the_reckoning_is_clean(tmp_path: Path) -> None:
    code, said = await demo(tmp_path)
    assert (code, "✗" in said) == (0, False), said
    assert "0 lost, 0 doubled, 0 waiting because of us" in said
    assert len(re.findall(r"^\d+\. ", said, re.MULTILINE)) == _PARTS + 1
    for seen in ("answered 201", "(assigned)", "(accepted)", "(first-contact)", "(completed)", "3 faults named", "RRI^I12", "refused 412", "SIGKILL"):
        assert seen in said
    assert not (tmp_path / "demo" / "run.json").exists()  # nothing runs any more


async def test_one_lost_message_turns_the_reckoning_red(tmp_path: Path) -> None:
    code, said = await demo(tmp_path, "--drop-webhook", "--language", "cy")
    assert code == 1, said
    assert "0 lost" not in said
    assert re.search(r"^ +1  .+ \(gp [0-9a-f-]{36}\)$", said, re.MULTILINE), said
    assert "Mae'r practis yn cael gwybod (completed)" in said


async def test_other_peoples_files_go_through_and_each_is_said_what_became_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for source, name in (
        (FHIR, "contained_patient_complete.json"),  # sound
        (FHIR, "wrong_in_three_places.json"),  # refused with its faults
        (FHIR, "words_of_crisis.json"),  # held
        (HL7, "ref_i12_priority_stat.hl7"),  # sound, with a warning
        (HL7, "orm_o01_order_refused.hl7"),  # refused by name
        (HL7, "two_messages_in_frames.hl7"),  # a file of several
    ):
        (folder / name).write_bytes((source / name).read_bytes())
    (folder / "notes.md").write_text("no referral")
    code, said = await demo(tmp_path / "data", str(folder))
    assert code == 0, said
    for seen in (
        "contained_patient_complete.json: with", "wrong_in_three_places.json: refused (400)", "at ServiceRequest.subject:",
        "words_of_crisis.json: held", "ref_i12_priority_stat.hl7: with", "orm_o01_order_refused.hl7: refused (AR)",
    ):  # fmt: skip
        assert seen in said, said
    assert said.count("two_messages_in_frames.hl7: answered AA") == 2
    assert "notes.md" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--language", "fr"), "en or cy"),  # a language that it does not speak
        (("/no/such/folder",), "FOLDER is a folder"),  # nothing to send
    ],
)
async def test_what_makes_no_sense_is_said_before_anything_starts(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    code, said = await demo(tmp_path, *arguments)
    assert code == 64
    assert words in said
    assert not (tmp_path / "demo").exists()
