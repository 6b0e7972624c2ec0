"""The mutation runner: fixtures of every connector, broken at random from a seed, and translate must raise nothing but Rejected.

`python -m tests.connectors.mutate --messages 1000000` is the long run; `test_mutations.py` is a short one. What fails is printed with its seed,
and `--seed N --only CONNECTOR` makes the same messages again.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from schemas.messages import Translation
from tests.connectors.zoo import raw
from tests.connectors.zoo.doors import Door, doors, faults, outcome_of, own_messages
from tests.connectors.zoo.spoiling import VALUES

_LARGEST = 40_000
"""Fixtures larger than this are left to the zoo: a million of them would take days."""
_BYTES = [b"", b"\x00", b"\xff", b"\xc3", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"|", b"^", b"~", b"&", b"\r", b"\n", b"\xe2\x80\xae", b"9" * 40]
_ATOMS = [None, True, False, 0, -1, 1.5, 10**30, "", " ", "x", [], {}, [None], {"": ""}, [[]], {"value": []}, {"reference": "#"}, {"coding": [{}]}]


@dataclass(slots=True)
class Tally:
    """What became of the messages of one door. `broken` maps what went wrong to the seeds of the first few messages that showed it."""

    outcomes: Counter[str] = field(default_factory=Counter)
    broken: dict[str, list[int]] = field(default_factory=dict)
    slowest: float = 0.0

    @property
    def messages(self) -> int:
        return sum(self.outcomes.values())


def mutant(bases: Sequence[bytes], seed: int) -> bytes:
    """One broken message; the same bases and seed give the same bytes."""
    dice = random.Random(seed)
    body = dice.choice(bases)
    for _ in range(dice.choice((1, 1, 1, 1, 2, 2, 3, 6))):
        fine = _element if body[:1] in b"{[" else _part
        way = dice.choice(_COARSE) if dice.random() < 0.15 else fine
        body = way(dice, body, bases)
    return body[:200_000]


# --- ways to break a message ------------------------------------------------------------------------------------------------------------


def _replace(dice: random.Random, body: bytes, bases: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(body) + 1)
    return body[:at] + dice.choice(_BYTES) + body[at + dice.choice((0, 0, 1, 1, 2, 8, 60)) :]


def _cut(dice: random.Random, body: bytes, bases: Sequence[bytes]) -> bytes:
    start, end = sorted(dice.randrange(len(body) + 1) for _ in range(2))
    return body[:start] + body[end:] if dice.random() < 0.8 else body[start:end]


def _double(dice: random.Random, body: bytes, bases: Sequence[bytes]) -> bytes:
    start, end = sorted(dice.randrange(len(body) + 1) for _ in range(2))
    return body[:end] + body[start:end] * dice.choice((1, 1, 2, 30)) + body[end:]


def _flip(dice: random.Random, body: bytes, bases: Sequence[bytes]) -> bytes:
    made = bytearray(body)
    for _ in range(dice.choice((1, 1, 3, 20))):
        if made:
            made[dice.randrange(len(made))] ^= 1 << dice.randrange(8)
    return bytes(made)


def _graft(dice: random.Random, body: bytes, bases: Sequence[bytes]) -> bytes:
    other = dice.choice(bases)
    start, end = sorted(dice.randrange(len(other) + 1) for _ in range(2))
    at = dice.randrange(len(body) + 1)
    return body[:at] + other[start:end] + body[at + (end - start if dice.random() < 0.5 else 0) :]


def _swap_parts(dice: random.Random, body: bytes, bases: Sequence[bytes]) -> bytes:
    """Segments, rows, fields or elements in another order, left out or doubled."""
    mark = dice.choice((b"\r", b"\n", b"|", b"^", b",", b"&", b";"))
    parts = body.split(mark)
    for _ in range(dice.choice((1, 2, 5))):
        one, other = dice.randrange(len(parts)), dice.randrange(len(parts))
        how = dice.randrange(3)
        if how == 0:
            parts[one], parts[other] = parts[other], parts[one]
        elif how == 1:
            parts[one] = parts[other]
        elif len(parts) > 1:
            del parts[one]
            other = 0
    return mark.join(parts)


def _part(dice: random.Random, body: bytes, bases: Sequence[bytes]) -> bytes:
    """A field, row or word of a message that is no JSON."""
    return dice.choice((_value, _value, _value, _swap_parts))(dice, body, bases)


def _value(dice: random.Random, body: bytes, bases: Sequence[bytes]) -> bytes:
    """A value that people really send in the place of a run of letters."""
    at = dice.randrange(len(body) + 1)
    end = at
    while end < len(body) and end - at < 60 and (chr(body[end]).isalnum() or body[end] > 127):
        end += 1
    value = dice.choice(list(VALUES.values()))
    return body[:at] + value[:3_000].encode("utf-8", "surrogatepass") + body[end:]


def _element(dice: random.Random, body: bytes, bases: Sequence[bytes]) -> bytes:
    """Another element in the tree of a JSON message: of another type, moved, doubled or gone. What is no JSON gets a value instead."""
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return _value(dice, body, bases)
    places = list(_places(tree))
    if not places:
        return _value(dice, body, bases)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        holder, name = dice.choice(places)
        other, of = dice.choice(places)
        try:
            how = dice.randrange(4)
            if how == 0:
                holder[name] = dice.choice([*_ATOMS, *VALUES.values()])
            elif how == 1:
                holder[name] = json.loads(json.dumps(other[of]))
            elif how == 2:
                del holder[name]
            else:
                holder[name] = [holder[name]] * dice.choice((1, 2, 40)) if dice.random() < 0.5 else {"extension": holder[name]}
        except (LookupError, TypeError, ValueError, RecursionError):
            continue
    return json.dumps(tree, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")


def _places(node: object) -> Iterator[tuple[dict[str, object] | list[object], object]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield node, name
            yield from _places(value)
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield node, at
            yield from _places(value)


_COARSE = (_replace, _cut, _double, _flip, _graft, _swap_parts, _value)


# --- running ----------------------------------------------------------------------------------------------------------------------------


def bases_of(door: Door) -> list[bytes]:
    """What a door's messages are made from: its own fixtures, and a few of the zoo."""
    own = [body for _, body in own_messages(door)]
    small = [body for body in own if 0 < len(body) <= _LARGEST]
    return small * 8 + [body for body in raw.ALL.values() if 0 < len(body) <= 2_000]


