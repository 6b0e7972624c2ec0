"""Asked by routing, inside its transaction: to whom does this referral go? Order: life events, consent, place, eligibility, score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hub.deciding.decision import Assign, Decision, Grounds, Hold, LeftOut, NoPrescriber, Record
from hub.deciding.eligibility import exclusions
from hub.deciding.explanation import explain_assign, explain_hold, explain_no_prescriber
from hub.deciding.policy import Policy
from hub.deciding.scoring import Candidate, ranked, speaks
from hub.deciding.triage import Result
from hub.deciding.wanted import Moment, Wanted, wanted_of
from hub.directory.entry import Entry
from hub.directory.snapshot import DirectorySnapshot
from schemas.codes.needs import CONVERSATION
from schemas.referral import Referral
from schemas.rejection import Reason

_AT = {
    Reason.DECEASED: "person.deceased",
    Reason.IDENTITY_CONFLICT: "person.nhs_number",
    Reason.TEST_DATA: "person.nhs_number",
    Reason.CONSENT_REFUSED: "consent.direct_care",
    Reason.CONSENT_UNCLEAR: "consent.direct_care",
    Reason.CHILD_ALONE: "person.birth_date",
    Reason.WRONG_SERVICE: "service",
}


def decide(referral: Referral, directory: DirectorySnapshot, policy: Policy, moment: Moment) -> Decision:
    """Assign with proposals, hold, or nobody. Pure, and the same for the same arguments; takes no place and changes nothing."""
    wanted = wanted_of(referral, moment)
    if held := tuple(dict.fromkeys(_held(referral, moment))):
        grounds = tuple(Grounds(reason, _AT.get(reason)) for reason in held)
        return Hold(Record(moment.now, policy, moment.place, wanted.needs, grounds, explain_hold(wanted, held)))
    prescribers, out = _sorted_out(_prescribers_near(directory, wanted), wanted, moment, policy)
    assets, assets_out = _sorted_out(_assets_near(directory, wanted), wanted, moment, policy)
    unmet = _unmet(wanted, assets, policy)
    chosen = proposals(wanted, assets, policy) if prescribers else ()
    if prescribers:
        words = explain_assign(wanted, moment, policy, prescribers, chosen, unmet)
    else:
        words = explain_no_prescriber(wanted, (tuple(one.reason for one in each.exclusions) for each in out), unmet)
    record = Record(
        now=moment.now, policy=policy, place=moment.place, needs=wanted.needs, explanation=words, prescribers=prescribers, assets=assets,
        reasons=tuple(_grounds(referral, moment, wanted, policy, prescribers, unmet)),
        excluded=tuple(_excluded(directory, wanted, moment, policy) if moment.all_exclusions else _near_misses((*out, *assets_out), wanted, policy)),
        excluded_total=directory.size - len(prescribers) - len(assets), unmet=unmet,
    )  # fmt: skip
    if not prescribers:
        return NoPrescriber(record)
    return Assign(record, prescribers[0].entry.id, tuple(each.entry.id for each in chosen))


def proposals(wanted: Wanted, assets: tuple[Candidate, ...], policy: Policy) -> tuple[Candidate, ...]:
    """The best few assets for each need, best first."""
    most = policy.rules.limits.proposals_per_need
    best = {each.entry.id for code in wanted.codes for each in [each for each in assets if code in each.entry.needs][:most]}
    return tuple(each for each in assets if each.entry.id in best)


def _held(referral: Referral, moment: Moment) -> Iterator[Reason]:
    """Life events first, then what triage found, then consent. A release by a human clears triage, never a death or a refused consent."""
    if moment.died or referral.person.deceased:
        yield Reason.DECEASED
    if moment.triage.result is Result.HOLD:
        yield from moment.triage.reasons
    if referral.consent.direct_care is False:
        yield Reason.CONSENT_REFUSED
    elif moment.agreement is False and referral.consent.direct_care is None:
        yield Reason.CONSENT_UNCLEAR


def _prescribers_near(directory: DirectorySnapshot, wanted: Wanted) -> Iterable[Entry]:
    """Those of the person's health boards; all when nothing is known of the place."""
    if wanted.anywhere:
        return directory.prescribers
    return {entry.id: entry for board in wanted.boards for entry in directory.prescribers_by_board.get(board, ())}.values()


