"""Beside the flow: `hub bench`, which measures this hub on this machine and says what "stored" meant while it did."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast

import typer

from hub.bench.figures import Row, line, table
from hub.bench.machine import sentence
from hub.errors import Unavailable
from hub.settings import load
from hub.telemetry import configure

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Measure accepting, the loop to a webhook, matching and translating.")
Json = Annotated[bool, typer.Option("--json", help="One JSON line instead of tables.")]
Profile = Annotated[bool, typer.Option("--profile", help="Say where the time goes (the profiler itself slows the stages down).")]


@app.command()
def accept(
    seconds: Annotated[float, typer.Option(help="How long at each number of connections.")] = 10.0,
    connections: Annotated[str, typer.Option(help="Numbers of connections, with commas between.")] = "1,8,32",
    profile: Profile = False,
    json: Json = False,
) -> None:
    """How many referrals a second the HTTP door takes; every acknowledged one is then looked for in the record."""
    from hub.bench.accept import Asked
    from hub.bench.accept import accept as measure

    numbers = tuple(int(one) for one in connections.split(",") if one.isdecimal() and 0 < int(one) <= 512)
    if not numbers or not 0 < seconds <= 600:
        raise typer.BadParameter("--connections are numbers from 1 to 512 with commas between, --seconds up to 600")
    configure("warning")
    _show(asyncio.run(measure(load(), Asked(numbers, seconds, profile), _say)), json)


@app.command()
def loop(
    rate: Annotated[float, typer.Option(help="Referrals a second.")] = 100.0,
    seconds: Annotated[float, typer.Option(help="For how long.")] = 20.0,
    drain: Annotated[int, typer.Option(help="How many referrals routing then drains; 0 for none.")] = 2_000,
    profile: Annotated[str, typer.Option(help="A stage (intake, relay, routing, dispatch) of which to say where the time goes.")] = "",
    json: Json = False,
) -> None:
    """From a POST to its sender's webhook with every stage on, and how fast routing drains what has piled up."""
    from hub.bench.loop import Asked
    from hub.bench.loop import loop as measure

    if not 0 < rate <= 5_000 or not 0 < seconds <= 600 or not 0 <= drain <= 100_000 or profile not in ("", "intake", "relay", "routing", "dispatch"):
        raise typer.BadParameter("--rate up to 5000, --seconds up to 600, --drain up to 100000, --profile a stage")
    configure("warning")
    _show(asyncio.run(measure(load(), Asked(rate, seconds, drain, profile), _say)), json)


@app.command()
def match(seconds: Annotated[float, typer.Option(help="How long on each directory.")] = 3.0, json: Json = False) -> None:
    """How long one decision takes; needs no store."""
    from hub.bench.match import match as measure

    _show(measure(seconds), json)


@app.command()
def translate(
    connector: Annotated[str | None, typer.Argument(help="One connector; without it, all that translate.")] = None,
    seconds: Annotated[float, typer.Option(help="How long on each connector.")] = 2.0,
    json: Json = False,
) -> None:
    """Microseconds a message for each connector over its own fixtures, and where the share goes; needs no store."""
    from hub.bench.translate import translate as measure

    if not 0 < seconds <= 600:
        raise typer.BadParameter("--seconds up to 600")
    found = measure(seconds, connector)
    if not found["rows"]:
        raise typer.BadParameter("there is no connector of that name that translates")
    _show(found, json)


def _show(found: dict[str, object], as_json: bool) -> None:
    """The result, and exit 75 when what was acknowledged is not what is stored."""
    if as_json:
        print(line(found))
    else:
        for part in _parts(found):
            print(part)
    if found.get("stored") and not cast(Mapping[str, Any], found["stored"])["equal"]:
        raise Unavailable("What was acknowledged is not what is stored: keep the data folder and look at the rows above.")


def _parts(found: dict[str, object]) -> Sequence[str]:
    parts = [sentence(cast(dict[str, object], found["machine"]))]
    if found.get("durability"):
        parts.append(", ".join(f"{name} {value}" for name, value in cast(dict[str, object], found["durability"]).items()))
    parts += ["", *(table(cast(Sequence[Row], found[name])) + "\n" for name in ("rows", "pauses", "drain", "steps", "costs") if found.get(name))]
    if found.get("stored"):
        said = cast(Mapping[str, Any], found["stored"])
        rest = ", ".join(f"{said[name]} {name}" for name in ("lost", "doubled", "unasked"))
        parts.append(f"acknowledged {said['acknowledged']:,}, stored {said['stored']:,}: {rest}")
    return parts


def _say(sentence: str) -> None:
    print(f"hub: {sentence}", file=sys.stderr, flush=True)
