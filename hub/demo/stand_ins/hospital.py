"""Beside the flow: a hospital's system. Sends REF^I12 and ADT frames over MLLP, the same MSH-10 again when it hears nothing or AE; is told
by RRI^I12 at its own listener and acknowledges.

Orders: `send` {count, seed, first}; `refer` {number, note}; `discharge` {number}; `death` {number}; `text` {message}; `drop` {arrivals}.
"""

from __future__ import annotations

import argparse
import asyncio
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import mllp, persons
from .journal import Journal
from .orders import Order, carry_out

ATTEMPTS = 60
PATIENCE = 5.0
PAUSE = 0.5
Json = dict[str, Any]  # Any: JSON


@dataclass(slots=True)
class Hospital:
    """One hospital: `sender` is its MSH-3 and MSH-4. `drop`: arrivals (from 1) that it acknowledges and forgets."""

    line: mllp.Line
    journal: Journal
    sender: tuple[str, str]
    drop: set[int] = field(default_factory=set)
    arrivals: int = 0
    _seen: set[str] = field(default_factory=set)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def carry(self, order: Order) -> Order:
        """One order's result."""
        who = persons.person(int(order.get("seed", 55)), int(order.get("number", 1)))
        control = f"C{uuid.uuid4().hex[:16].upper()}"
        match order["do"]:
            case "send":
                return await self._send(order)
            case "refer":
                return await self._result(control, persons.referral_message(who, control, self.sender, f"H-{control}", order.get("note", "")), "referral", who)
            case "discharge":
                return await self._result(control, persons.discharge_message(who, control, self.sender), "discharge", who)
            case "death":
                return await self._result(control, persons.discharge_message(who, control, self.sender, died=True), "death", who)
            case "text":
                message = str(order["message"]).encode()
                return await self._result(mllp.field(message, "MSH", 10), message, "text", None)
            case "drop":
                self.drop |= set(order["arrivals"])
                return {}
            case other:
                return {"error": "unknown order", "detail": other}

    async def _send(self, order: Order) -> Order:
        first, seed, codes = int(order.get("first", 0)), int(order.get("seed", 2)), []
        for number in range(first, first + int(order["count"])):
            control = f"C{uuid.uuid4().hex[:16].upper()}"
            who = persons.person(seed, number)
            codes.append((await self._result(control, persons.referral_message(who, control, self.sender, f"H-{seed}-{number}"), "referral", who))["code"])
        return {"sent": len(codes), "stored": sum(code == "AA" for code in codes)}

    async def _result(self, control: str, message: bytes, case: str, who: persons.Person | None) -> Order:
        said = {"nhs_number": who.nhs_number, "family": who.family, "given": who.given, "birth_date": who.birth_date} if who else None
        number = mllp.field(message, "RF1", 6).partition("^")[0] or None
        self.journal.note("send", key=control, case=case, person=said, number=number)
        for attempt in range(1, ATTEMPTS + 1):
            async with self._turn:
                answer = await self.line.ask(message, PATIENCE)
            code = mllp.field(answer, "MSA", 1) if answer is not None else None
            if answer is None or mllp.field(answer, "MSA", 2) != control:
                self.journal.note("unknown", key=control, attempt=attempt, fault="no answer" if answer is None else "another message's answer")
                await self.line.close()
            else:
                self.journal.note("answer", key=control, attempt=attempt, status=code)
                if code not in ("AE", "CE"):
                    return {"control": control, "code": code, "answer": answer.decode("utf-8", "replace")}
            await asyncio.sleep(PAUSE)
        self.journal.note("gave-up", key=control)
        return {"control": control, "code": None, "answer": None}

    async def take(self, message: bytes) -> bytes | None:
        """A frame at our listener: noted, acknowledged AA."""
        self.arrivals += 1
        control, kind = mllp.field(message, "MSH", 10), mllp.field(message, "MSH", 9)
        if self.arrivals not in self.drop:
            self.journal.note("told", id=control, number=self.arrivals, repeated=control in self._seen, type=kind, via="mllp", **_told(message))
            self._seen.add(control)
        return mllp.acknowledgement(message)


def _told(message: bytes) -> Json:
    """What is noted of an RRI: our number and theirs, the status, the words, and who the person is, as it came."""
    name = mllp.field(message, "PID", 5).split("^")
    return {
        "ref": mllp.field(message, "RF1", 11).partition("^")[0],
        "status": mllp.field(message, "RF1", 1),
        "identifiers": [mllp.field(message, "RF1", 6).partition("^")[0]],
        "text": [line.split("|")[3] for line in message.decode("utf-8", "replace").split("\r") if line.startswith("NTE|")],
        "person": {
            "nhs_number": mllp.field(message, "PID", 3).partition("^")[0],
            "family": name[0],
            "given": name[1] if len(name) > 1 else None,
            "birth_date": mllp.field(message, "PID", 7),
        },
    }


async def run(hub: str, port: int, journal: Path, name: str, sender: tuple[str, str]) -> None:
    """Be a hospital until told to stop."""
    host, _, hub_port = hub.rpartition(":")
    log = Journal(journal, name)
    hospital = Hospital(mllp.Line(host, int(hub_port)), log, sender)
    server = await mllp.listen(port, hospital.take)
    await carry_out({"ready": name, "port": int(server.sockets[0].getsockname()[1])}, hospital.carry)
    server.close()
    await hospital.line.close()
    log.close()


def main() -> None:
    """`python -m hub.demo.stand_ins.hospital`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hub", required=True, help="the hub's MLLP address, host:port")
    arguments.add_argument("--port", type=int, default=0, help="where RRI^I12 arrives")
    arguments.add_argument("--journal", type=Path, required=True)
    arguments.add_argument("--name", default="hospital")
    arguments.add_argument("--application", default="WPAS", help="MSH-3")
    arguments.add_argument("--facility", default="7A3", help="MSH-4")
    given = arguments.parse_args()
    asyncio.run(run(given.hub, given.port, given.journal, given.name, (given.application, given.facility)))


if __name__ == "__main__":
    main()
