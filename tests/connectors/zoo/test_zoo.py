"""Whatever arrives at whichever door becomes a result or a named refusal: no traceback, no input value in the text, no hanging."""

from __future__ import annotations

import pytest

from hub.kit.fixtures import Fixture, fixtures_of
from hub.kit.folders import Folders
from schemas.rejection import Rejected
from tests.connectors import awkward
from tests.connectors.hospital_hl7v2.test_awkward import ZOO as HL7_ZOO
from tests.connectors.zoo import raw
from tests.connectors.zoo.doors import Door, doors, faults, own_messages
from tests.connectors.zoo.spoiling import spoilt_elements, spoilt_wholes, spoilt_words

pytestmark = pytest.mark.no_cover  # many runs of what other tests reach: measuring them is slow and says nothing more

_KINDS = {"request": awkward.REQUESTS, "task": awkward.TASKS}
FOREIGN = {**raw.ALL, **{f"{kind}: {name}": body for kind, zoo in _KINDS.items() for name, body in zoo.items()}}
GROUPS = {"HL7 v2": raw.HL7 | HL7_ZOO, "JSON": {name: body for name, body in FOREIGN.items() if name not in raw.HL7}}
_FIXTURES, _WORDS, _ELEMENTS = 5, 40, 30


def some(found: tuple[Fixture, ...]) -> tuple[Fixture, ...]:
    """A few fixtures of a connector, evenly spread."""
    return found[:: max(1, len(found) // _FIXTURES)][:_FIXTURES]


def bodies(door: Door) -> list[tuple[str, bytes]]:
    """The messages of a door's own fixtures, named."""
    return own_messages(door, some(fixtures_of(Folders.at(None).root / door.registered.manifest.name)))


def test_the_zoo_is_large() -> None:
    assert len(raw.ALL) >= 100
    assert sum(map(len, GROUPS.values())) >= 300


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("door", doors(), ids=lambda door: door.name)
def test_whatever_arrives_at_a_door_is_read_or_refused_and_not_said_back(door: Door, group: str) -> None:
    wrong = {name: found for name, body in GROUPS[group].items() if (found := faults(door, body))}
    assert wrong == {}


@pytest.mark.parametrize("door", doors(), ids=lambda door: door.name)
def test_a_sound_message_with_one_awkward_word_is_read_or_refused_and_not_said_back(door: Door) -> None:
    wrong = {}
    for name, body in bodies(door):
        for made in (spoilt_words(body, _WORDS), spoilt_elements(body, _ELEMENTS), spoilt_wholes(body)):
            wrong |= {f"{name}: {how}": found for how, spoilt in made if (found := faults(door, spoilt))}
    assert wrong == {}


@pytest.mark.parametrize("door", doors(), ids=lambda door: door.name)
def test_a_file_of_whatever_kind_is_split_or_refused(door: Door) -> None:
    for name, body in raw.ALL.items():
        try:
            found = door.registered.messages(body)
        except Rejected as refused:
            found = (str(refused.issues[0].reason).encode(),)
        assert all(isinstance(one, bytes) for one in found), name
