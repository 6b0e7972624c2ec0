"""Beside the flow: `hub connectors`, for whoever writes one: begin a folder, check it, keep golden files, see what a change would change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer

from hub.kit.folders import Folders

REJECTED, USAGE = 2, 64
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Begin a connector, check it, and see what a change of it would change.")
Folder = Annotated[Path | None, typer.Option("--folder", help="Another folder of connectors; it must be a Python package.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON line each instead.")]


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Small letters, digits and _: the folder's name.")],
    direction: Annotated[str, typer.Option(help="in (it sends), out (it is told), or both.")] = "in",
    folder: Folder = None,
) -> None:
    """Write a connector that works, with its manifest, a fixture pair and a README; then make it your sender's, one fixture at a time."""
    from hub.kit.beginning import NAME, begin, keep_golden
    from hub.kit.fixtures import fixtures_of

    if direction not in ("in", "out", "both"):
        raise typer.BadParameter("--direction is in, out or both")
    if not NAME.fullmatch(name):
        raise typer.BadParameter("a name is 2 to 40 small letters, digits and _, and begins with a letter")
    folders = Folders.at(folder)
    made = begin(folders.root, name, direction)  # type: ignore[arg-type]  # one of the three
    for fixture in fixtures_of(made):
        keep_golden(folders[name], fixture)
    for path in sorted(one for one in made.rglob("*") if one.is_file() and "__pycache__" not in one.parts):
        print(path.relative_to(made.parent))
    print(f"Next: hub connectors check {name}{f' --folder {folder}' if folder else ''}")


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(help="One connector; without it, all of them.")] = None, folder: Folder = None, as_json: Json = False
) -> None:
    """Print each score card; run every fixture pair twice; look for what is not pure, for what says an input value back. Exit 2 on a fault."""
    from hub.kit.check import checked_folder

    folders = Folders.at(folder)
    found = [checked_folder(folders, one) for one in _asked(folders, name)]
    for one in found:
        if as_json:
            print(orjson.dumps(one.as_dict(), option=orjson.OPT_SORT_KEYS).decode())
        else:
            _print_card(one)
    raise typer.Exit(REJECTED if any(one.faults for one in found) else 0)


@app.command()
def golden(
    name: Annotated[str, typer.Argument(help="The connector.")],
    files: Annotated[list[Path] | None, typer.Argument(help="Fixtures; without them, those that have no golden file yet.")] = None,
    folder: Folder = None,
) -> None:
    """Write what fixtures become as their golden files. Read every line against the standard before you keep one."""
    from hub.kit.beginning import keep_golden
    from hub.kit.fixtures import Fixture, fixtures_of

    folders = Folders.at(folder)
    _asked(folders, name)
    given = [Fixture(one.resolve()) for one in files or ()]
    for fixture in given or [one for one in fixtures_of(folders.root / name) if not one.golden.exists()]:
        print(keep_golden(folders[name], fixture))


@app.command()
def shadow(
    name: Annotated[str, typer.Argument(help="The connector whose change is to be judged.")],
    against: Annotated[str, typer.Option(help="A git revision, or a changed file of its folder or of schemas/codes.")],
    files: Annotated[list[Path] | None, typer.Argument(help="Message files.")] = None,
    stored: Annotated[bool, typer.Option("--stored", help="The messages in the ledger of the hub that runs here.")] = False,
    most: Annotated[int, typer.Option(help="How many stored messages, the latest first.")] = 1_000,
    received_at: Annotated[str | None, typer.Option("--received-at", help="Stands for now, for files.")] = None,
    as_json: Json = False,
) -> None:
    """Run a connector as it is and as it was (or would be) over real messages, and show what differs by field, values masked. Exit 2 if anything does."""
    from hub.kit.shadow import Asked, shadowed
    from hub.kit.shadow_table import table

    if bool(files) is stored:
        raise typer.BadParameter("give message files, or --stored")
    _asked(Folders.at(None), name)
    report = shadowed(name, Asked(against, tuple(files or ()), most if stored else 0, received_at))
    print(orjson.dumps(report.as_dict(), option=orjson.OPT_SORT_KEYS).decode() if as_json else table(report))
    raise typer.Exit(REJECTED if report.differences else 0)


# --- which ------------------------------------------------------------------------------------------------------------------------------


def _asked(folders: Folders, name: str | None) -> Sequence[str]:
    if name is not None and name not in folders.names:
        _stop(f"There is no connector of that name. There are: {', '.join(folders.names)}.")
    return [name] if name else folders.names


def _print_card(one: Any) -> None:  # Any: Checked, imported only when it is asked for
    manifest = one.manifest
    print(f"{manifest.name} ({manifest.direction}): {manifest.title}" if manifest else f"{one.name}:")
    for feature, progress in manifest.score.items() if manifest else ():
        print(f"  {progress.value:8} {feature}")
    for line in one.unshown:
        print(f"  note     {line}")
    for line in one.faults:
        print(f"  FAULT    {line}")
    print(f"  {one.fixtures} fixture(s), {len(one.faults)} fault(s)\n")


def _stop(why: str) -> NoReturn:
    typer.echo(f"hub: {why}", err=True)
    raise typer.Exit(USAGE)
