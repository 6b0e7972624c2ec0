"""The state of a referral: its Tasks, who they wait for, and what they may say. `schemas/lifecycle.py` says how it may change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TaskStatus(StrEnum):
    """`Task.status` (FHIR R4), as far as the hub uses it."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    FAILED = "failed"
    ENTERED_IN_ERROR = "entered-in-error"


class Role(StrEnum):
    """Which Task of the tree: the referrer's view, one prescriber's, one asset's."""

    COORDINATION = "coordination"
    HAND_OVER = "hand-over"
    OFFER = "offer"


class Party(StrEnum):
    """Who may cause a fact, and who is told of it."""

    HUB = "hub"
    REFERRER = "referrer"
    PRESCRIBER = "prescriber"
    ASSET = "asset"
    PERSON = "person"
    OPERATIONS = "operations"
    HOSPITAL = "hospital"


class Clock(StrEnum):
    """What is waited for; the policy says how long. Silence past it is an event."""

    ROUTE = "route"
    ACCEPT = "accept"
    FIRST_CONTACT = "first-contact"
    PROGRESS = "progress"
    HUMAN = "human"
    CANCEL = "cancel"
    STAY = "stay"


FINAL: frozenset[TaskStatus] = frozenset({TaskStatus.REJECTED, TaskStatus.CANCELLED, TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.ENTERED_IN_ERROR})


@dataclass(frozen=True, slots=True)
class TaskState:
    """One Task as it stands. `version` is the referral version at which it last changed (`Task.meta.versionId`); `sequence` the last of
    its sender's own; `inferred` the steps that nobody reported."""

    id: str
    role: Role
    ordinal: int
    status: TaskStatus
    business: str
    owner: str | None = None
    version: int = 1
    reason: str | None = None
    inferred: tuple[TaskStatus, ...] = ()
    sequence: int | None = None

    @property
    def open(self) -> bool:
        """Not in a final state."""
        return self.status not in FINAL


@dataclass(frozen=True, slots=True)
class ReferralState:
    """A referral's Tasks and version; `apply` returns a new one."""

    referral_id: str
    version: int
    tasks: tuple[TaskState, ...] = ()

    @property
    def coordination(self) -> TaskState:
        """The referrer's view."""
        return next(task for task in self.tasks if task.role is Role.COORDINATION)

    @property
    def hand_over(self) -> TaskState | None:
        """The open hand-over, if there is one."""
        return next((task for task in reversed(self.tasks) if task.role is Role.HAND_OVER and task.open), None)

    @property
    def open(self) -> bool:
        """Somebody still has to act."""
        return self.coordination.open