def run(door: Door, messages: int, seed: int, *, looking: int = 50) -> Tally:
    """So many broken messages at one door, from `seed` on. Every `looking`-th is looked at whole: facts, words, answer, and a repeat."""
    tally, bases = Tally(), bases_of(door)
    for number in range(seed, seed + messages):
        body = mutant(bases, number)
        begun = time.perf_counter()
        try:
            found = outcome_of(door, door.message(body))
            outcome = "facts" if isinstance(found, Translation) and found.facts else "ignored" if isinstance(found, Translation) else "rejected"
        except Exception as fault:
            outcome = "broken"
            tally.broken.setdefault(_where(fault), []).append(number)
        tally.slowest = max(tally.slowest, time.perf_counter() - begun)
        tally.outcomes[outcome] += 1
        if outcome != "broken" and number % looking == 0:
            for fault in _without_marks(door, body):
                tally.broken.setdefault(fault, []).append(number)
    return tally


def _without_marks(door: Door, body: bytes) -> list[str]:
    """The faults of a whole look. A mark may have become part of an element's own name here, which may be said; the zoo judges that."""
    return [one for one in faults(door, body) if not one.startswith("says ")]


def _where(fault: Exception) -> str:
    trace, place = fault.__traceback__, "?"
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename.rpartition('/main/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(fault).__name__} at {place}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """The long run. Exit 1 when anything but Rejected was raised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="in all, shared by the doors")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a connector's name")
    asked = parser.parse_args()
    chosen = [door for door in doors() if asked.only in ("", door.registered.manifest.name)]
    broken = 0
    for door in chosen:
        begun = time.monotonic()
        tally = run(door, -(-asked.messages // len(chosen)), asked.seed)
        broken += len(tally.broken)
        rate = tally.messages / (time.monotonic() - begun)
        kinds = ", ".join(f"{times:,} {name}" for name, times in sorted(tally.outcomes.items()))
        _say(f"{door.name}: {tally.messages:,} messages, {kinds}; {rate:,.0f} a second, slowest {tally.slowest * 1000:.0f} ms")
        for what, seeds in tally.broken.items():
            _say(f"  BROKEN {len(seeds)} × {what}; seeds {', '.join(map(str, seeds[:5]))}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
