"""`hub worklist release --agreed` and `--home`: what waits for the person's own yes, or for their coming home, ends by saying so."""

from __future__ import annotations

from uuid import UUID

import orjson
import pytest

from hub.content import bundle_of, must_be_asked, referral_of
from hub.deciding.decide import decide
from hub.deciding.decision import Hold
from hub.deciding.wanted import Moment
from hub.directory.snapshot import snapshot
from hub.ledger.changes import Amendment, Effects, Locked
from hub.operations.duty import ASKS
from hub.places import Places
from hub.recording import Recorder
from hub.staying import carried_over, is_inside, moved
from hub.watch import Watch
from schemas.events import FactType
from schemas.fhir.stay import ACT_CODE
from schemas.lifecycle import Update
from schemas.rejection import Reason
from schemas.task import Party
from tests.hub.making import NOW, Record, clocks, policy
from tests.hub.operations.commands import Commands


async def held(opened: Record, reason: str) -> tuple[UUID, str]:
    referral = await opened.create()
    await opened.apply(referral, Update(FactType.HELD, Party.HUB, reason=reason))
    return referral, await item_of(opened, referral)


async def item_of(opened: Record, referral: UUID) -> str:
    return str(await opened.value("SELECT id FROM worklist_item WHERE referral_id = $1 AND closed_at IS NULL", referral))


async def content(opened: Record, referral: UUID) -> bytes:
    (row,) = await opened.fetch("SELECT content, sealing_key FROM referral WHERE id = $1", referral)
    return opened.ledger.sealing.key(referral, row["sealing_key"]).open("content", row["content"])


async def facts(opened: Record, referral: UUID) -> list[str]:
    return [event.type.fact for event in await opened.events(referral)]


@pytest.mark.parametrize("reason", sorted(ASKS))
async def test_what_waits_for_the_person_s_yes_is_not_released_without_it(opened: Record, hub: Commands, reason: str) -> None:
    referral, item = await held(opened, reason)
    ended = await hub("worklist", "release", item, "--by", "Non")
    assert (ended.code, "--agreed" in ended.err, "--close" in ended.err) == (2, True, True)
    assert "--agreed" in (await hub("worklist", "release", item, "--by", "Non", "--language", "cy")).err
    assert await facts(opened, referral) == ["received", "held"]
    (row,) = await opened.fetch("SELECT closed_at, closed_by FROM worklist_item WHERE id = $1", UUID(item))
    assert tuple(row) == (None, None)


async def test_the_person_s_yes_is_recorded_as_theirs_together_with_the_release(opened: Record, hub: Commands) -> None:
    referral = await opened.create()
    await opened.apply(referral, Update(FactType.HELD, Party.HUB, reason="consent-refused"), agreed=False)
    item = await item_of(opened, referral)
    places = Places.load()

    async def decided() -> tuple[Reason, ...]:
        moment = Moment(NOW, places.resolve("SA1 1AA"), {}, frozenset(), agreement=False)
        found = decide(referral_of(await content(opened, referral)), snapshot((), ()), policy(), moment)
        return tuple(one.reason for one in found.record.reasons) if isinstance(found, Hold) else ()

    assert await decided() == (Reason.CONSENT_REFUSED,), "so it would be held again for ever"
    ended = await hub("worklist", "release", item, "--by", "Non", "--agreed")
    assert (ended.code, ended.out.startswith("Released")) == (0, True)
    assert await facts(opened, referral) == ["received", "held", "consent-changed", "released"]
    stamps = await opened.fetch("SELECT DISTINCT time FROM event WHERE referral_id = $1 AND version > 2", referral)
    assert len(stamps) == 1, "one commit"
    assert await decided() == ()
    kept = await content(opened, referral)
    assert (referral_of(kept).consent.direct_care, referral_of(kept).consent.unclear) == (True, False)
    consents = [one["resource"] for one in bundle_of(kept)["entry"] if one["resource"]["resourceType"] == "Consent"]
    assert [one["provision"]["type"] for one in consents] == ["permit"]
    assert await opened.value("SELECT content_version FROM referral WHERE id = $1", referral) == 3
    fact = next(event for event in await opened.events(referral) if event.type is FactType.CONSENT_CHANGED)
    assert {"Task", "ServiceRequest", "Consent"} <= {entry["resource"]["resourceType"] for entry in orjson.loads(fact.data)["entry"]}


