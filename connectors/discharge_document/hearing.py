"""Within translating a discharge document: everything that it says, made ready for triage, carried or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from connectors.discharge_document.document import LONGEST_TEXT, Document, Section
from connectors.discharge_document.headings import RISKS
from connectors.discharge_document.plain_text import lines_of
from schemas.codes.flags import flags_of
from schemas.fhir.read import JsonObject, codings

_NO_WORDS = "no none nil not n na n/a dim ddim nac nid heb"
_OF_RISK = """there are is was were been have has be any known identified current currently present recorded reported applicable disclosed raised noted specific
of note such at this time new active safeguarding risk risks concern concerns issue issues to from self others other or and nor a oes unrhyw pryderon bryderon
risg risgiau diogelu hysbys wedi eu nodi ar hyn o bryd"""
_DENYING, _SAYING_LITTLE = frozenset(_NO_WORDS.split()), frozenset((*_OF_RISK.split(), *_NO_WORDS.split()))
_REFUSES = re.compile(
    r"""\b(?: no | not | never | declin\w* | refus\w* | withdr\w+ | object\w* | dissent\w* | n | without | unable | lacks? | dim | ddim | heb | nid | nad
    | gwrthod\w* | wrthod\w* )\b | n['’]t\b""",
    re.IGNORECASE | re.VERBOSE,
)


def says_nothing(section: Section) -> bool:
    """Whether a section about risk plainly says that there is none: in each of its lines, and in each code of its entries."""
    if section.elsewhere:
        return False
    coded = [flags_of(one.system, one.code) for found in section.entries for one in codings(found.resource, "code", found.path)]
    return all(map(_denies, section.lines)) and all(one == () for one in coded) and len(coded) >= len(section.entries)


def _denies(line: str) -> bool:
    """A denial and nothing beside it: "No safeguarding concerns identified", "None known", "Dim"."""
    words = re.findall(r"[\w/]+", line.casefold())
    return bool(_DENYING.intersection(words)) and _SAYING_LITTLE.issuperset(words)


def refuses(lines: Sequence[str]) -> bool:
    """Whether what stands under consent holds a word that denies: then nobody may take it for a yes."""
    return any(_REFUSES.search(line) for line in lines)


def as_heard(document: Document, asked: tuple[JsonObject, str | None], made: Sequence[JsonObject]) -> JsonObject:
    """The document as triage hears it: the request (with its fullUrl) first, what was made of the sections, every resource in full, and the
    sections as plain lines.

    A heading's own name is not heard ("Safeguarding" over "None" is no risk), nor a section about risk that says there is none.
    """
    request, url = asked
    first = [{"fullUrl": url, "resource": _plain(request)}, *({"resource": one} for one in made)]
    rest = [
        {"fullUrl": one.full_url, "resource": _plain(one.resource)}
        for one in document.message.found
        if one.resource is not document.composition.resource and ".contained[" not in one.path and one.resource is not request
    ]
    told = {name: _plain(value) for name, value in document.composition.resource.items() if name not in ("section", "title", "type", "category", "text")}
    sections = [{"text": line} for section in document.sections for line in _heard(section)]
    return {"entry": [*first, {"resource": {**told, "resourceType": "Composition", "section": sections}}, *rest]}


def _heard(section: Section) -> tuple[str, ...]:
    if section.heading in RISKS and says_nothing(section):
        return ()
    title = (section.title,) if section.heading is None and section.title else ()
    return (*title, *section.lines)


def _plain(node: Any) -> Any:  # Any: JSON
    """The same without markup, so that nobody need look for tags in it again, and without attachments that are too long to be a note."""
    if isinstance(node, dict):
        return {"words" if name == "div" else name: _plain_value(name, value) for name, value in node.items()}
    return [_plain(one) for one in node] if isinstance(node, list) else node


def _plain_value(name: str, value: Any) -> Any:  # Any: JSON
    if not isinstance(value, str):
        return _plain(value)
    if name == "div":
        return "\n".join(lines_of(value))
    return None if name == "data" and len(value) > LONGEST_TEXT else value
