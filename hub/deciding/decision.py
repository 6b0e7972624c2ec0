"""What a decision is: who was chosen or why nobody was, with everything that is needed to explain it, to answer "why not", and to replay it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from hub.deciding.eligibility import Exclusion
from hub.deciding.policy import Policy
from hub.deciding.scoring import Candidate
from hub.deciding.wanted import StatedNeed
from hub.directory.entry import Entry
from schemas.place import Place
from schemas.rejection import Reason
from schemas.words import Text


@dataclass(frozen=True, slots=True)
class Grounds:
    """One reason of the whole decision, and the field of the referral that it is about."""

    reason: Reason
    at: str | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Somebody who may not be chosen, with every rule that says so."""

    entry: Entry
    exclusions: tuple[Exclusion, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The decision record. `excluded` are near misses (who fail exactly one rule and are not far away), or everybody who was left out when
    that was asked for; `excluded_total` counts them all. `unmet` are needs for which no asset may be proposed."""

    now: datetime
    policy: Policy
    place: Place
    needs: tuple[StatedNeed, ...]
    reasons: tuple[Grounds, ...]
    explanation: Text
    prescribers: tuple[Candidate, ...] = ()
    assets: tuple[Candidate, ...] = ()
    excluded: tuple[LeftOut, ...] = ()
    excluded_total: int = 0
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assign:
    """Hand over to this prescriber, with these assets as advice. If the place has gone by then, `next_choices` are to be tried in order."""

    record: Record
    prescriber: str
    assets: tuple[str, ...]

    @property
    def next_choices(self) -> tuple[str, ...]:
        """The other prescribers who may be chosen, best first."""
        return tuple(each.entry.id for each in self.record.prescribers[1:])

    def contract(self) -> dict[str, object]:
        """The published shape (the match command), without `file`."""
        return _contract("assign", self.record, self.prescriber, self.assets)


@dataclass(frozen=True, slots=True)
class Hold:
    """A human must look first; nobody was considered."""

    record: Record

    def contract(self) -> dict[str, object]:
        """The published shape (the match command), without `file`."""
        return _contract("hold", self.record, None, ())


@dataclass(frozen=True, slots=True)
class NoPrescriber:
    """Nobody in the directory may take it: it waits in the worklist, and what is missing is recorded."""

    record: Record

    def contract(self) -> dict[str, object]:
        """The published shape (the match command), without `file`."""
        return _contract("no-prescriber", self.record, None, ())


Decision = Assign | Hold | NoPrescriber


def _contract(outcome: str, record: Record, prescriber: str | None, assets: tuple[str, ...]) -> dict[str, object]:
    return {
        "outcome": outcome,
        "reasons": [{"code": each.reason.value, "at": each.at} for each in record.reasons],
        "now": record.now.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "policy": {"version": record.policy.version, "sha256": record.policy.sha256},
        "place": {
            "certainty": record.place.certainty.value,
            "authorities": [{"code": share.code, "weight": share.weight} for share in record.place.authorities],
            "board": record.place.board,
        },
        "needs": [{"code": need.code, "confidence": need.confidence, "because": list(need.because)} for need in record.needs],
        "chosen": {"prescriber": prescriber, "assets": list(assets)},
        "candidates": [_candidate(each) for each in (*record.prescribers, *record.assets)],
        "excluded": [_left_out(each) for each in record.excluded],
        "excluded_total": record.excluded_total,
        "unmet": list(record.unmet),
        "explanation": record.explanation.as_dict(),
    }


def _candidate(each: Candidate) -> dict[str, object]:
    parts = [{"part": part.part, "value": part.value, "weight": part.weight} for part in each.contributions]
    head: dict[str, object] = {"kind": each.entry.kind, "id": each.entry.id, "rank": each.rank, "score": each.score}
    return {**head, "distance_km": each.distance_km, "contributions": parts}


def _left_out(each: LeftOut) -> dict[str, object]:
    reasons = [{"code": one.reason.value, "limit": one.limit, "actual": one.actual} for one in each.exclusions]
    return {"kind": each.entry.kind, "id": each.entry.id, "reasons": reasons}
