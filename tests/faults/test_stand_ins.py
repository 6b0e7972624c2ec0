"""Stand-ins are witnesses: they check what they are sent, know what they have seen, and end with whoever started them."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
from standardwebhooks.webhooks import Webhook

from hub.demo.stand_ins import persons
from hub.demo.stand_ins.journal import Journal
from hub.demo.stand_ins.mllp import acknowledgement, field
from hub.demo.stand_ins.webhooks import Json, Receiver
from hub.security.keys import new_webhook_secret
from schemas.identifiers import NhsNumber

BODY = json.dumps({"type": "referral.assigned.v1", "data": {"id": "r", "version": 2, "task": {"id": "t", "status": "requested"}}}).encode()


async def test_a_receiver_takes_what_is_signed_once_and_refuses_what_is_not(tmp_path: Path) -> None:
    taken: list[str] = []

    async def take(id_: str, _said: Json) -> None:
        taken.append(id_)

    secret = new_webhook_secret()
    receiver = Receiver(secret, Journal(tmp_path / "j.jsonl", "gp"), take, drop={5}, refuse={4})
    url = f"http://127.0.0.1:{await receiver.open(0)}/hook"
    async with httpx.AsyncClient(trust_env=False) as hub:
        statuses = [
            (await hub.post(url, content=BODY, headers=_signed(secret, "a"))).status_code,
            (await hub.post(url, content=BODY, headers=_signed(secret, "a"))).status_code,  # the same message again
            (await hub.post(url, content=BODY, headers=_signed(new_webhook_secret(), "b"))).status_code,  # somebody else's secret
            (await hub.post(url, content=BODY, headers=_signed(secret, "c"))).status_code,  # told to refuse
            (await hub.post(url, content=BODY, headers=_signed(secret, "d"))).status_code,  # told to take and forget
        ]
    await receiver.close()
    assert statuses == [200, 200, 401, 500, 200]
    assert taken == ["a"]
    lines = [json.loads(line) for line in (tmp_path / "j.jsonl").read_text().splitlines()]
    assert [(line["what"], line.get("id"), line.get("repeated")) for line in lines] == [
        ("told", "a", False), ("told", "a", True), ("refused", None, None), ("refused", None, None),
    ]  # fmt: skip


def _signed(secret: str, id_: str) -> dict[str, str]:
    now = datetime.now(UTC)
    return {"webhook-id": id_, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": Webhook(secret).sign(id_, now, BODY.decode())}


async def test_a_stand_in_ends_when_its_orders_do(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.demo.stand_ins.hospital", "--hub", "127.0.0.1:1", "--journal", str(tmp_path / "j"), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert json.loads(await asyncio.wait_for(process.stdout.readline(), 30))["ready"] == "hospital"
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 30) == 0


def test_its_people_are_nobody() -> None:
    """Test range, sound check digit, the same ones for the same seed."""
    people = [persons.person(seed, number) for seed in range(5) for number in range(50)]
    assert all(NhsNumber.read(who.nhs_number) is not None and who.nhs_number.startswith("999") for who in people)
    assert persons.person(3, 4) == persons.person(3, 4)
    assert len({who.nhs_number for who in people}) > 240


def test_a_hospitals_frames_can_be_read_back() -> None:
    who = persons.person(1, 1)
    message = persons.referral_message(who, "C1", ("WPAS", "7A3"), "H-1")
    assert (field(message, "MSH", 10), field(message, "RF1", 6), field(message, "PID", 5)) == ("C1", "H-1^WPAS", f"{who.family}^{who.given}")
    assert field(acknowledgement(message), "MSA", 2) == "C1"
    assert field(persons.discharge_message(who, "C2", ("WPAS", "7A3"), died=True), "PID", 30) == "Y"
