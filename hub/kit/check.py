"""Beside the flow, in the kit: everything that can be checked of one connector without a hub: its folder, its fixtures, its manners."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hub.errors import Misconfigured
from hub.kit import hygiene
from hub.kit.fixtures import Fixture, fixtures_of, inbound, translated
from hub.kit.folders import Folders
from hub.kit.purity import impurities
from hub.registry import Registered
from schemas.fhir.check import check as structure_faults
from schemas.fhir.prune import KEPT
from schemas.manifest import Manifest
from schemas.rejection import Reason, Rejected

_SPOILT_FIXTURES = 10
"""So many fixtures, evenly spread, are spoilt word by word."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of one connector: the pairs that were run, every fault as one plain line, and what is honest but not yet shown."""

    name: str
    manifest: Manifest | None
    fixtures: int
    faults: tuple[str, ...]
    unshown: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        score = {feature: progress.value for feature, progress in self.manifest.score.items()} if self.manifest else {}
        return {"connector": self.name, "faults": self.faults, "fixtures": self.fixtures, "score": score, "unshown": self.unshown}


def checked_folder(folders: Folders, name: str) -> Checked:
    """One connector of a folder; a manifest that is wrong is its one fault."""
    try:
        registered = folders[name]
    except Misconfigured as fault:
        return Checked(name, None, 0, (fault.message,))
    return checked(registered, folders.root / name)


def checked(registered: Registered, folder: Path) -> Checked:
    """Run every check of the connector in `folder`. A fault names a file or a field, never what a fixture holds."""
    manifest, found = registered.manifest, fixtures_of(folder)
    faults = [*_page_faults(folder), *(f"not pure: {one}" for one in impurities(folder)), *_loading_faults(registered)]
    shown: set[str] = set()
    if not faults and "translate" in manifest.functions:
        if not found:
            faults.append("no fixtures: a connector that translates shows at least one message and what becomes of it")
        for fixture in found:
            faults += _fixture_faults(registered, fixture, shown)
        faults += _media_faults(registered, found[:1])
        faults += _orphans(folder, found)
        faults += _manners(registered, found[:: max(1, len(found) // _SPOILT_FIXTURES)])
    unshown = tuple(sorted(f"no fixture shows {fact.value}" for fact in manifest.emits if fact.value not in shown))
    return Checked(manifest.name, manifest, len(found), tuple(dict.fromkeys(faults)), unshown)


def _page_faults(folder: Path) -> Iterator[str]:
    page = folder / "README.md"
    first = page.read_text("utf-8").partition("\n")[0] if page.exists() else ""
    if len(first.lstrip("# ").split()) < 5:
        yield "README.md: missing, or its first line does not say what the folder holds"


def _loading_faults(registered: Registered) -> Iterator[str]:
    try:
        _ = registered.connector
    except Misconfigured as fault:
        yield fault.message


# --- fixtures ---------------------------------------------------------------------------------------------------------------------------


def _fixture_faults(registered: Registered, fixture: Fixture, shown: set[str]) -> Iterator[str]:
    """A fixture becomes its golden file, twice the same bytes, of facts that the manifest names, as FHIR that is sound."""
    name = fixture.path.name
    try:
        once, twice = translated(registered, fixture), translated(registered, fixture)
    except Exception as fault:  # noqa: BLE001  a bug of the connector's is a fault of its folder
        yield f"{name}: a bug, {type(fault).__name__}: translate raises nothing but Rejected"
        return
    if once != twice:
        yield f"{name}: not the same bytes twice"
    if not fixture.golden.exists():
        yield f"{name}: {fixture.golden.name} is missing; make it with hub connectors golden, and read it"
    elif (made := json.loads(once)) != (kept := json.loads(fixture.golden.read_text("utf-8"))):
        yield f"{name}: not what its golden file says, first at {first_difference(made, kept)}"
    for line in json.loads(once):
        for fact in line["facts"]:
            shown.add(fact["type"])
            yield from (f"{name}: {wrong}" for wrong in _fact_faults(registered.manifest, fact))


def _media_faults(registered: Registered, found: Iterable[Fixture]) -> Iterator[str]:
    """What the manifest says is taken must not be refused at the door for its kind: a fixture comes without headers, a sender never does."""
    for fixture in found if registered.manifest.transport == "http" else ():
        for kind in registered.manifest.content_types:
            message = inbound(registered, fixture.body, replace(fixture.given, headers={**(fixture.given.headers or {}), "content-type": kind}))
            try:
                registered.connector.identify(message)
            except Rejected as refused:
                if any(issue.reason is Reason.UNSUPPORTED_MEDIA for issue in refused.issues):
                    yield f"{kind} stands in the manifest's content_types, and identify refuses it"


def _fact_faults(manifest: Manifest, fact: Any) -> Iterator[str]:  # Any: the published JSON of a fact
    if fact["type"] not in {one.value for one in manifest.emits}:
        yield f"{fact['type']} is not among the manifest's emits"
    yield from (f"the bundle is no sound FHIR at {wrong.path}" for wrong in structure_faults(fact["bundle"]) if wrong.rule not in KEPT)


def first_difference(made: Any, kept: Any, at: str = "$") -> str | None:  # Any: two JSON values
    """The path of the first place in which two JSON values differ; None when they are equal. Values are not said."""
    if isinstance(made, dict) and isinstance(kept, dict):
        names: Iterable[str] = sorted(made.keys() | kept.keys())
        missing = object()
        return next((found for name in names if (found := first_difference(made.get(name, missing), kept.get(name, missing), f"{at}.{name}"))), None)
    if isinstance(made, list) and isinstance(kept, list) and len(made) == len(kept):
        return next((found for number, pair in enumerate(zip(made, kept, strict=True)) if (found := first_difference(*pair, f"{at}[{number}]"))), None)
    return None if made == kept else at


def _orphans(folder: Path, found: Iterable[Fixture]) -> Iterator[str]:
    golden = {one.golden for one in found}
    yield from (f"{one.name}: a golden file without its message" for one in sorted((folder / "fixtures").glob("*.expected.json")) if one not in golden)


# --- manners ----------------------------------------------------------------------------------------------------------------------------


def _manners(registered: Registered, found: Iterable[Fixture]) -> Iterator[str]:
    """Each fault of manners once, with how often it was met."""
    met: Counter[str] = Counter()
    for fixture in found:
        given = fixture.given
        for body in registered.messages(fixture.body)[:1] if _splits(registered, fixture) else ():
            met.update(f"{fixture.path.name}, spoilt: {fault}" for fault in hygiene.faults(registered.connector, inbound(registered, body, given)))
    yield from (f"{fault} ({times} times)" for fault, times in met.items())


def _splits(registered: Registered, fixture: Fixture) -> bool:
    """Whether its messages can be told apart; a file that is refused as a whole has none to spoil."""
    try:
        return bool(registered.messages(fixture.body))
    except Rejected:
        return False
