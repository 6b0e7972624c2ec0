"""Beside the flow: the parts of the story about other ways in: a practice that speaks BaRS, a person in Welsh, a housing officer without a system."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hub.demo.run_hub import RunningHub
from hub.demo.run_stand_ins import HOUSING, Json, StandIns
from hub.demo.screen import Screen
from hub.web.tokens import Link
from schemas.words import Text

_PERSON = {
    "given": "Non", "family": "Prawf", "birth_day": "7", "birth_month": "3", "birth_year": "1951", "postcode": "LL57 2AB", "address": "1 Stryd y Prawf",
    "phone": "07700 900123", "phone_message": "no", "letter_safe": "yes", "contact_by": "letter", "language_spoken": "cy", "language_written": "cy",
    "need": "loneliness", "level": "some-help", "matters": "Hoffwn ganu mewn côr eto.", "consent": "yes", "share": "ask",
}  # fmt: skip
_TENANT = {
    "given": "Dafydd", "family": "Enghraifft", "birth_year": "1960", "postcode": "SA1 1AA", "phone": "07700 900124", "phone_message": "yes",
    "language_spoken": "en", "need": "money", "matters": "Behind with the rent and worried about it.", "consent": "yes", "share": "yes",
    "helper_name": "Swyddog Prawf", "helper_role": "Housing officer", "helper_phone": "07700 900125",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Doors:
    """Each part does one thing at another door."""

    hub: RunningHub
    they: StandIns
    screen: Screen

    async def tell(self) -> None:
        """Every part. Raises Unavailable when a process has gone."""
        await self._bars()
        await self._in_welsh()
        await self._housing()

    async def _bars(self) -> None:
        self.screen.step("demo.bars")
        posted = await self.they.bars.ask("post", postcode="LL57 2AB", need=["422650009", "Social isolation"], note="Misses company.")
        self.screen.see(posted["status"] == 200, "demo.bars.answered", status=str(posted["status"]))
        told = await self._response(posted["number"], "accepted")
        if told is None:
            self.screen.see(False, "demo.not-told", fact="accepted")
        else:
            self.screen.quote("demo.bars.told", Text(**told["text"]), fact="accepted")
        again = await self.they.bars.ask("again")
        self.screen.see(again["status"] == 409, "demo.bars.again", status=str(again["status"]))
        await self._cancelled()

    async def _cancelled(self) -> None:
        """A second one, which the practice takes back: nobody had it yet, or whoever has it is asked."""
        await self.they.cases.ask("script", steps=[], pause=0)
        posted = await self.they.bars.ask("post", postcode="LL57 2AB", need=["422650009", "Social isolation"])
        stopped = await self.they.bars.ask("cancel")
        row = await self.hub.rows("SELECT id, status, business_status FROM referral WHERE client = 'bars-gp' ORDER BY created_at DESC LIMIT 1")
        seen = bool(row) and row[0]["business_status"] in ("cancel-requested", "closed-cancelled")
        self.screen.see(posted["status"] == 200 and stopped["status"] == 200 and seen, "demo.bars.cancelled")
        if row and row[0]["business_status"] == "cancel-requested":
            await self._confirmed(str(row[0]["id"]))
        await self.they.cases.ask("script", steps=["accept", "first-contact", "complete"], pause=0.3)

    async def _confirmed(self, referral: str) -> None:
        opened = await self.they.cases.told(referral, "cancel-requested")
        if opened is not None:
            read = await self.they.cases.ask("read", path=f"/fhir/Task/{opened['task']}")
            version = (read["answer"] or {}).get("meta", {}).get("versionId")
            await self.they.cases.ask("update", task=opened["task"], step="cancel", version=version)

    async def _response(self, number: str, business: str) -> Json | None:
        return await self.they.bars.until(lambda line: line["what"] == "told" and line["business"] == business and number in line["identifiers"])

    async def _in_welsh(self) -> None:
        self.screen.step("demo.form")
        sent = await self.they.form.ask("fill", path="/cyfeirio/fi-fy-hun", fields=_PERSON)
        self.screen.see(sent["reference"] is not None and sent["language"] == "cy", "demo.form.sent", ref=str(sent["reference"]))
        source = await self.hub.value("SELECT connector FROM referral WHERE ref = $1", sent["reference"])
        self.screen.see(source == "self_referral", "demo.form.stored")
        asked = {"reference": sent["reference"] or "", "birth_day": "7", "birth_month": "3", "birth_year": "1951"}
        seen = await self.they.form.ask("look", path="/cyfeirio/statws", fields=asked)
        wrong = await self.they.form.ask("look", path="/cyfeirio/statws", fields={**asked, "birth_year": "1952"})
        self.screen.see(seen["words"] != wrong["words"], "demo.form.status")
        self.screen.see(await self._letter(sent["reference"]), "demo.form.letter")

    async def _letter(self, ref: str | None) -> bool:
        """Whether a letter to this person waits to be printed: they asked for one, and nobody may leave a message."""
        owed = """SELECT count(*) FROM delivery d JOIN referral r ON r.id = d.referral_id
            WHERE r.ref = $1 AND d.transport = 'letter' AND d.state = 'pending' AND d.fact = 'referral.assigned.v1'"""
        for _ in range(300):
            if await self.hub.value(owed, ref):
                return True
            await asyncio.sleep(0.1)
        return False

    async def _housing(self) -> None:
        self.screen.step("demo.housing")
        link = Link(HOUSING, "professional").signed(self.hub.sealing)
        sent = await self.they.housing.ask("fill", path=f"/refer/organisation/{link}", fields=_TENANT)
        client = await self.hub.value("SELECT client FROM referral WHERE ref = $1", sent["reference"])
        self.screen.see(client == HOUSING, "demo.housing.sent", ref=str(sent["reference"]))
