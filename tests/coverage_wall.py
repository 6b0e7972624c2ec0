"""Beside the flow: the coverage wall: of every branch in the parts that translate, decide and record, at least nine in ten are run by a test.

`python -m tests.coverage_wall` reads the report that `coverage json` writes to standard output; it ends with 1 and names each part below the wall.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

WALL = 90.0
PARTS = ("schemas", "connectors", "hub/deciding", "hub/ledger")


def branches(report: Mapping[str, Any], part: str) -> tuple[int, int]:
    """How many branches of a part were run, and how many there are. (Any: coverage's own JSON.)"""
    files = [found["summary"] for path, found in report["files"].items() if path.replace("\\", "/").startswith(f"{part}/")]
    return sum(file["covered_branches"] for file in files), sum(file["num_branches"] for file in files)


def below(report: Mapping[str, Any]) -> list[str]:
    """Each part under the wall, or without a measured branch at all."""
    found = []
    for part in PARTS:
        run, known = branches(report, part)
        if known == 0 or 100 * run / known < WALL:
            found.append(f"{part}: {run} of {known} branches are run by a test; the wall is {WALL:.0f} %")
    return found


def main() -> int:
    report = json.load(sys.stdin)
    for part in PARTS:
        run, known = branches(report, part)
        sys.stdout.write(f"{part:<14} {run:>6} of {known:>6} branches\n")
    wrong = below(report)
    sys.stderr.write("".join(f"{line}\n" for line in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
