"""At the end of a decision: why, in Welsh and English. It says coded facts of the request and of the choice; never a name, identifier or
free text of the person. Each sentence says one fact, so that a test can hold it against its inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from hub.deciding.policy import Policy
from hub.deciding.scoring import Candidate, speaks
from hub.deciding.wanted import Moment, Wanted
from hub.deciding.wording import ages_words, area_words, capacity_words, day_words, language_words, listed, need_words, say, served_words
from hub.directory.entry import Entry
from schemas.codes.sources import Source
from schemas.rejection import Reason
from schemas.words import Text

_COMFORTS = ("step-free", "hearing-loop", "transport-offered", "bus-route", "quiet-space", "bsl")


def explain_assign(
    wanted: Wanted, moment: Moment, policy: Policy, prescribers: tuple[Candidate, ...], assets: tuple[Candidate, ...], unmet: tuple[str, ...]
) -> Text:
    """Why this prescriber, and which assets as advice."""
    chosen = prescribers[0].entry
    about = (*_request(wanted), *_choice(chosen, wanted, moment), *_sharing(wanted), *_proposals(assets, wanted, policy), *_unmet(unmet))
    others = (say("explain.others", number=len(prescribers) - 1),) if len(prescribers) > 1 else (say("explain.only-one"),)
    return _said((*about, *others))


def explain_hold(wanted: Wanted, held: tuple[Reason, ...]) -> Text:
    """Why a human must look first. Says the reasons and nothing of the person's words."""
    return _said((*_request(wanted), say("explain.held"), *(say(f"reason.{reason}") for reason in held)))


def explain_no_prescriber(wanted: Wanted, out: Iterable[tuple[Reason, ...]], unmet: tuple[str, ...]) -> Text:
    """Why nobody can take it: `out` are the rules that each prescriber nearby fails."""
    causes = Counter(reasons[0] for reasons in out if len(reasons) == 1)
    found = (say("explain.left-out", number=number, reason=say(f"reason.{reason}")) for reason, number in sorted(causes.items()))
    why: tuple[Text, ...] = () if not wanted.shares else tuple(found)
    return _said((*_request(wanted), say("explain.nobody"), *why, *_unmet(unmet)))


def _said(sentences: Iterable[Text]) -> Text:
    found = tuple(sentences)
    return Text(" ".join(each.en for each in found), " ".join(each.cy for each in found))


def _request(wanted: Wanted) -> Iterator[Text]:
    stated = tuple(need.code for need in wanted.needs if need.because)
    yield say("explain.needs", needs=need_words(stated)) if stated else say("explain.conversation")
    yield say("explain.language", language=language_words((wanted.language,))) if wanted.language else say("explain.language.unknown")
    yield say("explain.area", area=area_words(wanted))
    yield say("explain.source", source=Source(wanted.source).label, priority=say(f"priority.{wanted.priority}"))


def _choice(entry: Entry, wanted: Wanted, moment: Moment) -> Iterator[Text]:
    row = entry.prescriber
    yield say("explain.serves", area=served_words(entry, wanted))
    if entry.languages:
        yield say("explain.works-in", languages=language_words(row.languages))
    if speaks(entry, wanted) is False and wanted.language is not None:
        yield say("explain.not-spoken", language=language_words((wanted.language,)))
    met = tuple(need.code for need in wanted.needs if need.code in entry.needs)
    yield say("explain.takes", needs=need_words(met)) if met else say("explain.takes-all" if not entry.needs else "explain.begins")
    yield say("explain.ages" if wanted.ages else "explain.ages.unknown", ages=ages_words(row.age.min, row.age.max))
    yield say("explain.capacity", capacity=capacity_words(entry, moment.taken.get(entry.id, 0)))
    if row.first_contact_days is not None:
        yield say("explain.first-contact", days=row.first_contact_days)
    yield say("explain.verified", day=day_words(row.verified_on)) if row.verified_on else say("explain.verified.never")


def _sharing(wanted: Wanted) -> Iterator[Text]:
    """The person's own yes or no to groups being told of them; without either nothing is said, and the prescriber asks."""
    if wanted.shares_with_community is not None:
        yield say("explain.sharing.yes" if wanted.shares_with_community else "explain.sharing.no")


def _proposals(assets: tuple[Candidate, ...], wanted: Wanted, policy: Policy) -> Iterator[Text]:
    if not assets:
        return
    yield say("explain.proposals", number=len(assets))
    for each in assets[:3]:
        yield say("explain.proposal", facts=listed(_asset(each, wanted, policy)))


def _asset(each: Candidate, wanted: Wanted, policy: Policy) -> Iterator[Text]:
    row = each.entry.asset
    yield need_words(tuple(need.code for need in wanted.needs if need.code in each.entry.needs))
    if each.distance_km is not None:
        yield say("explain.km", km=each.distance_km)
    if row.languages:
        yield language_words(row.languages)
    yield say(f"explain.cost.{row.cost}")
    yield from (say(f"explain.access.{access}") for access in _COMFORTS if access in row.access)
    if row.verified_on is None or (wanted.today - row.verified_on).days > policy.rules.limits.ring_first_days:
        yield say("explain.ring-first")
    if row.verified_on is not None:
        yield say("explain.checked", day=day_words(row.verified_on))


def _unmet(unmet: tuple[str, ...]) -> Iterator[Text]:
    if unmet:
        yield say("explain.unmet", needs=need_words(unmet))
