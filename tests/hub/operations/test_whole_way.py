"""The operators' commands beside a hub that runs: every stage, sockets, stand-ins; as somebody on duty would use them."""

from __future__ import annotations

from pathlib import Path

import orjson

from hub.embedded.stores import StoreAddresses
from hub.security.client import MllpBinding
from hub.security.registration import NewClient, add_client
from hub.security.scopes import USUAL
from tests.faults.running import Running, running, until
from tests.hub.making import service_request
from tests.hub.operations.commands import Commands
from tests.hub.operations.test_trace import CANARY, SEEDS

REF_I12 = "\r".join(
    (
        r"MSH|^~\&|WPAS|7A3|HUB|HUB|20260302093000||REF^I12^REF_I12|MSG-OPS-000042|P|2.5.1|||AL|AL",
        "RF1||R^Routine^HL70280|SP^Social prescribing^L|||7A3-OPS-1^WPAS",
        "PRD|RP^Referring Provider^HL70286|ZZTEST^MEDDYG",
        "PRD|RT^Referred to Provider^HL70286|||||||||SOCIALPRESCRIBING",
        "PID|1||9990000018^^^NHS^NH||ZZCANARI^QQFELIN||19310109|F|||1 STRYD Y PRAWF^^ABERTAWE^^SA1 1AA",
        "NTE|1||Would like company.",
    )
).encode()


async def _status(hub: Running, wanted: str) -> bool:
    return [row["status"] for row in await hub.rows("SELECT status FROM referral")] == [wanted]


