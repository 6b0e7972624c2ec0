"""In translating plain FHIR: a transaction or collection Bundle. Each ServiceRequest in it is a referral of its own, all of them or none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID

from connectors.fhir_rest.portions import Division, Entries
from connectors.fhir_rest.questionnaires import Response, is_response, translate_answers
from connectors.fhir_rest.references import link
from connectors.fhir_rest.requests import Portion, Read, checked, identifiers_of, is_strict, read_request, together
from connectors.fhir_rest.rules import ROOT, broken_rules, rule_faults, task_faults
from connectors.fhir_rest.withdrawals import is_withdrawn, translate_withdrawal
from schemas.events import FactType
from schemas.fhir.build import message_uuid
from schemas.fhir.strict_json import JsonObject
from schemas.messages import InboundMessage, Target, Translation
from schemas.rejection import Issue, Reason
from schemas.rest import refuse

MOST_ENTRIES = 50
_TYPES = ("transaction", "collection")
_OTHER_TYPES = frozenset("document message transaction-response batch batch-response history searchset".split())  # noqa: SIM905
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def translate_bundle(message: InboundMessage, body: JsonObject) -> Translation:
    """One fact for each ServiceRequest, with the sender's fullUrls and every resource that is about its person and not about another request.

    Raises Rejected with every fault that can be named together; a fault of one request refuses all of them.
    """
    refuse(_form_faults(body))
    sent, url_warnings = _with_urls(message, body)
    linked = link(_entries(sent))
    sound, warnings, faults = checked(sent)
    whole = _Whole(message, Division(_entries(sent), _sound_entries(sent, sound), linked), sent)
    more = tuple(url_warnings) + linked.warnings
    own = (*faults, *whole.faults(), *linked.faults, *(warnings if is_strict(message) else ()))
    made = whole.translated(own)
    return replace(made, warnings=(*warnings, *more, *whole.unused_conditions(), *made.warnings))


# --- the form of the Bundle -------------------------------------------------------------------------------------------------------------


def _form_faults(body: JsonObject) -> Iterator[Issue]:
    """What must be right before an entry can be looked at: the Bundle's type, its entries, and what is to be done with each."""
    kind = body.get("type")
    if kind not in _TYPES:
        known = isinstance(kind, str) and kind in _OTHER_TYPES
        detail, params = ("fhir_rest.bundle-type-named", {"found": str(kind)}) if known else ("fhir_rest.bundle-type", {})
        yield Issue(Reason.UNSUPPORTED_BATCH, "Bundle.type", detail, params)
    yield from rule_faults(body, "Bundle")
    entries = body.get("entry")
    if not isinstance(entries, list) or not entries:
        yield Issue(Reason.NO_REFERRAL, "Bundle.entry", "fhir_rest.no-entries")
        return
    if len(entries) > MOST_ENTRIES:
        yield Issue(Reason.UNSUPPORTED_BATCH, "Bundle.entry", "fhir_rest.too-many-entries", {"limit": str(MOST_ENTRIES)})
        return
    for index, entry in enumerate(entries):
        yield from _entry_faults(entry, f"Bundle.entry[{index}]")


def _entry_faults(entry: object, at: str) -> Iterator[Issue]:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(resource, dict):
        yield from [*_method_faults(entry, at)] or [Issue(Reason.REQUIRED, f"{at}.resource", "fhir_rest.entry-resource")]
    elif resource.get("resourceType") == "Bundle":
        yield Issue(Reason.UNSUPPORTED_BATCH, f"{at}.resource", "fhir_rest.bundle-within")
    elif resource.get("resourceType") in ("ReferralRequest", "ProcedureRequest"):
        yield Issue(Reason.UNSUPPORTED_VERSION, f"{at}.resource.resourceType", "fhir_rest.old-type", {"found": resource["resourceType"]})


def _method_faults(entry: object, at: str) -> Iterator[Issue]:
    asked = entry.get("request") if isinstance(entry, dict) else None
    if isinstance(asked, dict) and asked.get("method") not in (None, "POST", "PUT"):
        yield Issue(Reason.UNSUPPORTED_BATCH, f"{at}.request.method", "fhir_rest.entry-method")


def _with_urls(message: InboundMessage, body: JsonObject) -> tuple[JsonObject, list[Issue]]:
    """The Bundle with a fullUrl for every entry: the sender's where it is one, else one of our own made of the message."""
    counted: Counter[str] = Counter()
    made, warnings = [], []
    for index, entry in enumerate(body["entry"]):
        kind = str(entry["resource"].get("resourceType"))
        counted[kind] += 1
        url = entry.get("fullUrl")
        if not (isinstance(url, str) and _URL.fullmatch(url)):
            if url is not None:
                warnings.append(Issue(Reason.ELEMENT_REMOVED, f"Bundle.entry[{index}].fullUrl", "fhir.removed", {"element": "fullUrl"}))
            url = message_uuid(message.body, kind, counted[kind])
        made.append({**entry, "fullUrl": url})
    return {**body, "entry": made}, warnings


def _entries(body: JsonObject) -> Entries:
    return {index: (entry["fullUrl"], entry["resource"]) for index, entry in enumerate(body["entry"])}


def _sound_entries(sent: JsonObject, sound: JsonObject) -> Entries:
    """What is left of each entry, at the place where it was sent; an entry that could not be kept is missing."""
    left = {entry.get("fullUrl"): entry["resource"] for entry in sound.get("entry", ()) if isinstance(entry.get("resource", {}).get("resourceType"), str)}
    return {index: (entry["fullUrl"], left[entry["fullUrl"]]) for index, entry in enumerate(sent["entry"]) if entry["fullUrl"] in left}