async def test_the_person_s_yes_outlives_a_change_that_says_nothing_of_consent_and_no_other(opened: Record, hub: Commands) -> None:
    referral, item = await held(opened, "consent-unclear")
    before = await content(opened, referral)
    assert (await hub("worklist", "release", item, "--by", "Non", "--agreed")).code == 0
    agreed = await content(opened, referral)
    assert referral_of(carried_over(agreed, before)).consent.direct_care is True
    assert referral_of(carried_over(before, before)).consent.direct_care is None
    refused = orjson.loads(before)
    refused["referral"]["consent"]["direct_care"] = False
    assert referral_of(carried_over(agreed, orjson.dumps(refused))).consent.direct_care is False


async def test_an_offer_is_not_released_unasked_whatever_it_is_held_for(opened: Record, hub: Commands) -> None:
    referral = await opened.create()

    def offered(locked: Locked) -> Effects:
        stored = orjson.loads(locked.content)
        stored["bundle"]["entry"][0]["resource"]["eventCoding"]["code"] = FactType.OFFERED.value
        recorder = Recorder(locked, "test", "/test", clocks())
        recorder.apply(Update(FactType.HELD, Party.HUB, reason="safeguarding"))
        return recorder.effects(content=orjson.dumps(stored))

    await opened.ledger.commit(Amendment(offered, (referral,)))
    item = await item_of(opened, referral)
    assert must_be_asked(await content(opened, referral))
    assert (await hub("worklist", "release", item, "--by", "Non")).code == 2
    assert (await hub("worklist", "release", item, "--by", "Non", "--agreed")).code == 0
    assert not must_be_asked(await content(opened, referral)), "once is enough"


ALONE = "request=6f1c1a52-3f0d-4a53-9c57-1d2f0a6b7c31&family=Prawf&phone=01792+000000&consent=yes&birth_day=1&birth_month=1&birth_year=2014"


@pytest.mark.parametrize(("wrote", "reason"), [("", "child-alone"), ("&matters=I+want+to+kill+myself", "crisis")])
async def test_of_a_child_who_asked_alone_nothing_goes_on_before_an_adult_was_spoken_with(opened: Record, hub: Commands, wrote: str, reason: str) -> None:
    """Also when it is held for something graver: that this is seen to says nothing of who may decide."""
    referral = await opened.create(body=(ALONE + wrote).encode(), connector="self_referral")
    item = await item_of(opened, referral)
    assert await opened.value("SELECT held_reason FROM referral") == reason
    shown = await hub("worklist", "show", item)
    assert ("an adult who may decide" in shown.out) is (reason == "child-alone")
    refused = await hub("worklist", "release", item, "--by", "Non")
    assert (refused.code, "adult" in refused.err, "--agreed" in refused.err) == (2, True, True)
    assert "oedolyn" in (await hub("worklist", "release", item, "--by", "Non", "--language", "cy")).err
    assert (await hub("worklist", "release", item, "--by", "Non", "--agreed")).code == 0
    consent = referral_of(await content(opened, referral)).consent
    assert (consent.direct_care, consent.unclear, consent.child_alone) == (True, False, False)


async def test_an_agreement_that_is_unclear_is_asked_about_whatever_it_is_held_for(opened: Record, hub: Commands) -> None:
    referral = await opened.create()

    def unclear(locked: Locked) -> Effects:
        stored = orjson.loads(locked.content)
        stored["referral"]["consent"]["unclear"] = True
        recorder = Recorder(locked, "test", "/test", clocks())
        recorder.apply(Update(FactType.HELD, Party.HUB, reason="crisis"))
        return recorder.effects(content=orjson.dumps(stored))

    await opened.ledger.commit(Amendment(unclear, (referral,)))
    item = await item_of(opened, referral)
    assert (await hub("worklist", "release", item, "--by", "Non")).code == 2, "routing would take no answer for a yes"
    assert (await hub("worklist", "release", item, "--by", "Non", "--agreed")).code == 0


async def test_another_hold_is_released_with_or_without_it(opened: Record, hub: Commands) -> None:
    for words in ((), ("--agreed",)):
        _, item = await held(opened, "crisis")
        assert (await hub("worklist", "release", item, "--by", "Non", *words)).code == 0


