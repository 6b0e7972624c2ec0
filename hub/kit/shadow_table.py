"""Beside the flow, in the kit: what a shadow run saw, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator

from hub.kit.shadow import Report

_MOST = 8


def table(report: Report) -> str:
    """Field by field, the most frequent changes first; then unmapped codes with how often they were met."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.connector} against {report.against}: {report.changed} of {report.messages} message(s) become something else"
    for path, found in report.differences.items():
        yield f"  {path}  ({sum(found.values())})"
        yield from (f"    {times:>6} × {how}" for how, times in list(found.items())[:_MOST])
        if len(found) > _MOST:
            yield f"           and {len(found) - _MOST} other changes"
    if report.unmapped:
        yield "unmapped codes (before, after)"
        yield from (f"  {before:>6} {after:>6}  {code}" for code, (before, after) in report.unmapped.items())
