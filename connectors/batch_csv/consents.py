"""Within translating a row: a refusal that stands in a column which nobody knows must not be left unread."""

from __future__ import annotations

import re

from connectors.batch_csv.columns import plain
from connectors.batch_csv.values import Answer, answer
from schemas.codes.declined import declined_in

_ASKS = re.compile(r"consent|agree(?!ment)|sharing agreement|permission|caniat|ganiat|chaniat|cydsyn|gydsyn|chydsyn|cytun(?!deb)|gytun(?!deb)")
_DENIES = re.compile(r"\b(?:not|no|refus\w*|declin\w*|withdr[ae]wn?\w*|withheld|revoked|without|heb|nid|ddim|gwrthod\w*|tynnu)\b")
_REFUSES = re.compile(r"\b(?:refused|refuses|declined|declines|opt(?:ed|s)? out|objects|objected|dissents?|do not contact|gwrthod\w*)\b")
_SAYS_NOTHING = re.compile(r"(?:n a|na|no|none|nil|not applicable|not known|unknown|not asked|not yet|not required|not needed|amh|dim|anhysbys)?")

_SAID_AGAIN = frozenset({"refused", "declined", "withdrawn", "withheld", "gwrthod", "gwrthodwyd"})


def refuses(column: str, words: str) -> bool:
    """Whether the cell of an unknown column refuses: it asks what somebody agreed to and hears a no, it asks whether they refused and hears a yes
    (or when that was, or a mark), or its words say so."""
    asked, said = plain(column), plain(words)
    if declined_in((words,)):
        return True
    if _ASKS.search(asked):
        is_no = answer((words,)) is Answer.NO
        if _DENIES.search(asked):
            return (not is_no and not _SAYS_NOTHING.fullmatch(said)) or said in _SAID_AGAIN
        return is_no or (bool(_DENIES.search(said)) and not _SAYS_NOTHING.fullmatch(said))
    return bool(_REFUSES.search(asked)) and answer((words,)) is Answer.YES
