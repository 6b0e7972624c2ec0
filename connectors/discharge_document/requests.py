"""Within translating a discharge document: is social prescribing asked for, and by which ServiceRequest or in whose words?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.discharge_document.asking import Heard, Verdict, hear
from connectors.discharge_document.document import Document, Section
from connectors.discharge_document.headings import ASKING, REFERRALS, WITHIN
from schemas.codes.requested_service import ServiceState
from schemas.fhir.read import Found, JsonObject, Message, codings, objects
from schemas.fhir.request import read_service
from schemas.profile import Profile

_NOT_SO = frozenset({"entered-in-error", "cancelled", "revoked", "refuted", "inactive", "rejected", "not-done", "stopped"})
_NO = frozenset({"n", "no", "false", "0", "373067005", "la32-8"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the document asks. `coded`: ServiceRequests that are in force; `verdict`: what the words say; `words`: the sections in whose words it
    is named, with those lines; `at` where it is asked; `not_in_force`: requests for social prescribing that ask for nothing now; `elsewhere`:
    where it is named under a heading that asks for nothing."""

    coded: tuple[Found, ...] = ()
    verdict: Verdict = Verdict.SILENT
    words: tuple[tuple[Section, tuple[str, ...]], ...] = ()
    at: str | None = None
    not_in_force: tuple[Found, ...] = ()
    elsewhere: str | None = None

    @property
    def plainly(self) -> bool:
        """Whether it is a referral. A request in codes is one even where the words are not plain; a refusal then makes the consent unclear."""
        return bool(self.coded) or self.verdict is Verdict.ASKED


def read_asked(document: Document) -> Asked:
    """What the document asks of social prescribing, in codes and in words."""
    requests = [one for one in document.message.of_type("ServiceRequest") if _is_social(one, document.message) and _stands(one, document)]
    heard = [(section, hear(section.lines, _by_heading(section))) for section in document.sections if asks(section)]
    verdict = max((one.verdict for _, one in heard), key=list(Verdict).index, default=Verdict.SILENT)
    return Asked(
        coded=tuple(one for one in requests if _in_force(one.resource)),
        verdict=verdict,
        words=tuple((section, one.lines) for section, one in heard if one.lines),
        at=next((f"{section.path}.text" for section, one in heard if one.verdict is Verdict.ASKED), None),
        not_in_force=tuple(one for one in requests if not _in_force(one.resource)),
        elsewhere=next((f"{one.path}.text" for one in document.sections if not asks(one) and heard_in(one).verdict is not Verdict.SILENT), None),
    )


def asks(section: Section) -> bool:
    """Whether this section is one where requests stand: by its own heading, or one of none of ours below such a heading."""
    if section.heading in ASKING:
        return True
    return (section.heading is None or section.heading in WITHIN) and any(heading in ASKING for heading in section.within)


def _by_heading(section: Section) -> bool:
    return (section.heading or next(reversed(section.within), None)) in REFERRALS


def heard_in(section: Section) -> Heard:
    """What one section says."""
    return hear(section.lines, _by_heading(section))


def _is_social(request: Found, message: Message) -> bool:
    """Judged beside its performers alone: another service that the document names is not this request's."""
    performers = message.follow_all(request.resource.get("performer"), request)
    alone = Message({"entry": [{"fullUrl": one.full_url, "resource": one.resource} for one in (request, *performers)]})
    found = alone.first("ServiceRequest")
    return found is not None and read_service(alone, found).state is ServiceState.SOCIAL_PRESCRIBING


def _stands(request: Found, document: Document) -> bool:
    """Whether it is an entry of a section that asks, or of one whose heading we do not know, or of none."""
    holding = [section for section in document.sections if any(one.resource is request.resource for one in section.entries)]
    return not holding or any(asks(section) or section.heading is None for section in holding)


def _in_force(request: JsonObject) -> bool:
    return request.get("status") == "active" and request.get("intent") != "option" and request.get("doNotPerform") in (None, False)


# --- the agreed sign of a discharge that is offered -------------------------------------------------------------------------------------


def triggered(document: Document, profile: Profile) -> str | None:
    """Where the document carries a code that was agreed as a trigger (`code`, or `system|code`), unless what it stands in is not so; else None."""
    agreed = frozenset(profile.triggers)
    if not agreed:
        return None
    places = [document.composition, *document.message.of_type("Encounter"), *(one for section in document.sections for one in section.entries)]
    return next((at for one in places if not _is_not_so(one.resource) for at in _coded(one.resource, one.path, agreed)), None)


def _coded(node: object, path: str, agreed: frozenset[str]) -> Iterator[str]:
    if isinstance(node, dict):
        code, system = node.get("code"), node.get("system")
        if isinstance(code, str) and (code in agreed or (isinstance(system, str) and f"{system}|{code}" in agreed)):
            yield path
        for name, value in node.items():
            if name not in ("contained", "text"):
                yield from _coded(value, f"{path}.{name}", agreed)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _coded(item, f"{path}[{index}]", agreed)


def _is_not_so(resource: JsonObject) -> bool:
    """A finding that is denied, a request that is not in force, an answer that is no."""
    states = [resource.get("status"), *(coded.code for name in ("verificationStatus", "clinicalStatus") for coded in codings(resource, name, ""))]
    answers = [resource.get(name) for name in ("valueBoolean", "valueString", "valueCode", "valueInteger")]
    answers += [coded.code for coded in codings(resource, "valueCodeableConcept", "")]
    answers += [one.get("text") for one in objects(resource.get("valueCodeableConcept") or [])]
    return bool(_NOT_SO.intersection(str(one).lower() for one in states if one)) or any(str(one).strip().lower() in _NO for one in answers if one is not None)
