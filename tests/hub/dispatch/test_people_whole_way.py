"""A whole hub of its own processes: a form comes in, and the person hears by e-mail or by letter, and the housing officer by e-mail."""

from __future__ import annotations

import uuid
from pathlib import Path
from urllib.parse import urlencode

import httpx

from hub.embedded.stores import StoreAddresses
from hub.security.registration import NewClient, add_client
from hub.security.scopes import USUAL
from schemas.profile import Profile
from tests.faults.running import Running, running, until
from tests.hub.mailing import Mailbox, mail_server
from tests.hub.operations.commands import Commands

ANSWERS = {
    "page_language": "en", "consent_version": "2026-11", "need": "loneliness", "given": "Non", "family": "Prawf", "birth_day": "17", "birth_month": "5",
    "birth_year": "1948", "address": "1 Stryd y Prawf\r\nAbertawe", "postcode": "SA1 1AA", "letter_safe": "yes", "consent": "yes", "share": "yes",
}  # fmt: skip
FORMS = (
    {"way": "myself", "email": "non@example.org", "email_safe": "yes", "contact_by": "email"},
    {"way": "myself", "given": "Idwal", "birth_year": "1951", "contact_by": "letter", "access": "large-print"},
    {"way": "professional", "given": "Mair", "birth_year": "1960", "letter_safe": "no", "phone": "01632960001", "helper_name": "Jo Prawf",
     "helper_email": "jo@housing.example.org", "helper_role": "Housing officer"},
)  # fmt: skip
WRITES = {"HUB_MAIL_FROM": "hello@coed.example", "HUB_PHONE": "01632 960 000", "HUB_SENDER": "Coed Community Team", "HUB_SENDER_CY": "Tîm Cymunedol Coed"}


async def _send(hub: Running, key: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as browser:
        for form in FORMS:
            sent = urlencode({"request": str(uuid.uuid4()), **ANSWERS, **form})
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-www-form-urlencoded"}
            reply = await browser.post(f"{hub.http}/forms/self-referral", content=sent, headers=headers)
            assert reply.status_code in (200, 201), reply.text[:300]


async def test_people_hear_as_they_asked(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> None:
    async with mail_server() as box, running(stores, database, topic_prefix, tmp_path, HUB_SMTP=f"127.0.0.1:{box.port}", **WRITES) as ran:
        new = NewClient("tai-prawf", "housing", USUAL["referrer"], profile=Profile(organisation_type="housing", channel="form", sharing_agreement=True))
        issued = await add_client(ran.pool, ran.sealing, new)
        ran.start()
        await ran.ready()
        await _send(ran, issued.key)
        hub = Commands({name: value for name, value in ran.environment().items() if name.startswith("HUB_")})
        await until(lambda: _all_told(box, hub), 90, "everybody to be told")
        assert {address for _, to in box.envelopes for address in to} == {"non@example.org", "jo@housing.example.org"}
        assert {one["Subject"] for one in box.taken} == {"Neges gan Tîm Cymunedol Coed / A message from Coed Community Team"}
        letters = tmp_path / "letters.html"
        assert (await hub("letters", "print", str(letters))).code == 0
        page = letters.read_text("utf-8")
        assert 'class="letter large"' in page
        assert "Idwal Prawf<br>1 Stryd y Prawf<br>Abertawe<br>SA1 1AA" in page
        (letter,) = (await hub("letters", "list", "--json")).lines
        assert (await hub("letters", "posted", letter["id"], "--by", "the desk")).code == 0
        logs = "".join(log.read_text("utf-8") for log in ran.logs)
        assert [word for word in ("non@example.org", "jo@housing", "Stryd y Prawf", "Idwal") if word in logs] == []


async def _all_told(box: Mailbox, hub: Commands) -> bool:
    return len(box.taken) >= 2 and bool((await hub("letters", "list", "--json")).lines)
