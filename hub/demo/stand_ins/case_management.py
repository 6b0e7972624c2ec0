"""Beside the flow: a link workers' case system. Is told of hand-overs by signed webhook or on `to.<client>`, and says what its workers do by
`PUT /fhir/Task/{id}` with If-Match, or on `from.<client>`.

Each new assignment is worked through by `script`: `accept`, `first-contact`, `plan`, `complete`, `decline`, `hand-back`, `step-up`; an empty
script keeps silent. Orders: `script` {steps, pause}; `update` {task, status, business, version}; `read` {path}; `drop` and `refuse` {arrivals}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from .journal import Journal
from .kafka import Road
from .orders import Order, carry_out, secrets
from .webhooks import Receiver, told

AGAIN = frozenset({425, 429, 500, 502, 503, 504})
ATTEMPTS = 60
PAUSE = 0.5
STEPS: dict[str, tuple[str, str, str | None]] = {
    "accept": ("accepted", "accepted", None),
    "first-contact": ("in-progress", "first-contact", None),
    "plan": ("in-progress", "plan-agreed", None),
    "complete": ("completed", "closed-goals-met", None),
    "cancel": ("cancelled", "cancel-requested", None),
    "decline": ("rejected", "declined", "declined-by-prescriber"),
    "hand-back": ("failed", "handed-back", "declined-by-prescriber"),
    "step-up": ("in-progress", "stepped-up", "clinical"),
}
BUSINESS = "https://hub.example.wales/CodeSystem/sp-business-status"
REASON = "https://hub.example.wales/CodeSystem/reason"
Json = dict[str, Any]  # Any: JSON


@dataclass(slots=True)
class CaseSystem:
    """One case system. `road` is its Kafka, where it has one; then it neither hears nor answers by HTTP."""

    hub: httpx.AsyncClient
    journal: Journal
    script: tuple[str, ...]
    receiver: Receiver | None = None
    road: Road | None = None
    pause: float = 0.0
    _tasks: dict[str, Json] = field(default_factory=dict)

    async def carry(self, order: Order) -> Order:
        """One order's result."""
        match order["do"]:
            case "script":
                self.script, self.pause = tuple(order["steps"]), float(order.get("pause", 0))
                return {}
            case "update":
                task = self._tasks.get(order["task"]) or {"resourceType": "Task", "id": order["task"], "intent": "order"}
                status, business, reason = STEPS[order["step"]]
                reply = await self._put(_changed(task, status, business, reason), order.get("version"), str(uuid.uuid4()))
                return {"status": reply.status_code, "etag": reply.headers.get("etag"), "answer": _json(reply.content)}
            case "read":
                reply = await self.hub.get(order["path"])
                return {"status": reply.status_code, "answer": _json(reply.content)}
            case "drop" | "refuse" as what if self.receiver is not None:
                (self.receiver.drop if what == "drop" else self.receiver.refuse).update(order["arrivals"])
                return {}
            case other:
                return {"error": "unknown order", "detail": other}

    async def take(self, _id: str, said: Json) -> None:
        """What came, once for each message: an assignment that is new to us is worked through."""
        task = (said.get("data") or {}).get("task") or {}
        if said.get("type") != "referral.assigned.v1" or task.get("id") in self._tasks or not task:
            return
        self._tasks[task["id"]] = task
        for step in self.script:
            await asyncio.sleep(self.pause)
            if not await self._step(task["id"], step):
                return

    async def _step(self, task: str, step: str) -> bool:
        """Say one thing of a hand-over until it is heard; whether to go on."""
        status, business, reason = STEPS[step]
        body = _changed(self._tasks[task], status, business, reason)
        if self.road is not None:
            sequence = int(body.get("sequence", 0)) + 1
            self._tasks[task]["sequence"] = sequence
            body.pop("sequence", None)
            key = str(uuid.uuid4())
            await self.road.tell(key, sequence, json.dumps(body, ensure_ascii=False).encode())
            self.journal.note("update", task=task, step=step, key=key, status="sent", via="kafka")
            return True
        return await self._until_heard(task, step, body)

    async def _until_heard(self, task: str, step: str, body: Json) -> bool:
        key = str(uuid.uuid4())
        for attempt in range(1, ATTEMPTS + 1):
            try:
                reply = await self._put(body, self._version(task), key)
            except httpx.HTTPError as fault:
                self.journal.note("unknown", task=task, step=step, key=key, attempt=attempt, fault=type(fault).__name__)
                await asyncio.sleep(PAUSE)
                continue
            self.journal.note("update", task=task, step=step, key=key, attempt=attempt, status=reply.status_code)
            if reply.status_code == 200:
                self._tasks[task] = _json(reply.content) or self._tasks[task]
                return True
            if reply.status_code == 412:
                key = await self._look_again(task)
            elif reply.status_code not in AGAIN:
                return False
            else:
                await asyncio.sleep(PAUSE)
        self.journal.note("gave-up", task=task, step=step)
        return False

    async def _look_again(self, task: str) -> str:
        """Our copy was old: read the Task as it is now. A new request, so a new key."""
        reply = await self.hub.get(f"/fhir/Task/{task}")
        if reply.status_code == 200:
            self._tasks[task] = _json(reply.content) or self._tasks[task]
        return str(uuid.uuid4())

    async def _put(self, body: Json, version: str | None, key: str) -> httpx.Response:
        headers = {"Content-Type": "application/fhir+json", "X-Request-Id": key, **({"If-Match": f'W/"{version}"'} if version else {})}
        return await self.hub.put(f"/fhir/Task/{body['id']}", content=json.dumps(body, ensure_ascii=False).encode(), headers=headers)

    def _version(self, task: str) -> str | None:
        found = (self._tasks[task].get("meta") or {}).get("versionId")
        return str(found) if found is not None else None


