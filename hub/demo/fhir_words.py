"""Beside the flow: reads what FHIR resources say to people, in both languages, as a stranger's system would (translation extension, R4 2.24.0.1)."""

from __future__ import annotations

from typing import Any

from schemas.words import Text

Json = dict[str, Any]  # Any: FHIR JSON


def said(resource: Json, element: str) -> Text:
    """A string element with its Welsh beside it; the one that is there twice when the other is missing."""
    english = str(resource.get(element) or "")
    return Text(english, _welsh(resource.get(f"_{element}") or {}) or english)


def issues(outcome: Json | None) -> list[Text]:
    """What each issue of an OperationOutcome says, in order."""
    return [issue_words(one) for one in (outcome or {}).get("issue", ())]


def issue_words(issue: Json) -> Text:
    """Its words, else its code."""
    words = said(issue.get("details") or {}, "text")
    return words if words.en else Text(str(issue.get("code")), str(issue.get("code")))


def faults(outcome: Json | None) -> list[tuple[str, Text]]:
    """Each error that names a place, with the place."""
    wrong = [one for one in (outcome or {}).get("issue", ()) if one.get("severity") in ("error", "fatal")]
    return [((one.get("expression") or one.get("location") or [""])[0], issue_words(one)) for one in wrong if one.get("expression") or one.get("location")]


def explanation(bundle: Json) -> Text | None:
    """Why it was decided so: the Communication of an `assigned` or `held` fact."""
    for entry in bundle.get("entry", ()):
        if entry["resource"]["resourceType"] == "Communication":
            return said(entry["resource"]["payload"][0], "contentString")
    return None


def _welsh(shadow: Json) -> str | None:
    for one in shadow.get("extension") or ():
        parts = {part["url"]: part for part in one.get("extension") or ()}
        if parts.get("lang", {}).get("valueCode") == "cy":
            return str(parts["content"].get("valueString") or "")
    return None
