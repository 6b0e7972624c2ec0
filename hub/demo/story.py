"""Beside the flow: the story that the demonstration tells, part by part. Each part does one thing to a real hub and shows what came back."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass

from hub.demo.fhir_words import faults, issues
from hub.demo.run_hub import RunningHub
from hub.demo.run_stand_ins import Json, StandIns
from hub.demo.screen import Screen
from hub.demo.story_doors import Doors
from schemas.words import Text

WHOLE_WAY = ("accept", "first-contact", "complete")
_MANY = 40
_SETTLED = 90.0
_AT, _COMPANY = "LL57 2AB", ("422650009", "Social isolation")
_NOTHING_FITS = ("NP23 4AA", ("73438004", "Unemployed"))
"""A district of the demonstration's directory whose only prescriber is full, and a need that nobody there answers."""


@dataclass(slots=True)
class Story:
    """The parts in order; `drop` has the practice lose one message, which the table at the end must show."""

    hub: RunningHub
    they: StandIns
    screen: Screen
    drop: bool = False
    first: str = ""

    async def tell(self) -> None:
        """Every part. Raises Unavailable when a process has gone."""
        for part in (self._whole_way, self._again, self._wrong, self._hospital, self._discharge, self._death, self._crisis, self._nothing_fits, self._stale):
            await part()
            await asyncio.sleep(self.screen.pause)
        await Doors(self.hub, self.they, self.screen).tell()
        await self._killed()

    async def _whole_way(self) -> None:
        self.screen.step("demo.gp")
        posted = await self.they.gp.ask("post", postcode=_AT, need=list(_COMPANY), note="Lives alone since last year and misses company.")
        self.first = _id(posted)
        self.screen.quote("demo.answered", _first_words(posted), status=str(posted["status"]))
        for fact in ("assigned", "accepted", "first-contact", "completed"):
            told = await self.they.gp.told(self.first, fact)
            if told is None:
                self.screen.see(False, "demo.not-told", fact=fact)
            else:
                self.screen.quote("demo.told", Text(**told["text"]), fact=fact)
            if fact == "assigned":
                await self._why(self.first)

    async def _why(self, referral: str) -> None:
        """The reasons of the choice, from the fact itself."""
        if (words := await self.hub.explanation(referral)) is not None:
            self.screen.quote("demo.why", words)

    async def _again(self) -> None:
        self.screen.step("demo.again")
        before = await self.hub.value("SELECT count(*) FROM referral")
        posted = await self.they.gp.ask("post", case="again")
        same = _id(posted) == self.first and await self.hub.value("SELECT count(*) FROM referral") == before
        self.screen.see(same, "demo.again.same", status=str(posted["status"]))

    async def _wrong(self) -> None:
        self.screen.step("demo.wrong")
        posted = await self.they.gp.ask("post", case="wrong")
        found = faults(posted["answer"])
        self.screen.say("demo.wrong.answer", status=str(posted["status"]))
        for where, words in found:
            self.screen.quote("demo.wrong.at", words, where=where)
        self.screen.see(posted["status"] in (400, 422) and len(found) == 3, "demo.wrong.all", count=str(len(found)))

    async def _hospital(self) -> None:
        self.screen.step("demo.hospital")
        sent = await self.they.hospital.ask("refer", number=1)
        self.screen.see(sent["code"] == "AA", "demo.acknowledged", code=str(sent["code"]))
        told = await self._rri(f"H-{sent['control']}")
        if told is None:
            self.screen.see(False, "demo.not-told", fact="RRI^I12")
        else:
            self.screen.quote("demo.rri", _in(self.screen.language, told["text"]), status=told["status"])

    async def _discharge(self) -> None:
        self.screen.step("demo.discharge")
        before = await self.hub.value("SELECT count(*) FROM referral")
        sent = await self.they.hospital.ask("discharge", number=7)
        after = await self.hub.value("SELECT count(*) FROM referral")
        self.screen.see(sent["code"] == "AA" and before == after, "demo.discharge.nothing", code=str(sent["code"]))

    async def _death(self) -> None:
        self.screen.step("demo.death")
        await self.they.cases.ask("script", steps=["accept"], pause=0.3)
        sent = await self.they.hospital.ask("refer", number=10)
        number = f"H-{sent['control']}"
        opened = await self._assigned_to_cases(number)
        referral = opened["referral"] if opened else ""
        task = opened["task"] if opened else ""
        await self.they.cases.until(lambda line: line["what"] == "update" and line["task"] == task and line["status"] == 200)
        self.screen.say("demo.death.open")
        died = await self.they.hospital.ask("death", number=10)
        self.screen.say("demo.acknowledged", code=str(died["code"]))
        told = await self.they.cases.told(referral, "person-died")
        if told is not None:
            self.screen.quote("demo.death.told", Text(**told["text"]))
        status = await self.hub.value("SELECT status FROM referral WHERE id::text = $1", referral)
        self.screen.see(told is not None and status == "cancelled", "demo.death.stopped")

    async def _crisis(self) -> None:
        self.screen.step("demo.crisis")
        posted = await self.they.gp.ask("post", note="She told me today that she wants to end her life.")
        self.screen.quote("demo.answered", _first_words(posted), status=str(posted["status"]))
        held = await self.they.gp.told(_id(posted), "held")
        row = await self.hub.rows("SELECT held_reason, owner FROM referral WHERE id::text = $1", _id(posted))
        told_anybody = await self.hub.value("SELECT count(*) FROM task WHERE referral_id::text = $1 AND role = 'hand-over'", _id(posted))
        self.screen.see(held is not None and bool(row) and row[0]["held_reason"] == "crisis" and told_anybody == 0, "demo.crisis.held")

    async def _nothing_fits(self) -> None:
        self.screen.step("demo.nothing")
        postcode, need = _NOTHING_FITS
        posted = await self.they.gp.ask("post", postcode=postcode, need=list(need))
        held = await self.they.gp.told(_id(posted), "held")
        if held is not None:
            self.screen.quote("demo.told", Text(**held["text"]), fact="held")
        unmet = await self._unmet(_id(posted))
        self.screen.see(held is not None and bool(unmet), "demo.nothing.unmet", needs=", ".join(unmet))

    async def _stale(self) -> None:
        self.screen.step("demo.stale")
        posted = await self.they.gp.ask("post")
        opened = await self.they.cases.told(_id(posted), "assigned")
        accepted = await self.they.gp.told(_id(posted), "accepted")
        if opened is None or accepted is None:
            self.screen.see(False, "demo.not-told", fact="accepted")
            return
        late = await self.they.cases.ask("update", task=opened["task"], step="complete", version="1")
        self.screen.see(late["status"] == 412, "demo.stale.refused", status=str(late["status"]))
        read = await self.they.cases.ask("read", path=f"/fhir/Task/{opened['task']}")
        version = (read["answer"] or {}).get("meta", {}).get("versionId")
        fresh = await self.they.cases.ask("update", task=opened["task"], step="complete", version=version)
        done = await self.they.gp.told(_id(posted), "completed")
        self.screen.see(fresh["status"] == 200 and done is not None, "demo.stale.again", version=str(version))

    async def _killed(self) -> None:
        self.screen.step("demo.killed", count=str(_MANY))
        await self.they.cases.ask("script", steps=list(WHOLE_WAY), pause=0)
        if self.drop:
            await self._drop_one()
        sending = asyncio.create_task(self.they.gp.ask("send", count=_MANY, seed=int(time.time()) % 100_000, at_once=8, pace=0.02))
        killed = await self._kill_mid_flow()
        sent = await sending
        self.screen.see(sent["stored"] == _MANY, "demo.killed.accepted", count=str(sent["stored"]))
        again = await self._restarted(killed)
        self.screen.see(again is not None, "demo.killed.again", process=str(again))
        left = await self.settled()
        self.screen.see(left == 0, "demo.killed.settled", left=str(left))

    async def _kill_mid_flow(self) -> int:
        """SIGKILL to routing once some of the referrals are on their way and others are not."""
        before = await self.hub.value("SELECT count(*) FROM referral")
        for _ in range(1000):
            if await self.hub.value("SELECT count(*) FROM referral") >= before + _MANY // 3:
                break
            await asyncio.sleep(0.02)
        process = self.hub.stage("routing")
        if process is None:
            self.screen.see(False, "demo.killed.gone")
            return 0
        os.kill(process, signal.SIGKILL)
        waiting = await self.hub.value("SELECT count(*) FROM referral WHERE closed_at IS NULL AND awaits = 'hub'")
        self.screen.say("demo.killed.now", process=str(process), waiting=str(waiting))
        return process

    async def _restarted(self, killed: int) -> int | None:
        for _ in range(600):
            found = self.hub.stage("routing")
            if found is not None and found != killed:
                return found
            await asyncio.sleep(0.05)
        return None

    async def settled(self) -> int:
        """Waits until nothing is on its way any more; how many referrals still wait because of the hub."""
        waiting = """SELECT (SELECT count(*) FROM referral WHERE closed_at IS NULL AND awaits = 'hub')
            + (SELECT count(*) FROM outbox) + (SELECT count(*) FROM delivery WHERE state = 'pending' AND transport <> 'letter')"""
        still = """SELECT count(*) FROM referral r JOIN task t ON t.referral_id = r.id AND t.role = 'hand-over'
            WHERE r.closed_at IS NULL AND t.status IN ('requested', 'accepted', 'in-progress') AND r.created_at > now() - interval '5 minutes'
            AND r.client = 'gp' AND EXISTS (SELECT 1 FROM task x WHERE x.id = t.id AND x.client IS NOT NULL)"""
        end, left = time.monotonic() + _SETTLED, 1
        while left and time.monotonic() < end:
            await asyncio.sleep(0.2)
            left = await self.hub.value(waiting) + await self.hub.value(still)
        return int(left)

    async def _drop_one(self) -> None:
        self.they.gp.refresh()
        arrived = max((line["number"] for line in self.they.gp.lines if line["what"] == "told"), default=0)
        await self.they.gp.ask("drop", arrivals=[arrived + 5])
        self.screen.say("demo.dropping")

    # --- what came back -----------------------------------------------------------------------------------------------------------------

    async def _assigned_to_cases(self, number: str) -> Json | None:
        """The assignment of the referral that has this number of the sender's."""
        return await self.they.cases.until(lambda line: line["what"] == "told" and line["type"] == "referral.assigned.v1" and number in line["identifiers"])

    async def _rri(self, number: str) -> Json | None:
        return await self.they.hospital.until(lambda line: line["what"] == "told" and number in line["identifiers"])

    async def _unmet(self, referral: str) -> list[str]:
        rows = await self.hub.rows("SELECT reason FROM event WHERE referral_id::text = $1 AND type = 'need.unmet.v1' ORDER BY version", referral)
        return [row["reason"] for row in rows]


def _id(posted: Json) -> str:
    return str(posted.get("location") or "").rpartition("/")[2]


def _first_words(posted: Json) -> Text:
    """The first sentence of an OperationOutcome: what the sender should know."""
    return next(iter(issues(posted["answer"])), Text("", ""))


def _in(language: str, notes: list[str]) -> str:
    """An RRI's notes: Welsh first, English last."""
    return (notes[0] if language == "cy" else notes[-1]) if notes else ""
