"""In translating, before anything is left out: every text that a sender wrote of a person, wherever it stands, for the screens of triage.

Heard are all strings of a resource, in whatever element and shape, narrative without its tags and text attachments decoded. Not heard are
names of persons and organisations, addresses, identifiers, URLs, codes of a named system, and what a service says of itself. An answered
question counts with its answer, and not at all where the answer is no.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from schemas.fhir.read import JsonObject

_OF_NOBODY = """Organization HealthcareService Practitioner PractitionerRole Location Endpoint Device MessageHeader OperationOutcome"""
_NAMES = "name alias address telecom identifier authorString photo hash signature"
_WHOM = """subject patient requester performer author authorReference organization practitioner recorder asserter source sender recipient
managingOrganization generalPractitioner custodian serviceProvider individual actor agent who participant location locationReference owner
onBehalfOf"""
_TOKENS = """id url reference system fullUrl linkId resourceType profile versionId lastUpdated status intent use gender birthDate authoredOn
contentType"""
_URLS = ("http://", "https://", "urn:")
_NOBODYS, _UNHEARD, _PERSONS, _POINTERS = (frozenset(names.split()) for names in (_OF_NOBODY, _NAMES, _WHOM, _TOKENS))

# Answers that say no: words, and codes of v2-0136, LOINC and SNOMED CT for "no" and "not at all".
_NO = frozenset(
    (
        *("", "no", "none", "never", "nil", "n", "na", "n/a", "false", "0", "not at all", "not applicable"),
        *("dim", "dim o gwbl", "nac oes", "nac ydw", "nac ydy", "nag oes", "nag ydw", "naddo", "nage", "byth"),
        *("la32-8", "la6568-5", "373067005"),
    )
)
_WORDS, _CODES = ("text", "display"), ("code", "value")


def said_in(resources: Iterable[object]) -> tuple[str, ...]:
    """Every text of the resources, each once, in the order sent; they may still be anything that JSON can be."""
    found: list[str] = []
    for resource in resources:
        _hear("", resource, found)
    return tuple(dict.fromkeys(found))


def _hear(name: str, value: object, found: list[str]) -> None:
    if isinstance(value, str):
        if value and not ((name in _POINTERS or value.startswith(_URLS)) and _is_word(value)):
            found.append(_without_tags(value) if name == "div" else value)
    elif isinstance(value, dict):
        _hear_object(name, value, found)
    elif isinstance(value, list):
        for item in value:
            _hear(name, item, found)


def _is_word(value: str) -> bool:
    """One that points or counts only; a sentence in the place of a token is heard."""
    return len(value.split(None, 1)) < 2


def _hear_object(name: str, node: JsonObject, found: list[str]) -> None:
    kind = node.get("resourceType")
    if isinstance(kind, str) and kind in _NOBODYS:
        node = {inner: node[inner] for inner in ("extension", "note") if inner in node}
    silent = _silent(name, node)
    for inner, value in node.items():
        if inner in _UNHEARD or inner in silent or (inner in _POINTERS and type(value) is str and len(value.split(None, 1)) < 2):
            continue
        if inner == "data" and isinstance(value, str):
            found += _attached(node, value)
        else:
            _hear(inner, value, found)
    if name == "item":
        found += _answered(node)


def _silent(name: str, node: JsonObject) -> tuple[str, ...]:
    """What of an object says nothing by itself: whom a reference names, a code whose system is named, a question, a finding that is not so."""
    if name == "item":
        return ("text",)
    if "code" in node and (_is_coding(node) or ((values := _values(node)) and all(is_no(value) for value in values))):
        return ("code",)
    return ("display",) if name in _PERSONS else ()


def _is_coding(node: JsonObject) -> bool:
    """A code of a named system, and not a sentence in its place."""
    return bool(node.get("system")) and _is_word(str(node["code"]))


# --- questions and answers --------------------------------------------------------------------------------------------------------------


def _answered(item: JsonObject) -> Iterator[str]:
    """`question: answer` for each answer but a plain no; the question's mark goes, so that a denial after it is heard as its answer."""
    question = item.get("text")
    if not isinstance(question, str):
        return
    answers = item.get("answer")
    for answer in answers if isinstance(answers, list) else [answers]:
        for value in _values(answer) if isinstance(answer, dict) else [answer]:
            if value is not None and not is_no(value):
                yield f"{question.rstrip(' ?.:!')}: {value if isinstance(value, str) else 'yes'}"


def _values(node: JsonObject) -> list[object]:
    return [value for name, value in node.items() if name.startswith("value")]


def is_no(value: object) -> bool:
    """Whether an answer is a plain no, or nothing at all."""
    if isinstance(value, str):
        return value.strip(" .!\n").casefold() in _NO
    if isinstance(value, dict):
        codings = value.get("coding")
        parts = [value, *(codings if isinstance(codings, list) else ())]
        for names in (_WORDS, _CODES):  # a code counts where no words do: whose "0" it is nobody knows
            said = [part[name] for part in parts if isinstance(part, dict) for name in names if part.get(name) is not None]
            if said:
                return all(is_no(one) for one in said) if names is _WORDS else any(is_no(one) for one in said)
        return False
    return isinstance(value, (bool, int, Decimal)) and not value


# --- text that is wrapped ---------------------------------------------------------------------------------------------------------------

_INLINE = re.compile(r"</?(?:a|b|i|u|em|strong|span|small|font|sub|sup)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")  # stops at the next "<": a text of nothing else would take a time that grows with its square


def _without_tags(markup: str) -> str:
    """The words of XHTML, one line a block."""
    return html.unescape(_TAG.sub("\n", _INLINE.sub(" ", markup)))


def _attached(attachment: JsonObject, data: str) -> Iterator[str]:
    """An attachment that is text; pictures, PDF and the like are not read. What is no base64 is heard as it stands."""
    kind = attachment.get("contentType")
    try:
        decoded = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        yield data
        return
    if isinstance(kind, str) and kind.lower().startswith("text/"):
        yield _without_tags(decoded.decode("utf-8", "replace"))
    elif b"\x00" not in decoded:
        try:
            yield _without_tags(decoded.decode("utf-8"))
        except UnicodeDecodeError:
            return
