"""At every door: what a client may be allowed to do. A closed list; whatever is not granted is denied."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """One right. A client holds some; a route, or an MLLP or Kafka listener, asks for one."""

    REFERRAL_CREATE = "referral.create"
    REFERRAL_READ = "referral.read"
    TASK_READ = "task.read"
    TASK_UPDATE = "task.update"
    DIRECTORY_WRITE = "directory.write"
    AUDIT_READ = "audit.read"
    ADMIN = "admin"


class Open(StrEnum):
    """Said of a route instead of a scope: anybody may ask, nothing about a person is answered (health, readiness, the capability statement)."""

    TO_ALL = "open-to-all"


Access = Scope | Open

USUAL: dict[str, frozenset[Scope]] = {
    "referrer": frozenset({Scope.REFERRAL_CREATE, Scope.REFERRAL_READ, Scope.TASK_READ}),
    "prescriber": frozenset({Scope.TASK_READ, Scope.TASK_UPDATE, Scope.REFERRAL_READ}),
}
"""What `hub clients add` grants when no scope is named: to those who refer, and to a case management system."""


def allows(held: frozenset[Scope], access: Access) -> bool:
    """Whether someone who holds these may go there; `admin` stands for nothing but itself."""
    return access is Open.TO_ALL or access in held
