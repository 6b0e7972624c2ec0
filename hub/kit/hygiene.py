"""Beside the flow, in the kit: whether a connector ever says an input value back, found by planting a word of our own in each place of a message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from schemas.messages import Connector, InboundMessage, NotStored, Reply, Translation
from schemas.rejection import Issue, Rejected

MARKER = "Gwdihwzzcanary a"
"""A word that no message holds, with a blank in it: the name of an element may be said, and nobody's name looks like one."""
_WORD = re.compile(rb"[A-Za-z0-9\x80-\xff][A-Za-z0-9\x80-\xff.:/@ -]{1,200}")
MOST = 120


def planted(body: bytes, most: int = MOST) -> Iterator[bytes]:
    """The message with one of its words replaced by the marker, for at most `most` of them, evenly spread."""
    words = list(_WORD.finditer(body))
    step = max(1, len(words) // most)
    for found in words[::step][:most]:
        yield body[: found.start()] + MARKER.encode() + body[found.end() :]


def outcome_of(connector: Connector, message: InboundMessage) -> Translation | Rejected:
    """What the intake would get. Whatever else is raised is a bug, and goes through."""
    try:
        if message.headers is not None:
            connector.identify(message)
        return connector.translate(message)
    except Rejected as refused:
        return refused


def said(outcome: Translation | Rejected) -> str:
    """Every word that a sender, a log or a page could show of an outcome, beside its facts."""
    issues: tuple[Issue, ...] = outcome.issues if isinstance(outcome, Rejected) else outcome.warnings
    texts = [f"{one.at} {one.text.en} {one.text.cy} {' '.join(one.params.values())}" for one in issues]
    return "\n".join([*texts, str(outcome) if isinstance(outcome, Rejected) else ""])


def faults(connector: Connector, message: InboundMessage) -> Iterator[str]:
    """What is wrong with how it hears of a spoilt message: it raises something else than Rejected, says the value back, or cannot answer."""
    for body in planted(message.body):
        spoilt = InboundMessage(body, message.target, message.headers, message.path, message.received_at, message.client, message.profile)
        try:
            outcome = outcome_of(connector, spoilt)
            answers = list(_answers(connector, spoilt, outcome))
        except Exception as fault:  # noqa: BLE001  whatever it is, it is what is looked for
            yield f"raises {type(fault).__name__}"
            continue
        if MARKER.split()[0] in said(outcome):
            yield "says an input value in the words of an issue, its place or its parameters"
        if any(answer.status >= 500 and answer.status != 503 for answer in answers):
            yield "answers a wrong message as if the hub were broken"


def _answers(connector: Connector, message: InboundMessage, outcome: Translation | Rejected) -> Iterator[Reply]:
    """What the sender hears; an answer may refuse too (nothing of an HL7 header can be read), and the transport then says so itself."""
    for one in (outcome, NotStored()) if isinstance(outcome, Rejected) else (NotStored(),):
        with suppress(Rejected):
            yield connector.answer(message, one)
