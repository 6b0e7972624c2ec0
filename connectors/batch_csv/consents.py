"""Within translating a row: a refusal that stands in a column which nobody knows must not be left unread."""

from __future__ import annotations

import re

from connectors.batch_csv.columns import plain
from connectors.batch_csv.values import Answer, answer

_ASKS = re.compile(r"consent|agree|permission|caniat|ganiat|chaniat|cydsyn|gydsyn|chydsyn|cytun|gytun")
_DENIES = re.compile(r"\b(?:not|no|refus\w*|declin\w*|withdr[ae]wn?\w*|withheld|without|heb|nid|ddim|gwrthod\w*|tynnu)\b")


def refuses(column: str, words: str) -> bool:
    """Whether an unknown column asks what somebody agreed to and its answer is a no, or asks whether they refused and its answer is a yes."""
    asked = plain(column)
    if not _ASKS.search(asked):
        return False
    return answer((words,)) is (Answer.YES if _DENIES.search(asked) else Answer.NO)