# --- what it says -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Whole:
    """A Bundle that can be looked at, whatever is wrong with it."""

    message: InboundMessage
    division: Division
    body: JsonObject = field(repr=False)

    def translated(self, own: tuple[Issue, ...]) -> Translation:
        """Raises Rejected with `own` and what reading finds. A single request that is withdrawn is taken whatever else is wrong."""
        requests = self.division.requests
        if not requests:
            return self._of_response(own)
        if len(requests) == 1 and is_withdrawn(self._sent(requests[0])):
            refuse(fault for fault in own if fault.reason is Reason.UNKNOWN_MODIFIER)
            index = requests[0]
            return translate_withdrawal(self.message, self._sent(index), self._target(index), f"Bundle.entry[{index}].resource")
        portions = [self.division.portion(index) for index in requests]
        read = [self._read(index, portion) for index, portion in zip(requests, portions, strict=True)]
        refuse(together((*own, *self._same_identifiers()), (fault for one in read for fault in one.faults)))
        over = tuple(Issue(Reason.ELEMENT_REMOVED, f"Bundle.entry[{index}].resource", "fhir_rest.of-another") for index in self.division.left_over())
        return Translation(tuple(one.fact for one in read if one.fact), (*over, *(warning for one in read for warning in one.warnings)))

    def _read(self, index: int, portion: Portion) -> Read:
        target = self._target(index)
        return read_request(self.message, portion, FactType.UPDATED if target else FactType.RECEIVED, target)

    def _of_response(self, own: tuple[Issue, ...]) -> Translation:
        """A referral by questionnaire, where there is no request; the response may name a Patient beside it."""
        found = [index for index, (_, one) in self.division.sent.items() if is_response(one)]
        if len(found) != 1:
            refuse([*own, Issue(Reason.NO_REFERRAL, "Bundle.entry", "fhir_rest.no-request")])
        place, sound = found[0], self.division.sound
        refuse([*own, *(() if place in sound else checked(self._sent(place))[2])])
        beside = tuple(sound[index] for index in sound if index != place)
        url, resource = sound[place]
        return translate_answers(self.message, Response(self._sent(place), resource, f"Bundle.entry[{place}].resource", url, beside), own)

    # --- faults -------------------------------------------------------------------------------------------------------------------------

    def faults(self) -> Iterator[Issue]:
        """The rules of this door that an entry breaks."""
        several = len(self.division.requests) > 1
        for index, (_, one) in self.division.sent.items():
            root = f"Bundle.entry[{index}].resource"
            yield from _method_faults(self.body["entry"][index], f"Bundle.entry[{index}]")
            if one.get("resourceType") == ROOT:
                yield from self._request_faults(index, one, root, several)
            else:
                yield from rule_faults(one, root)
                yield from task_faults(one, root) if one.get("resourceType") == "Task" and self.division.requests else ()

    def _request_faults(self, index: int, request: JsonObject, root: str, several: bool) -> Iterator[Issue]:
        is_update = self._method(index) == "PUT"
        yield from broken_rules(request, root, "fhir_rest.status-of-update" if is_update else "fhir_rest.status")
        if is_update and several:
            yield Issue(Reason.UNSUPPORTED_BATCH, f"Bundle.entry[{index}].request.method", "fhir_rest.update-alone")
        elif is_update and self._target(index) is None:
            yield Issue(Reason.INVALID, f"Bundle.entry[{index}].request.url", "fhir_rest.update-url")

    def _same_identifiers(self) -> Iterator[Issue]:
        """Two requests under one identifier of the sender's would be one referral twice."""
        seen: set[tuple[str, str]] = set()
        for index in self.division.requests:
            own = {(one.system, one.value) for one in identifiers_of(self._sent(index))}
            if own & seen:
                yield Issue(Reason.DUPLICATE, f"Bundle.entry[{index}].resource.identifier", "fhir_rest.same-identifier")
            seen |= own

    def unused_conditions(self) -> Iterator[Issue]:
        """A condition on what the hub does not keep by itself is not looked at."""
        for index, (_, one) in self.division.sent.items():
            asked = self.body["entry"][index].get("request")
            if isinstance(asked, dict) and asked.get("ifNoneExist") and one.get("resourceType") != ROOT:
                yield Issue(Reason.ELEMENT_REMOVED, f"Bundle.entry[{index}].request.ifNoneExist", "fhir_rest.condition-unused")

    # --- an update within a transaction -------------------------------------------------------------------------------------------------

    def _sent(self, index: int) -> JsonObject:
        return self.division.sent[index][1]

    def _method(self, index: int) -> str:
        asked = self.body["entry"][index].get("request")
        return str(asked.get("method")) if isinstance(asked, dict) else ""

    def _target(self, index: int) -> Target | None:
        """`PUT ServiceRequest/<our id>`, perhaps with the version that was seen."""
        if self._method(index) != "PUT":
            return None
        asked = self.body["entry"][index]["request"]
        found = re.fullmatch(rf"/?{ROOT}/([0-9a-fA-F-]{{36}})", str(asked.get("url")))
        seen = re.fullmatch(r'W/"([0-9]{1,9})"|"([0-9]{1,9})"', str(asked.get("ifMatch", "")))
        try:
            return Target(str(UUID(found[1])), int(seen[1] or seen[2])) if found and seen else None
        except ValueError:
            return None