def _assets_near(directory: DirectorySnapshot, wanted: Wanted) -> Iterable[Entry]:
    """Those that answer one of the needs, in the person's health boards or with no area stated."""
    if wanted.anywhere:
        return [entry for entry in directory.assets if entry.needs & wanted.codes]
    keys = [f"{board}/{code}" for board in wanted.boards for code in wanted.codes]
    found = {entry.id: entry for key in keys for entry in directory.assets_by_board_and_need.get(key, ())}
    found.update((entry.id, entry) for entry in directory.everywhere if entry.needs & wanted.codes)
    return found.values()


def _sorted_out(entries: Iterable[Entry], wanted: Wanted, moment: Moment, policy: Policy) -> tuple[tuple[Candidate, ...], list[LeftOut]]:
    may: list[Entry] = []
    out: list[LeftOut] = []
    for entry in entries:
        failed = exclusions(entry, wanted, moment, policy)
        if failed:
            out.append(LeftOut(entry, failed))
        else:
            may.append(entry)
    return ranked(may, wanted, moment, policy), out


def _excluded(directory: DirectorySnapshot, wanted: Wanted, moment: Moment, policy: Policy) -> Iterator[LeftOut]:
    for entry in (*directory.prescribers, *directory.assets):
        if failed := exclusions(entry, wanted, moment, policy):
            yield LeftOut(entry, failed)


def _near_misses(out: Iterable[LeftOut], wanted: Wanted, policy: Policy) -> list[LeftOut]:
    """Who fails exactly one rule and is of the person's health boards; who is too far, only a little. Of a place that is not known,
    or hardly in Wales, nobody is near."""
    near = [] if wanted.in_wales < policy.rules.limits.area_share else [each for each in out if len(each.exclusions) == 1 and _is_near(each, policy)]
    return sorted(near, key=lambda each: (each.entry.kind != "prescriber", each.entry.id.encode()))


def _is_near(out: LeftOut, policy: Policy) -> bool:
    (only,) = out.exclusions
    if only.reason is not Reason.DISTANCE or not isinstance(only.limit, float) or not isinstance(only.actual, float):
        return True
    return only.actual <= only.limit + policy.rules.limits.near_km


def _unmet(wanted: Wanted, assets: tuple[Candidate, ...], policy: Policy) -> tuple[str, ...]:
    """In the referral's order. Of a place that is not known, or hardly in Wales, nothing is learnt."""
    if wanted.in_wales < policy.rules.limits.area_share:
        return ()
    met = {code for each in assets for code in each.entry.needs}
    return tuple(need.code for need in wanted.needs if need.code != CONVERSATION and need.code not in met)


def _grounds(
    referral: Referral, moment: Moment, wanted: Wanted, policy: Policy, prescribers: tuple[Candidate, ...], unmet: tuple[str, ...]
) -> Iterator[Grounds]:
    if not prescribers:
        yield Grounds(Reason.NO_PRESCRIBER)
        if wanted.in_wales < policy.rules.limits.area_share:
            yield Grounds(Reason.AREA, "person.postcode")
    if wanted.anywhere or 0 < max(wanted.shares.values(), default=0.0) < 1:
        yield Grounds(Reason.AREA_UNCERTAIN, "person.postcode")
    if prescribers and speaks(prescribers[0].entry, wanted) is False:
        spoken = wanted.language == referral.person.language_spoken
        yield Grounds(Reason.LANGUAGE, "person.language_spoken" if spoken else "person.language_written")
    if referral.consent.direct_care is None and not moment.agreement:
        yield Grounds(Reason.NO_CONSENT_STATED, "consent.direct_care")
    if moment.triage.result is Result.PRACTICAL:
        yield Grounds(Reason.PRACTICAL_TONIGHT)
    if unmet:
        yield Grounds(Reason.NO_ELIGIBLE_ASSET)
