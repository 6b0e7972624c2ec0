"""In operations: sends message files to a running hub's own doors, as a sender would, and says what it answered."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx
import orjson

from hub.settings import Address
from hub.transports.mllp_frames import Deframer, Frame, framed
from schemas.hl7v2 import read_header, split
from schemas.hl7v2.escapes import decode
from schemas.identifiers import ReferralRef
from schemas.rejection import Rejected
from schemas.words import Text, text

JsonObject = dict[str, Any]  # Any: FHIR JSON
Outcome = Literal["accepted", "refused", "not-stored", "no-answer"]
_FHIR = "application/fhir+json; fhirVersion=4.0"
_CHUNK, _LARGEST_ANSWER = 65_536, 1_048_576
_LOCATION = re.compile(r"/fhir/ServiceRequest/([0-9a-f-]{36})")
_MSA = re.compile(r"(?:^|[\r\n])MSA(.)([A-Z]{2})\1([^\r\n]*)")
_MORE_TO_COME = ("AL", "SU")
_WORDS: dict[Outcome, str] = {"accepted": "send.accepted", "refused": "send.refused", "not-stored": "send.not-stored", "no-answer": "send.no-answer"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub said to one message. `status`: an HTTP status or acknowledgement codes; `key`: the request id or MSH-10 it went under."""

    outcome: Outcome
    status: str | None
    key: str
    sentence: Text
    referral: UUID | None = None
    faults: tuple[Text, ...] = field(default=())

    @property
    def reference(self) -> str | None:
        """The referral's reference, where the answer names a referral."""
        return ReferralRef.of(self.referral).spoken if self.referral else None


async def send_fhir(door: httpx.AsyncClient, content: bytes, key: str, request_id: str | None) -> Answer:
    """Post one resource under a fresh X-Request-Id unless one is given; a Task is put to its own place, with the version that it says."""
    request_id = request_id or str(uuid4())
    method, path, more = _target(content)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": _FHIR, "Accept": "application/fhir+json", "X-Request-Id": request_id, **more}
    try:
        reply = await door.request(method, path, content=content, headers=headers)
    except httpx.HTTPError:
        return Answer("no-answer", None, request_id, text("send.no-answer"))
    outcome: Outcome = "accepted" if reply.is_success else "not-stored" if reply.status_code in (429, 503) else "refused"
    said = _issues(reply.content)
    found = _LOCATION.search(reply.headers.get("Location", ""))
    return Answer(outcome, str(reply.status_code), request_id, said[0] if said else text(_WORDS[outcome]), UUID(found[1]) if found else None, tuple(said[1:]))


async def send_hl7(door: Address, content: bytes, seconds: float = 30.0) -> Answer:
    """Send one message in a frame of its own connection and read its acknowledgements."""
    header = read_header(content)
    try:
        async with asyncio.timeout(seconds):
            parts = await _exchanged(door, content, more=header.application_acknowledgement.upper() in _MORE_TO_COME)
    except (OSError, TimeoutError, EOFError):
        parts = []
    found = [one for part in parts if (one := _MSA.search(part.decode("utf-8", "replace"))) is not None]
    if not found:
        return Answer("no-answer", None, header.control_id, text("send.no-answer"))
    codes = [one[2] for one in found]
    outcome: Outcome = "accepted" if codes[-1] in ("AA", "CA") else "not-stored" if codes[-1] in ("AE", "CE") else "refused"
    words = [field for field in found[-1][3].split(found[-1][1])[1:2] if field]
    said = decode(words[0], header.separators) if words else ""
    sentence = Text(said, said) if said else _noted(parts[-1]) or text(_WORDS[outcome])
    return Answer(outcome, " ".join(codes), header.control_id, sentence)


def _noted(answer: bytes) -> Text | None:
    """The words of an answer that has notes (RRI^I15): Welsh first where there are two."""
    with suppress(Rejected):
        notes = [note.component(3) for note in split(answer).segments("NTE")]
        return Text(notes[-1], notes[0]) if notes else None
    return None


def _target(content: bytes) -> tuple[str, str, dict[str, str]]:
    """Method, path and further headers for what a file holds; whatever is no Task goes to where referrals go, so that the hub judges it."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or body.get("resourceType") != "Task":
        return "POST", "/fhir/ServiceRequest", {}
    meta = body.get("meta")
    version = str(meta.get("versionId") or "") if isinstance(meta, dict) else ""
    id_ = re.sub(r"[^A-Za-z0-9.-]", "", str(body.get("id") or "-"))
    return "PUT", f"/fhir/Task/{id_}", {"If-Match": f'W/"{version}"'} if version.isdigit() else {}


def _issues(body: bytes) -> list[Text]:
    """The sentences of an OperationOutcome, in order, each once; none of any other answer."""
    try:
        found = orjson.loads(body or b"null")
    except orjson.JSONDecodeError:
        return []
    if not isinstance(found, dict) or found.get("resourceType") != "OperationOutcome":
        return []
    return list(dict.fromkeys(said for issue in found.get("issue") or () if (said := _said(issue)) is not None))


def _said(issue: JsonObject) -> Text | None:
    details = issue.get("details") or {}
    english = details.get("text")
    if not english:
        return None
    places = ", ".join(issue.get("expression") or ()) or str(issue.get("diagnostics") or "")
    parts = [part for one in (details.get("_text") or {}).get("extension") or () for part in one.get("extension") or ()]
    welsh = next((part["valueString"] for part in parts if part.get("url") == "content"), english)
    return Text(f"{places}: {english}", f"{places}: {welsh}") if places else Text(english, welsh)


async def _exchanged(door: Address, content: bytes, *, more: bool) -> list[bytes]:
    """Every acknowledgement: after a commit acknowledgement another one, where the message asks for it."""
    reader, writer = await asyncio.open_connection(door.host, door.port)
    try:
        writer.write(framed(content))
        await writer.drain()
        deframer, parts = Deframer(_LARGEST_ANSWER), list[bytes]()
        while not parts or (more and _is_commit(parts[-1])):
            chunk = await reader.read(_CHUNK)
            if not chunk:
                break
            deframer.feed(chunk)
            while isinstance(read := deframer.next(), Frame):
                parts.append(read.content)
        return parts
    finally:
        writer.close()


def _is_commit(part: bytes) -> bool:
    found = _MSA.search(part.decode("utf-8", "replace"))
    return found is not None and found[2] == "CA"
