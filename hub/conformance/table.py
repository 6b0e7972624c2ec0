"""Beside the flow, in conformance: a run as a page that a partner can read and sign."""

from __future__ import annotations

from collections.abc import Iterator

from hub.conformance.playing import Report
from hub.operations.showing import Language, say


def page(report: Report, version: str, language: Language) -> str:
    """The cases under each other, the count, what the run left behind, and two lines to sign; plain text, no wider than a page in landscape."""
    return "\n".join(_lines(report, version, language))


def _lines(report: Report, version: str, language: Language) -> Iterator[str]:
    yield say("conformance.title", language)
    yield ""
    for name, value in (("url", report.url), ("client", report.client), ("connector", report.connector), ("run", report.run), ("version", version)):
        yield f"{say(f'conformance.{name}', language)}: {value}"
    yield ""
    rows = [tuple(say(f"conformance.{name}", language) for name in ("verdict", "case", "expected", "got"))]
    rows += [(say(f"conformance.{one.verdict}", language), say(f"conformance.case.{one.case}", language), one.expected, one.got) for one in report.played]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
    yield ""
    passed = sum(one.verdict == "pass" for one in report.played)
    yield say("conformance.count", language, passed=passed, failed=report.failed, skipped=len(report.played) - passed - report.failed)
    yield say("conformance.left", language, created=report.created, run=report.run)
    yield ""
    yield from _to_sign(language)


def _to_sign(language: Language) -> Iterator[str]:
    """For the partner and for whoever runs the hub."""
    for who in ("partner", "operator"):
        yield say(f"conformance.{who}", language)
        for name in ("name", "role", "date", "signature"):
            yield f"  {say(f'conformance.{name}', language)}: " + "_" * 40
        yield ""