async def test_a_hold_of_what_a_prescriber_has_goes_on_with_them_and_not_to_routing(opened: Record, hub: Commands) -> None:
    referral = await opened.create()
    task = await opened.assign(referral, "p-9", place=False)
    await opened.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, task))
    await opened.apply(referral, Update(FactType.HELD, Party.HUB, reason="crisis"))
    assert (await hub("worklist", "release", await item_of(opened, referral), "--by", "Non")).code == 0
    (row,) = await opened.fetch("SELECT awaits, owner, clock, held_reason FROM referral WHERE id = $1", referral)
    assert tuple(row) == ("prescriber", "p-9", "first-contact", None), "routing does nothing with it: nobody would be waited for"


async def test_show_says_which_option_to_use(opened: Record, hub: Commands) -> None:
    for reason in sorted(ASKS):
        _, item = await held(opened, reason)
        assert "--agreed" in (await hub("worklist", "show", item)).out
        assert "--agreed" in (await hub("worklist", "show", item, "--language", "cy")).out
    _, item = await held(opened, "crisis")
    assert "--agreed" not in (await hub("worklist", "show", item)).out


async def inside(opened: Record) -> tuple[UUID, str]:
    """A referral that a prescriber has, of somebody in hospital for longer than anybody waits."""
    referral = await opened.create()
    task = await opened.assign(referral, "p-9", place=False)
    stay = {"resourceType": "Encounter", "status": "in-progress", "class": {"system": ACT_CODE, "code": "IMP"}}

    def admitted(locked: Locked) -> Effects:
        recorder = Recorder(locked, "test", "/test", clocks())
        return recorder.effects(content=moved(locked.content, stay, {}))

    await opened.ledger.commit(Amendment(admitted, (referral,)))
    await opened.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, task))
    await opened.overdue(referral)
    await Watch(opened.ledger, policy()).once()
    return referral, await item_of(opened, referral)


async def test_somebody_on_duty_may_say_that_the_person_is_home(opened: Record, hub: Commands) -> None:
    referral, item = await inside(opened)
    assert await opened.value("SELECT clock FROM referral WHERE id = $1", referral) == "stay"
    assert "--home" in (await hub("worklist", "show", item)).out
    ended = await hub("worklist", "release", item, "--by", "Non", "--home")
    assert (ended.code, ended.out.startswith("Home:")) == (0, True)
    (row,) = await opened.fetch("SELECT awaits, owner, clock FROM referral WHERE id = $1", referral)
    assert tuple(row) == ("prescriber", "p-9", "first-contact")
    assert not is_inside(await content(opened, referral))
    (fact,) = [event for event in await opened.events(referral) if event.type is FactType.PERSON_MOVED]
    assert fact.source == "/operations"
    assert await opened.value("SELECT tells FROM event WHERE type = 'referral.person-moved.v1'") == ["prescriber"]
    assert await opened.value("SELECT actor FROM audit WHERE action = 'worklist.home'") == "operations:Non"
    assert await opened.value("SELECT closed_by FROM worklist_item WHERE id = $1", UUID(item)) == "Non"


async def test_somebody_who_is_in_hospital_yet_comes_back_to_the_worklist(opened: Record, hub: Commands) -> None:
    referral, item = await inside(opened)
    assert (await hub("worklist", "release", item, "--by", "Non")).code == 0
    assert await opened.value("SELECT clock FROM referral WHERE id = $1", referral) == "stay"
    await opened.overdue(referral)
    await Watch(opened.ledger, policy()).once()
    assert await item_of(opened, referral) not in ("None", item)


async def test_options_that_mean_nothing_here_change_nothing(opened: Record, hub: Commands) -> None:
    referral, item = await inside(opened)
    assert (await hub("worklist", "release", item, "--by", "Non", "--agreed")).code == 2
    assert (await hub("worklist", "release", item, "--by", "Non", "--home", "--close", "died")).code == 64
    _, other = await held(opened, "crisis")
    assert (await hub("worklist", "release", other, "--by", "Non", "--home")).code == 2
    assert await facts(opened, referral) == ["received", "assigned", "accepted"]
