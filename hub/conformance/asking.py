"""Beside the flow, in conformance: one request of a case, the answer to it, and what an answer must show; each named, so that a table can say it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

MARKER = "Gwdihwzzcanary"
"""Stands in what is refused; an answer that says it again has told a stranger somebody's words."""
LARGEST = 1_048_576
Json = dict[str, Any]  # Any: FHIR JSON


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. A header of None is left out; `with_key` False sends no key, a text another one."""

    method: str = "POST"
    path: str = "/fhir/ServiceRequest"
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    with_key: bool | str = True


@dataclass(slots=True)
class Sender:
    """Who plays: the door and the key, the ids of this run, and what was heard so far."""

    door: httpx.AsyncClient
    key: str = field(repr=False)
    run: str = field(default_factory=lambda: uuid4().hex[:8])
    correlation: str = field(default_factory=lambda: str(uuid4()))
    request_ids: dict[str, str] = field(default_factory=dict)
    location: str = ""
    offers: frozenset[str] = frozenset()
    created: set[str] = field(default_factory=set)

    def request_id(self, name: str) -> str:
        """The request id under this name: the same one whenever it is asked for."""
        return self.request_ids.setdefault(name, str(uuid4()))

    async def send(self, asked: Request) -> httpx.Response:
        """One request and its answer. Raises httpx.HTTPError."""
        usual: dict[str, str | None] = {
            "Content-Type": "application/fhir+json", "Accept": "application/fhir+json", "X-Request-Id": str(uuid4()), "X-Correlation-Id": self.correlation,
            "Authorization": f"Bearer {self.key if asked.with_key is True else asked.with_key}" if asked.with_key else None,
        }  # fmt: skip
        given = {**usual, **asked.headers}
        sent = [(name.encode(), value.encode()) for name, value in given.items() if value is not None]
        reply = await self.door.request(asked.method, asked.path, content=asked.body, headers=sent)
        if reply.status_code == 201:
            self.created.add(reply.headers.get("location", ""))
        return reply


def referral(sender: Sender, number: int, **changes: object) -> Json:
    """A sound referral of an invented person, told apart by run and number."""
    person = {
        "resourceType": "Patient", "id": "person", "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "name": [{"family": "Prawf", "given": ["Cydymffurfio"]}], "birthDate": "1950-01-01",
        "address": [{"line": ["1 Stryd y Prawf"], "postalCode": "SA1 1AA"}],
    }  # fmt: skip
    made: Json = {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": "Social prescribing"},
        "identifier": [{"system": "https://example.wales/conformance", "value": f"{sender.run}-{number}"}], "subject": {"reference": "#person"},
        "note": [{"text": "Prawf cydymffurfio: hoffai ymuno â chôr yn y dref, â'i gŵyl a'i thŷ."}], "contained": [person],
    }  # fmt: skip
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def as_bytes(body: object) -> bytes:
    """The body as it is sent."""
    return json.dumps(body, ensure_ascii=False).encode()


# --- what an answer shows ---------------------------------------------------------------------------------------------------------------

Shows = Callable[[Sender, httpx.Response], bool]
_LOCATION = re.compile(r"(?:https?://[^/]+)?/\S*ServiceRequest/[A-Za-z0-9.-]{1,64}")


def _issues(reply: httpx.Response) -> list[Json]:
    try:
        body = reply.json()
    except (ValueError, RecursionError):
        return []
    found = body.get("issue") if isinstance(body, dict) and body.get("resourceType") == "OperationOutcome" else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _names_all_three(_sender: Sender, reply: httpx.Response) -> bool:
    named = {path for one in _issues(reply) for path in one.get("expression", ())}
    return {"ServiceRequest.status", "ServiceRequest.intent", "ServiceRequest.subject"} <= named


def _bilingual(_sender: Sender, reply: httpx.Response) -> bool:
    details = [one.get("details", {}) for one in _issues(reply)]
    return bool(details) and all(one.get("text") and '"cy"' in json.dumps(one.get("_text", {})) for one in details)


SHOWS: Mapping[str, Shows] = {
    "Location": lambda _sender, reply: _LOCATION.fullmatch(reply.headers.get("location", "")) is not None,
    "ETag": lambda _sender, reply: reply.headers.get("etag", "").startswith('W/"'),
    "OperationOutcome": lambda _sender, reply: bool(_issues(reply)),
    "ids echoed": lambda sender, reply: reply.headers.get("x-correlation-id") == sender.correlation,
    "the first answer": lambda sender, reply: (
        reply.headers.get("location", "").endswith(sender.location) and reply.headers.get("idempotency-replayed") == "true"
    ),
    "all three paths": _names_all_three,
    "English and Welsh": _bilingual,
    "nothing said back": lambda _sender, reply: MARKER not in reply.text,
    "WWW-Authenticate": lambda _sender, reply: bool(reply.headers.get("www-authenticate")),
    "Allow": lambda _sender, reply: bool(reply.headers.get("allow")),
    "FHIR 4.0.1": lambda _sender, reply: reply.json().get("fhirVersion") == "4.0.1",
    "ŵ and ŷ as sent": lambda _sender, reply: "gŵyl" in reply.text and "thŷ" in reply.text,
    "no-store": lambda _sender, reply: "no-store" in reply.headers.get("cache-control", ""),
}
