"""Between the check and the reading: what fails the structure check is left out with a warning each, so that one bad field stops nobody.

The sender's resources are otherwise unchanged; narrative goes, because nothing reads it and a page might show it (design.md 4, Payload).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from schemas.fhir.check import Fault, FaultKind, check
from schemas.fhir.strict_json import JsonObject
from schemas.fhir.validators import Path
from schemas.rejection import Issue, Reason, Rejected

# Rules whose breaking loses nothing, where leaving out what breaks them would: a refusal of consent, a security label, a flag, a name, a specialty.
KEPT = frozenset({"dom-3", "dom-5", "ppc-1", "org-1", "con-4", "prr-1"})
_ROUNDS = 6


def prune(resource: JsonObject) -> tuple[JsonObject, tuple[Issue, ...]]:
    """The sound rest of a resource or Bundle, and one warning for each fault; the argument is left as it was.

    Raises Rejected with every fault when one of them cannot be left out: a required element of the resource itself, a type that we do not
    read, a modifierExtension that we do not know (which may turn the meaning round).
    """
    sound = without_narrative(resource)
    first = faults = check(sound)
    for _ in range(_ROUNDS):
        in_the_way = [fault for fault in faults if fault.rule not in KEPT]
        if not in_the_way:
            return sound, tuple(_warning(fault) for fault in first)
        if not all(fault.removable for fault in in_the_way):
            break
        sound = _without(sound, {fault.target for fault in in_the_way if fault.target})
        faults = check(sound)
    raise rejected_for(dict.fromkeys((*first, *in_the_way)))


def rejected_for(faults: Iterable[Fault]) -> Rejected:
    """The refusal that names every fault; its reason is that of the first which cannot be left out."""
    named = sorted(faults, key=lambda fault: fault.removable)
    return Rejected(named[0].issue.reason, tuple(fault.issue for fault in named))


def without_narrative(resource: JsonObject) -> JsonObject:
    """The resource without its `text`, nor that of any resource within it."""
    kept = dict(resource)
    kept.pop("text", None)
    if isinstance(inner := kept.get("contained"), list):
        kept["contained"] = [without_narrative(one) if isinstance(one, dict) else one for one in inner]
    if isinstance(entries := kept.get("entry"), list) and kept.get("resourceType") == "Bundle":
        kept["entry"] = [_entry_without_narrative(entry) for entry in entries]
    return kept


def _entry_without_narrative(entry: Any) -> Any:  # Any: JSON, perhaps no object
    if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
        return {**entry, "resource": without_narrative(entry["resource"])}
    return entry


def _warning(fault: Fault) -> Issue:
    if fault.rule in KEPT:
        return Issue(Reason.RULE_NOT_MET, fault.path, f"fhir.inv.{fault.rule}")
    if fault.kind is FaultKind.UNKNOWN_ELEMENT:
        return Issue(Reason.UNKNOWN_ELEMENT, fault.path)
    if fault.kind is FaultKind.DATE:
        return Issue(Reason.DATE_IMPOSSIBLE, fault.path)
    return Issue(Reason.ELEMENT_REMOVED, fault.path, "fhir.removed", {"element": fault.element})


def _without(resource: JsonObject, targets: set[Path]) -> JsonObject:
    """A copy without the targets, and without what is empty for want of them; later items of a list first, so that indexes hold."""
    rest = copy.deepcopy(resource)
    for target in sorted(targets, key=_order, reverse=True):
        _leave_out(rest, target)
    return rest


def _order(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple((part, "") if isinstance(part, int) else (-1, part) for part in path)


def _leave_out(root: JsonObject, target: Path) -> None:
    """Takes one target out of a tree that is ours to change; what stood within another target is gone already."""
    holder: Any = root  # Any: JSON
    for part in target[:-1]:
        try:
            holder = holder[part]
        except (LookupError, TypeError):
            return
    if isinstance(holder, dict):
        holder.pop(target[-1], None)
    elif isinstance(holder, list) and isinstance(target[-1], int) and target[-1] < len(holder):
        del holder[target[-1]]
    if not holder and len(target) > 1:
        _leave_out(root, target[:-1])
