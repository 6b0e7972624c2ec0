"""`hub connectors shadow --stored` on a real record: messages are opened by the hub's key, compared, audited, and nothing of them is shown."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

from hub.embedded.stores import StoreAddresses
from schemas.codes import needs
from tests.hub.intake.conftest import Door, door
from tests.hub.making import service_request
from tests.hub.operations.commands import commands

__all__ = ["door"]
GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
NEED = [{"coding": [{"system": GRAVITY, "code": "food-insecurity"}]}]


async def test_what_a_changed_list_does_to_stored_messages_is_counted_and_nobody_is_named(
    door: Door, stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path
) -> None:
    hub = commands(stores, database, topic_prefix, tmp_path)
    for number in range(2):
        body = service_request(reasonCode=NEED, identifier=[{"system": "https://gp.example.wales", "value": f"S-{number}"}])
        assert (await door.refer(body, str(uuid4()))).status == 201
    assert (await door.refer(b'{"resourceType": "ServiceRequest"}', str(uuid4()))).status == 400
    changed = tmp_path / "needs.toml"
    changed.write_text(Path(needs.__file__).with_name("needs.toml").read_text("utf-8").replace('"food-insecurity"', '"food-insecure"'), "utf-8")
    ended = await hub("connectors", "shadow", "fhir_rest", "--against", str(changed), "--stored", "--json")
    assert _own(ended.err) == []
    report = json.loads(ended.out)
    assert (ended.code, report["messages"], report["changed"]) == (2, 3, 2), "the refused one is read too, and stays refused"
    assert report["unmapped"][f"need {GRAVITY}|food-insecurity"] == {"before": 0, "after": 2}
    assert not {"Prawf", "9990000018"} & set(ended.out.replace('"', " ").split())
    assert await door.book.value("SELECT count(*) FROM audit WHERE action = 'referral.shadowed'") == 3


async def test_no_stored_message_is_no_difference(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> None:
    changed = tmp_path / "needs.toml"
    changed.write_bytes(Path(needs.__file__).with_name("needs.toml").read_bytes())
    ended = await commands(stores, database, topic_prefix, tmp_path)("connectors", "shadow", "fhir_rest", "--against", str(changed), "--stored")
    assert (ended.code, _own(ended.err)) == (0, [])
    assert "0 of 0 message(s)" in ended.out


def _own(said: str) -> list[str]:
    """The command's own lines: an earlier test's pool, in this process too, may still say that its database has gone."""
    return [line for line in said.splitlines() if '"logger":"asyncpg.pool"' not in line]
