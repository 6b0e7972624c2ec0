"""In dispatch: who is told as a person and not as a system, and by which way that they asked for and said is safe. Pure.

Only for referrals that came by the form: a professional with a system tells the person themself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hub.content import bundle_of
from hub.dispatch.reading import Fact
from hub.ledger.changes import Locked
from hub.security.client import Client
from schemas.addressee import Addressee, Reader, Sender
from schemas.events import FactType
from schemas.fhir.contact import Way, read_contact, read_referrer_contact
from schemas.rejection import Reason
from schemas.words import Text

FORM = "self_referral"
"""The connector by whose referrals people without a system come."""
CONNECTOR = "person"
NOBODY = Sender(Text("The referral hub", "Yr hyb atgyfeirio"))
"""Who writes where nothing is set: no e-mail can leave."""
_IN_WRITING = frozenset(
    {
        FactType.HELD, FactType.ASSIGNED, FactType.ACCEPTED, FactType.ON_HOLD, FactType.HANDED_BACK, FactType.COMPLETED, FactType.FAILED,
        FactType.CANCELLED, FactType.CLOSED,
    }
)  # fmt: skip
"""What the person reads. Of a prescriber who declined the next assignment tells; what the person was there for is no news; a risk is told by a
person, and a mistake may be somebody else's address."""
_NOT_IN_WRITING = frozenset({Reason.CRISIS, Reason.SAFEGUARDING, Reason.DOMESTIC_ABUSE, Reason.CLINICAL})
"""Reasons for which nothing is written to the person: somebody speaks with them."""
_DIED = frozenset({Reason.DIED, Reason.DECEASED})


@dataclass(frozen=True, slots=True)
class Told:
    """One reader, and how they can be told of this fact: the first way is tried first; none: a person tells them. `silent`: nobody must."""

    reader: Reader
    addressees: tuple[Addressee, ...] = field(default=(), repr=False)
    silent: bool = False


def people(fact: Fact, locked: Locked, sender: Sender) -> Iterator[Told]:
    """The person, and the professional who referred without a system of their own. Nobody where the referral did not come by the form."""
    if locked.connector != FORM or not locked.content:
        return
    bundle = bundle_of(locked.content)
    yield _person(fact, locked, sender)
    referrer = read_referrer_contact(bundle)
    if referrer.asker == "professional":
        by_mail = (Addressee("professional", "mail", sender, email=referrer.email),) if referrer.email and sender.email else ()
        yield Told("professional", by_mail)


def organisation(client: Client | None, sender: Sender) -> tuple[Told, ...]:
    """A referring organisation that is told by e-mail, written to as a professional is: thin, and of nobody by name. Empty where it is told otherwise."""
    email = client.profile.email if client is not None and client.profile.feedback_by == "email" else None
    return (Told("professional", (Addressee("professional", "mail", sender, email=email),)),) if email and sender.email else ()


def safe_ways(content: bytes) -> tuple[Way, ...]:
    """How the person may be written to as the referral stands now."""
    return read_contact(bundle_of(content)).ways if content else ()


def _person(fact: Fact, locked: Locked, sender: Sender) -> Told:
    if has_died(fact, locked):
        return Told("person", silent=True)
    if fact.type not in _IN_WRITING or fact.reason in _NOT_IN_WRITING:
        return Told("person")
    contact = read_contact(bundle_of(locked.content))
    ways = [way for way in contact.ways if way == "letter" or sender.email]
    made = (Addressee("person", way, sender, contact.name, contact.email, contact.address, contact.language, contact.large_print) for way in ways)
    return Told("person", tuple(made))


def has_died(fact: Fact, locked: Locked) -> bool:
    """Whether a letter would go to somebody who is said to have died, whichever fact is told late. A hold that a person released, because it was
    wrong, says so no more."""
    whole = locked.state.coordination
    ended = whole.business == "closed-died" or (not whole.open and whole.reason in _DIED)
    return fact.type is FactType.PERSON_DIED or ended or fact.reason in _DIED or locked.held in _DIED
