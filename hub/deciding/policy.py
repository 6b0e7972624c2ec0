"""Given to every decision: one version of the rules, read once from a TOML file of `policies/`; its hash goes into each decision."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hub.errors import Misconfigured
from schemas.codes.flags import Flag
from schemas.rejection import Reason
from schemas.task import Clock

Unit = Literal["minutes", "hours", "working-days"]
DEFAULT = "2026-1"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Term(_Part):
    """How long one clock runs. A working day is Monday to Friday, except the policy's holidays."""

    length: int = Field(gt=0)
    unit: Unit


class Terms(_Part):
    """One clock's term for each priority; an `urgent`, `asap` or `stat` term that is missing is the next slower one."""

    routine: Term
    urgent: Term | None = None
    asap: Term | None = None
    stat: Term | None = None

    def of(self, priority: str) -> Term:
        """The term of a priority; an unknown priority is routine."""
        order = {"routine": 1, "urgent": 2, "asap": 3, "stat": 4}.get(priority, 1)
        given = (self.routine, self.urgent, self.asap, self.stat)[:order]
        return next(term for term in reversed(given) if term is not None)


UNLESS_SAID: Mapping[Clock, Terms] = {Clock.STAY: Terms(routine=Term(length=20, unit="working-days"))}
"""Clocks that a policy may leave out, and how long they run then: for how long nobody is waited for because a person is in hospital."""


class Limits(_Part):
    """Where a part of the score ends or somebody is left out. Kilometres, days, and shares between 0 and 1."""

    area_share: float = Field(gt=0, le=1)
    asset_km: float = Field(gt=0)
    near_km: float = Field(gt=0)
    ring_first_days: int = Field(gt=0)
    stale_days: int = Field(gt=0)
    asset_unverified_days: int = Field(gt=0)
    proposals_per_need: int = Field(ge=1, le=20)
    wait_days: Mapping[str, int]


class Words(_Part):
    """What the screen of the words looks for: phrases by reason and language, and how each language denies."""

    holds: Mapping[Reason, Mapping[str, tuple[str, ...]]]
    practical: Mapping[str, tuple[str, ...]]
    asks: Mapping[str, tuple[str, ...]]
    harmless: tuple[str, ...]
    nots: tuple[str, ...]
    denials: tuple[str, ...]
    answers: tuple[str, ...]
    between: tuple[str, ...]
    undone_before: tuple[str, ...]
    undone_after: tuple[str, ...]
    turns: tuple[str, ...]
    dark: tuple[str, ...]
    plain: tuple[str, ...]
    social: tuple[str, ...]
    undone_later: tuple[str, ...]
    lacking: tuple[str, ...]
    told_to: tuple[str, ...]
    said_by: tuple[str, ...]
    reporting: tuple[str, ...]
    plans: tuple[str, ...]
    thoughts: tuple[str, ...]
    fillers: tuple[str, ...]
    others: tuple[str, ...]
    not_denied_by_others: tuple[Reason, ...]
    not_denied_by_plan: tuple[Reason, ...]


PARTS: Mapping[str, frozenset[str]] = {
    "prescriber": frozenset({"language", "area", "need", "capacity", "wait", "freshness", "age"}),
    "asset": frozenset({"language", "area", "need", "capacity", "freshness", "age", "distance", "access", "cost"}),
}
"""The parts of a score that may be weighed."""


class _File(_Part):
    version: str = Field(pattern=r"^[A-Za-z0-9.-]{1,40}$")
    production: bool
    flags: Mapping[Flag, Reason]
    limits: Limits
    weights: Mapping[Literal["prescriber", "asset"], Mapping[str, float]]
    clocks: Mapping[Clock, Terms]
    alert_minutes: int = Field(gt=0)
    holidays: tuple[date, ...]
    words: Words

    @model_validator(mode="after")
    def _complete(self) -> _File:
        for kind, weights in self.weights.items():
            if abs(sum(weights.values()) - 1) > 1e-9 or min(weights.values()) < 0:
                raise ValueError(f"the weights of {kind} do not sum to 1")
            if unknown := set(weights) - PARTS[kind]:
                raise ValueError(f"no such part of {kind}: {', '.join(sorted(unknown))}")
        if missing_kinds := set(PARTS) - set(self.weights):
            raise ValueError(f"no weights for {', '.join(sorted(missing_kinds))}")
        if "routine" not in self.limits.wait_days:
            raise ValueError("wait_days has no routine")
        if missing := set(Clock) - set(self.clocks) - set(UNLESS_SAID):
            raise ValueError(f"no clock for {', '.join(sorted(missing))}")
        return self


@dataclass(frozen=True)
class Policy:
    """One version of the rules. `sha256` is that of the file's bytes; two policies are equal when their bytes are."""

    version: str
    sha256: str
    rules: _File

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and other.sha256 == self.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    @cached_property
    def prescriber_weights(self) -> Mapping[str, float]:
        return self.rules.weights["prescriber"]

    @cached_property
    def asset_weights(self) -> Mapping[str, float]:
        return self.rules.weights["asset"]


def load_policy(path: Path | None = None, production: bool | None = None) -> Policy:
    """The policy in a file, or the one that ships with the hub. `production`, when given, is part of the rules and of their hash.

    Raises Misconfigured, which names the file and every fault, when it is not readable, not TOML or not a policy.
    """
    name = str(path) if path else f"{DEFAULT}.toml"
    try:
        body = path.read_bytes() if path else files(__package__).joinpath("policies", name).read_bytes()
        return read_policy(body, production)
    except OSError as fault:
        raise Misconfigured(f"The policy {name} cannot be read ({fault.strerror}). Give the path of a policy file.") from None
    except ValidationError as fault:
        faults = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in fault.errors())
        raise Misconfigured(f"The policy {name} is not usable: {faults}.") from None
    except ValueError as fault:
        raise Misconfigured(f"The policy {name} is not TOML in UTF-8: {fault}.") from None


def read_policy(body: bytes, production: bool | None = None) -> Policy:
    """The policy in these bytes. Raises ValueError (pydantic's ValidationError for a fault in the rules)."""
    rules = _File.model_validate(tomllib.loads(body.decode("utf-8")))
    if production is not None and production != rules.production:
        rules = rules.model_copy(update={"production": production})
        body += f"\n# production = {str(production).lower()}".encode()
    return Policy(rules.version, hashlib.sha256(body).hexdigest(), rules)