async def test_a_referral_is_sent_followed_traced_and_nobody_waits(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> None:
    async with running(stores, database, topic_prefix, tmp_path) as ran:
        await ran.gp("gp-bangor")
        await ran.case_system()
        ran.start()
        await ran.ready()
        hub = Commands({name: value for name, value in ran.environment().items() if name.startswith("HUB_")})
        file = tmp_path / "referral.json"
        file.write_bytes(CANARY)
        sent = await hub("send", str(file), "--as", "gp-bangor", "--key", ran.key_of("gp-bangor"), "--json")
        assert (sent.code, sent.lines[0]["status"], sent.lines[0]["outcome"]) == (0, "201", "accepted")
        ref = sent.lines[0]["reference"]
        await until(lambda: _status(ran, "completed"), 60, "completed")
        tailed = await hub("tail", "--since", "10m", "--referral", ref, "--limit", "4", "--json")
        facts = [line["fact"].split(".")[1] for line in tailed.lines]
        assert facts[:2] == ["received", "assigned"]
        assert "accepted" in facts
        traced = await hub("trace", ref, "--json")
        (life,) = traced.lines[0]["referrals"]
        assert (life["head"]["status"], life["head"]["chain_sound"], life["requests"][0]["answered"]) == ("completed", True, "201")
        (decision,) = [one for one in life["decisions"] if one["record"]]
        assert decision["record"]["chosen"]["prescriber"] == next(fact for fact in life["tasks"] if fact["role"] == "hand-over")["owner"]
        said = await hub("trace", sent.lines[0]["request_id"])
        assert (said.code, "under policy" in said.out, "1." in said.out) == (0, True, True)
        await until(lambda: _nobody_waits(hub), 60, "nobody to wait")
        everything = sent.out + tailed.out + traced.out + said.out
        assert [seed for seed in SEEDS if seed in everything] == []


async def _nobody_waits(hub: Commands) -> bool:
    return (await hub("check", "--json")).code == 0


async def test_refusals_repeats_and_hospital_messages_are_found_again(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> None:
    async with running(stores, database, topic_prefix, tmp_path, processes=("intake,reading",)) as ran:
        gp = await add_client(ran.pool, ran.sealing, NewClient("gp-a", "gp", USUAL["referrer"]))
        await add_client(ran.pool, ran.sealing, NewClient("hospital-a", "hospital", USUAL["referrer"], mllp=MllpBinding(("127.0.0.1",), "WPAS", "7A3")))
        ran.start()
        await ran.ready()
        hub = Commands({name: value for name, value in ran.environment().items() if name.startswith("HUB_")} | {"REFERRAL_CLIENT_KEY": gp.key})
        wrong, good, hl7 = tmp_path / "wrong.json", tmp_path / "good.json", tmp_path / "ref.hl7"
        wrong.write_bytes(orjson.dumps({"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": {"display": "Zzcanari"}}))
        good.write_bytes(service_request())
        hl7.write_bytes(REF_I12)
        refused = await hub("send", str(wrong), "--json")
        assert (refused.code, refused.lines[0]["outcome"], refused.lines[0]["reference"]) == (2, "refused", None)
        assert refused.lines[0]["faults"]
        found = await hub("trace", refused.lines[0]["request_id"], "--json")
        assert [one["client"] for one in found.lines[0]["refusals"]] == ["gp-a"]
        request = "0b0f9c2e-5a9b-4d0e-8a37-1c1f3f1f2a11"
        first, again = await hub("send", str(good), "--request-id", request, "--json"), await hub("send", str(good), "--request-id", request, "--json")
        assert [one.lines[0]["reference"] for one in (first, again)] == [first.lines[0]["reference"]] * 2
        assert len((await hub("trace", request, "--json")).lines[0]["referrals"]) == 1
        acknowledged = await hub("send", str(hl7))
        assert (acknowledged.code, "CA AA" in acknowledged.out) == (0, True), acknowledged.out + acknowledged.err
        traced = await hub("trace", "MSG-OPS-000042", "--json")
        assert [one["requests"][0]["answered"] for one in traced.lines[0]["referrals"]] == ["CA AA"]
        assert [seed for seed in ("Zzcanari", "ZZCANARI", "9990000018") if seed in refused.out + found.out + acknowledged.out + traced.out] == []


async def test_a_crisis_is_held_released_by_a_person_and_then_assigned(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> None:
    async with running(stores, database, topic_prefix, tmp_path) as ran:
        await ran.gp("gp-bangor")
        await ran.case_system(script="")
        ran.start()
        await ran.ready()
        hub = Commands({name: value for name, value in ran.environment().items() if name.startswith("HUB_")})
        file = tmp_path / "crisis.json"
        file.write_bytes(service_request(note=[{"text": "She says that she wants to end her life."}]))
        sent = await hub("send", str(file), "--key", ran.key_of("gp-bangor"))
        assert (sent.code, "999" in sent.out) == (0, True)  # the referrer is told at once what to do
        (item,) = (await hub("worklist", "list", "--json")).lines
        assert (item["kind"], item["reason"]) == ("hold", "crisis")
        assert (await hub("worklist", "release", item["id"][:8], "--by", "Non", "--note", "rang her")).code == 0

        async def assigned() -> bool:
            return bool(await ran.rows("SELECT 1 FROM task WHERE role = 'hand-over'"))

        await until(assigned, 40, "an assignment after the release")
        assert (await hub("worklist", "list", "--json")).lines == []


async def test_what_cannot_be_sent_is_said_before_anything_is_sent(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> None:
    async with running(stores, database, topic_prefix, tmp_path, processes=("intake,reading",)) as ran:
        hub = Commands({name: value for name, value in ran.environment().items() if name.startswith("HUB_")})
        file = tmp_path / "referral.json"
        file.write_bytes(service_request())
        away = await hub("send", str(file), "--key", "hub_gp-a_" + "x" * 43)
        assert (away.code, "did not answer" in away.out) == (75, True)
        cases = [
            (("send", str(file)), "key is needed"),  # no key at all
            (("send", str(file), "--as", "gp-b", "--key", "hub_gp-a_x"), "not the key of gp-b"),  # somebody else's
            (("send", str(tmp_path / "absent.json"), "--key", "x"), "cannot be read"),
            (("send", str(file), "--connector", "bars", "--key", "x"), "fhir_rest or hospital_hl7v2"),
        ]
        for arguments, words in cases:
            ended = await hub(*arguments)
            assert (ended.code, words in ended.err) == (64, True), arguments