def _changed(task: Json, status: str, business: str, reason: str | None) -> Json:
    made = {name: value for name, value in task.items() if name not in ("statusReason",)}
    made |= {"status": status, "businessStatus": {"coding": [{"system": BUSINESS, "code": business}]}}
    return made | ({"statusReason": {"coding": [{"system": REASON, "code": reason}]}} if reason else {})


def _json(content: bytes) -> Json | None:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


async def run(given: argparse.Namespace) -> None:
    """Be a case system until told to stop."""
    log, mine = Journal(given.journal, given.name), secrets(given.secrets)
    headers = {"Authorization": f"Bearer {mine['key']}"}
    async with httpx.AsyncClient(base_url=given.hub, headers=headers, trust_env=False, timeout=10) as client:
        system = CaseSystem(client, log, tuple(step for step in given.script.split(",") if step), pause=given.pause)
        reading: asyncio.Task[None] | None = None
        if given.kafka:
            system.road = await Road.open(given.kafka, mine.get("kafka_password"), given.name, given.topic_prefix)
            reading = asyncio.create_task(_read(system.road, system, log))
            port = 0
        else:
            system.receiver = Receiver(mine["webhook_secret"], log, system.take)
            port = await system.receiver.open(given.port)
        try:
            await carry_out({"ready": given.name, "port": port}, system.carry)
        finally:
            if reading is not None:
                reading.cancel()
            if system.road is not None:
                await system.road.close()
    log.close()


async def _read(road: Road, system: CaseSystem, log: Journal) -> None:
    seen: set[str] = set()
    working: set[asyncio.Task[None]] = set()
    async for id_, topic, body in road.heard():
        said = json.loads(body)
        log.note("told", id=id_, repeated=id_ in seen, type=said.get("type"), via="kafka", topic=topic, **told(said.get("data") or {}))
        if id_ not in seen:
            seen.add(id_)
            task = asyncio.create_task(system.take(id_, said))
            working.add(task)
            task.add_done_callback(working.discard)


def main() -> None:
    """`python -m hub.demo.stand_ins.case_management`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hub", required=True, help="the hub's address, http://host:port")
    arguments.add_argument("--port", type=int, default=0, help="where webhooks arrive")
    arguments.add_argument("--journal", type=Path, required=True)
    arguments.add_argument("--secrets", type=Path, required=True, help="a JSON file: key, webhook_secret or kafka_password")
    arguments.add_argument("--name", default="case-management", help="its client id")
    arguments.add_argument("--script", default="accept,first-contact,complete")
    arguments.add_argument("--pause", type=float, default=0.0, help="seconds before each step")
    arguments.add_argument("--kafka", default="", help="host:port; then it hears and answers on Kafka")
    arguments.add_argument("--topic-prefix", default="")
    asyncio.run(run(arguments.parse_args()))


if __name__ == "__main__":
    main()
