"""In operations: the print queue as the person at the printer sees it: a line for each letter, and one HTML file with a page for each."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from rich.console import RenderableType

from hub.content import bundle_of
from hub.ledger.letters import Letter
from hub.operations.showing import Language, clock, iso, say, table
from schemas.fhir.contact import read_contact
from schemas.identifiers import ReferralRef

_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
@page {{ size: A4; margin: 15mm 0 }}
body {{ margin: 0; color: #000; background: #fff; font: 12pt/1.4 Arial, Helvetica, sans-serif }}
.letter {{ position: relative; box-sizing: border-box; width: 210mm; min-height: 266mm; padding: 88mm 20mm 0; break-after: page }}
.letter:last-of-type {{ break-after: auto }}
address {{ font-style: normal }}
.to {{ position: absolute; left: 22mm; top: 37mm; width: 85mm }}
.from {{ position: absolute; right: 20mm; top: 0; width: 75mm; text-align: right; font-size: 10pt }}
section + section {{ margin-top: 8mm; padding-top: 6mm; border-top: 0.3mm solid #000 }}
p {{ margin: 0 0 3.5mm; max-width: 160mm }}
.large {{ font-size: 16pt; line-height: 1.5 }}
.large section + section {{ break-before: page; border: 0 }}
.large .to {{ font-size: 12pt; line-height: 1.4 }}
.large .from {{ font-size: 12pt }}
</style>
</head>
<body>
{letters}</body>
</html>
"""


def listed(letters: Sequence[Letter], language: Language) -> RenderableType:
    """A line for each letter: which, about what, how far, by when; nobody's name or address."""
    headings = [say(key, language) for key in ("ops.item", "ops.referral", "post.state", "ops.since", "post.by")]
    rows = [(str(one.id)[:8], ReferralRef(one.ref).spoken, say(f"post.{state(one)}", language), clock(one.owed_at), clock(one.post_by)) for one in letters]
    return table(headings, rows, ["bold red" if one.state == "cancelled" or _late(one) else None for one in letters])


def as_dict(letter: Letter) -> dict[str, str | bool | None]:
    """One letter for programs; nobody's name or address."""
    return {
        "id": str(letter.id), "late": _late(letter), "owed_at": iso(letter.owed_at), "post_by": iso(letter.post_by), "ref": letter.ref,
        "referral": str(letter.referral_id), "state": state(letter),
    }  # fmt: skip


def state(letter: Letter) -> str:
    """`owed` (to print), `printed` (to post) or `stopped` (printed, and must not be posted)."""
    return "stopped" if letter.state == "cancelled" else "printed" if letter.printed else "owed"


def may_go(letter: Letter) -> bool:
    """Whether it is still safe to write to the person, by the answers that stand now."""
    return bool(letter.body) and bool(letter.content) and "letter" in read_contact(bundle_of(letter.content)).ways


def pages(letters: Sequence[Letter], language: Language) -> str:
    """One HTML document, a page of A4 for each letter; it loads nothing and runs nothing. A large one may need a second page."""
    written = "".join(orjson.loads(one.body)["letter"] for one in letters)
    return _PAGE.format(language=language, title=say("post.title", language), letters=written)


def _late(letter: Letter) -> bool:
    return letter.state == "pending" and letter.post_by is not None and letter.post_by <= letter.now
