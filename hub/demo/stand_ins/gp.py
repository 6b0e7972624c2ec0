"""Beside the flow: a GP system. Posts FHIR ServiceRequests, sends the same again when it does not know, hears back by signed webhook.

Orders: `send` {count, seed, at_once, note, first}; `post` {case: sound | wrong | again | reused, note, need, postcode, body}; `read` {path}; `drop` and
`refuse` {arrivals}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from . import persons
from .journal import Journal
from .orders import Order, carry_out, secrets
from .webhooks import Receiver

AGAIN = frozenset({425, 429, 500, 502, 503, 504})
ATTEMPTS = 60
PAUSE = 0.5
Json = dict[str, Any]  # Any: JSON


@dataclass(slots=True)
class Gp:
    """One practice. `last` is what it posted last: id and bytes."""

    hub: httpx.AsyncClient
    journal: Journal
    receiver: Receiver
    name: str
    last: tuple[str, bytes] | None = None
    sent: int = 0
    _numbers: dict[str, int] = field(default_factory=dict)

    async def carry(self, order: Order) -> Order:
        """One order's result."""
        match order["do"]:
            case "send":
                return await self._send(order)
            case "post":
                return await self._post(order)
            case "read":
                reply = await self.hub.get(order["path"])
                return {"status": reply.status_code, "etag": reply.headers.get("etag"), "answer": _json(reply.content)}
            case "drop":
                self.receiver.drop |= set(order["arrivals"])
                return {}
            case "refuse":
                self.receiver.refuse |= set(order["arrivals"])
                return {}
            case other:
                return {"error": "unknown order", "detail": other}

    async def _send(self, order: Order) -> Order:
        turn = asyncio.Semaphore(int(order.get("at_once", 8)))
        first, seed, pace = int(order.get("first", 0)), int(order.get("seed", 1)), float(order.get("pace", 0))

        async def one(number: int) -> int | None:
            async with turn:
                who = persons.person(seed, first + number)
                body = persons.as_bytes(persons.service_request(who, f"{self.name}-{seed}-{first + number}", order.get("note", "")))
                return (await self.deliver(str(uuid.uuid4()), body, "sound", _said(who)))[0]

        tasks = []
        for number in range(int(order["count"])):
            tasks.append(asyncio.create_task(one(number)))
            if pace:
                await asyncio.sleep(pace)
        statuses = await asyncio.gather(*tasks)
        return {"sent": len(statuses), "stored": sum(status == 201 for status in statuses), "statuses": sorted({status or 0 for status in statuses})}

    async def _post(self, order: Order) -> Order:
        case = order.get("case", "sound")
        if case == "again" and self.last is not None:
            id_, body = self.last
            return await self._result(id_, body, case, None)
        self.sent += 1
        own = f"{self.name}-post-{self.sent}"
        who = persons.person(int(order.get("seed", 99)), self.sent)
        who = replace(who, need=tuple(order["need"])) if "need" in order else who
        resource = persons.wrong_in_three_places() if case == "wrong" else persons.service_request(who, own, order.get("note", ""))
        if "postcode" in order:
            resource["contained"][0]["address"][0]["postalCode"] = order["postcode"]
        body = str(order["body"]).encode() if "body" in order else persons.as_bytes(resource)
        id_ = self.last[0] if case == "reused" and self.last is not None else str(uuid.uuid4())
        if case != "reused":
            self.last = (id_, body)
        return await self._result(id_, body, case, _said(who))

    async def _result(self, id_: str, body: bytes, case: str, who: Json | None) -> Order:
        status, answer, headers = await self.deliver(id_, body, case, who)
        return {"request": id_, "status": status, "answer": answer, "location": headers.get("location"), "etag": headers.get("etag")}

    async def deliver(self, id_: str, body: bytes, case: str, who: Json | None) -> tuple[int | None, Json | None, Json]:
        """Post until there is an answer that says something; the last status (None: never known), its body and headers."""
        self.journal.note("send", key=id_, case=case, person=who, number=_own_number(body))
        status: int | None = None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                reply = await self.hub.post("/fhir/ServiceRequest", content=body, headers={"X-Request-Id": id_, "Content-Type": "application/fhir+json"})
            except httpx.HTTPError as fault:
                self.journal.note("unknown", key=id_, attempt=attempt, fault=type(fault).__name__)
                await asyncio.sleep(PAUSE)
                continue
            status = reply.status_code
            after = reply.headers.get("retry-after")
            self.journal.note("answer", key=id_, attempt=attempt, status=status, location=reply.headers.get("location"), retry_after=after)
            if status not in AGAIN:
                return status, _json(reply.content), dict(reply.headers)
            await asyncio.sleep(min(float(after or PAUSE), 2.0))
        self.journal.note("gave-up", key=id_)
        return status, None, {}


def _said(who: persons.Person) -> Json:
    return {"nhs_number": who.nhs_number, "family": who.family, "given": who.given, "birth_date": who.birth_date}


def _own_number(body: bytes) -> str | None:
    identifiers: list[Json] = (_json(body) or {}).get("identifier") or [{}]
    return str(identifiers[0]["value"]) if "value" in identifiers[0] else None


def _json(content: bytes) -> Json | None:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


async def _heard(_id: str, _said: Json) -> None:
    """What a practice does with feedback is not our matter; it stands in the journal."""


async def run(given: argparse.Namespace) -> None:
    """Be a practice until told to stop."""
    log, mine = Journal(given.journal, given.name), secrets(given.secrets)
    receiver = Receiver(mine["webhook_secret"], log, _heard)
    listening = await receiver.open(given.port)
    headers = {"Authorization": f"Bearer {mine['key']}"}
    async with httpx.AsyncClient(base_url=given.hub, headers=headers, trust_env=False, timeout=10, limits=httpx.Limits(max_connections=64)) as client:
        await carry_out({"ready": given.name, "port": listening}, Gp(client, log, receiver, given.name).carry)
    await receiver.close()
    log.close()


def main() -> None:
    """`python -m hub.demo.stand_ins.gp`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hub", required=True, help="the hub's address, http://host:port")
    arguments.add_argument("--port", type=int, default=0, help="where webhooks arrive")
    arguments.add_argument("--journal", type=Path, required=True)
    arguments.add_argument("--secrets", type=Path, required=True, help="a JSON file: key, webhook_secret")
    arguments.add_argument("--name", default="gp")
    asyncio.run(run(arguments.parse_args()))


if __name__ == "__main__":
    main()
