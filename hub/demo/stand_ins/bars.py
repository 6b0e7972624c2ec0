"""Beside the flow: a GP system that speaks BaRS. Posts message bundles to $process-message, and hears back by BaRS responses.

Orders: `post` {note, need, postcode, seed}; `again` {}; `cancel` {}.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from . import persons
from .bars_messages import cancelled, referral
from .journal import Journal
from .orders import Order, carry_out, secrets
from .webhooks import Receiver

ATTEMPTS, PAUSE = 60, 0.5
AGAIN = frozenset({408, 425, 429, 503})
_PATH = "/bars/FHIR/R4/$process-message"
Json = dict[str, Any]  # Any: JSON


@dataclass(slots=True)
class BarsGp:
    """One practice. `last` is what it sent last: the person, the journey, the request's id and its bytes."""

    hub: httpx.AsyncClient
    journal: Journal
    name: str
    last: tuple[persons.Person, str, str, bytes] | None = None
    sent: int = 0

    async def carry(self, order: Order) -> Order:
        """One order's result."""
        match order["do"]:
            case "post":
                return await self._post(order)
            case "again" if self.last is not None:
                who, journey, id_, body = self.last
                return await self._send(id_, journey, body, "again", who)
            case "cancel" if self.last is not None:
                who, journey, _, _ = self.last
                body = _bytes(cancelled(who, self._number(), journey))
                return await self._send(str(uuid.uuid4()), journey, body, "cancel", None)
            case other:
                return {"error": "unknown order", "detail": other}

    async def _post(self, order: Order) -> Order:
        self.sent += 1
        who = persons.person(int(order.get("seed", 77)), self.sent)
        who = replace(who, postcode=order.get("postcode", who.postcode), need=tuple(order.get("need", who.need)))
        journey, id_ = str(uuid.uuid4()), str(uuid.uuid4())
        body = _bytes(referral(who, self._number(), journey, order.get("note", "")))
        self.last = (who, journey, id_, body)
        return await self._send(id_, journey, body, "sound", who)

    def _number(self) -> str:
        return f"{self.name}-{self.sent}"

    async def _send(self, id_: str, journey: str, body: bytes, case: str, who: persons.Person | None) -> Order:
        """Send the same until there is an answer that says something; its status and body."""
        said = {"nhs_number": who.nhs_number, "family": who.family, "given": who.given, "birth_date": who.birth_date} if who else None
        self.journal.note("send", key=id_, case=case, person=said, number=self._number())
        for attempt in range(1, ATTEMPTS + 1):
            try:
                reply = await self.hub.post(_PATH, content=body, headers=_headers(id_, journey))
            except httpx.HTTPError as fault:
                self.journal.note("unknown", key=id_, attempt=attempt, fault=type(fault).__name__)
                await asyncio.sleep(PAUSE)
                continue
            self.journal.note("answer", key=id_, attempt=attempt, status=reply.status_code, location=None, retry_after=reply.headers.get("retry-after"))
            if reply.status_code not in AGAIN:
                return {"status": reply.status_code, "journey": journey, "request": id_, "number": self._number(), "answer": json.loads(reply.content)}
            await asyncio.sleep(PAUSE)
        self.journal.note("gave-up", key=id_)
        return {"status": None, "journey": journey, "request": id_, "number": self._number(), "answer": None}


def _headers(id_: str, journey: str) -> dict[str, str]:
    return {
        "X-Request-Id": id_,
        "X-Correlation-Id": journey,
        "NHSD-Target-Identifier": _said({"value": "9900000001", "system": "https://fhir.nhs.uk/Id/dos-service-id"}),
        "NHSD-End-User-Organisation": _said(
            {"resourceType": "Organization", "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "W99998"}], "name": "Prawf"}
        ),
        "NHSD-Requesting-Software": _said({"resourceType": "Device", "deviceName": [{"name": "Prawf", "type": "manufacturer-name"}]}),
        "Accept": "application/fhir+json; version=1.4.0",
        "Content-Type": "application/fhir+json; version=1.4.0",
    }


def _said(value: Json) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def _bytes(bundle: Json) -> bytes:
    return json.dumps(bundle, ensure_ascii=False).encode()


def told(said: Json) -> Json:
    """What a BaRS response says: the ServiceRequest and our Task within its bundle."""
    resources = [entry.get("resource") or {} for entry in said.get("entry") or ()]
    request = next((one for one in resources if one.get("resourceType") == "ServiceRequest"), {})
    task = next((one for one in resources if one.get("resourceType") == "Task"), {})
    note = (request.get("note") or [{}])[0]
    return {
        "type": "servicerequest-response",
        "referral": request.get("id"),
        "version": (request.get("meta") or {}).get("versionId"),
        "task": task.get("id"),
        "status": task.get("status"),
        "request_status": request.get("status"),
        "business": next((one.get("code") for one in (task.get("businessStatus") or {}).get("coding") or ()), None),
        "text": {"en": note.get("text"), "cy": _welsh(note) or note.get("text")},
        "identifiers": [one["value"] for one in request.get("identifier") or ()],
        "person": None,
    }


def _welsh(note: Json) -> str | None:
    for extension in (note.get("_text") or {}).get("extension") or ():
        said = {one.get("url"): one.get("valueCode") or one.get("valueString") for one in extension.get("extension") or ()}
        if said.get("lang") == "cy":
            return str(said.get("content"))
    return None


async def _heard(_id: str, _said: Json) -> None:
    """It stands in the journal."""


async def run(given: argparse.Namespace) -> None:
    """Be a practice until told to stop."""
    log, mine = Journal(given.journal, given.name), secrets(given.secrets)
    receiver = Receiver(mine["webhook_secret"], log, _heard, read=told)
    listening = await receiver.open(given.port)
    async with httpx.AsyncClient(base_url=given.hub, headers={"Authorization": f"Bearer {mine['key']}"}, trust_env=False, timeout=10) as client:
        await carry_out({"ready": given.name, "port": listening}, BarsGp(client, log, given.name).carry)
    await receiver.close()
    log.close()


def main() -> None:
    """`python -m hub.demo.stand_ins.bars`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hub", required=True, help="the hub's address, http://host:port")
    arguments.add_argument("--port", type=int, default=0, help="where responses arrive")
    arguments.add_argument("--journal", type=Path, required=True)
    arguments.add_argument("--secrets", type=Path, required=True, help="a JSON file: key, webhook_secret")
    arguments.add_argument("--name", default="bars-gp")
    asyncio.run(run(arguments.parse_args()))


if __name__ == "__main__":
    main()
