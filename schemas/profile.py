"""Given at intake beside every message: what was agreed with one client; read from its configuration, never from a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SourceCode = Literal["gp", "hospital", "self", "housing", "local-authority", "third-sector", "police", "fire", "education", "other"]
FeedbackWay = Literal["webhook", "hl7", "topic", "email", "worklist", "none"]
CHANNELS: tuple[str, ...] = ("self", "housing", "form")
"""The ways by which referrals come about that say by themselves that social prescribing is asked for."""
_NEEDS_NO_AGREEMENT = ("gp", "hospital", "self", None)


class Profile(BaseModel):
    """A client's configuration. Every field may be left out; a key that is not here is refused, so that a misspelling is not silence.

    `organisation_type` is what the client is; `organisation` its ODS code; `channel` is how its referrals come about (`self`, `housing` and
    `form` say by themselves that social prescribing is asked for); `service` says so outright; `dialect` names variations of the format
    that a connector knows; `triggers` are the codes that make a discharge an offer; `sharing_agreement`: the organisation agreed that its
    referrals go to the prescriber service; `feedback`: what it wants to hear; `feedback_by`: by which way, to be told by a person where it is
    `worklist`; `email`: where it is written to; `language`: in which language; `charset`: the character set
    of its HL7 messages where MSH-18 is silent, and of its tables where they are not UTF-8; `content_fault`: how an HL7 sender wants a wrong
    message answered; `columns`: what the columns of its tables are called, its word → the hub's field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    organisation_type: SourceCode | None = None
    organisation: str | None = None
    dialect: tuple[str, ...] = ()
    charset: str | None = None
    triggers: tuple[str, ...] = ()
    sharing_agreement: bool | None = None
    channel: str | None = None
    service: str | None = None
    feedback: Literal["all", "summary", "coded", "none"] | None = None
    feedback_by: FeedbackWay | None = None
    email: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.+_'-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}$", repr=False)
    language: Literal["cy", "en"] | None = None
    content_fault: Literal["AR", "AE"] | None = None
    columns: Mapping[str, str] = Field(default_factory=dict, max_length=200)

    @property
    def covers_prescriber(self) -> bool | None:
        """Whether this organisation's agreement covers the prescriber service (design.md 7): as it was agreed. Without an agreement: None for the
        NHS, whose direct care it is, and for people themselves; False for any other organisation."""
        if self.sharing_agreement is not None:
            return self.sharing_agreement
        return None if self.organisation_type in _NEEDS_NO_AGREEMENT else False
