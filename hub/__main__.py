"""Beside the flow: the `hub` command; it turns every way of ending into an exit code that scripts can rely on."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import typer
from typer.main import get_command

from hub.cli import app
from hub.errors import Misconfigured, Unavailable

USAGE, BUG, TRY_AGAIN, DO_NOT_START, INTERRUPTED, BROKEN_PIPE = 64, 70, 75, 78, 130, 141
# typer carries its own copy of click in some versions; its public BadParameter descends from the error we want in either.
_ClickException = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command and exits: 0 done, 2 an input was rejected, 64 usage, 70 a bug of ours, 75 try again, 78 wrong settings."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """The exit code of `hub <arguments>`; whatever went wrong is one line on stderr, without a value of the input."""
    try:
        ended = get_command(app).main(list(arguments), prog_name="hub", standalone_mode=False)
        sys.stdout.flush()
        return ended if isinstance(ended, int) else 0
    except (BrokenPipeError, SystemExit) as ended:
        return _left(ended)
    except Misconfigured as error:
        return _say(str(error), DO_NOT_START)
    except Unavailable as error:
        return _say(str(error), TRY_AGAIN)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  the outermost place: nothing of it may reach the terminal but its type and our frame
        return _say_usage(error) if isinstance(error, _ClickException) else _say(f"a bug of ours: {_where(error)}", BUG)


def _left(ended: BrokenPipeError | SystemExit) -> int:
    """The reader of our answer has gone (typer makes a SystemExit of it), or the command chose its own code."""
    if isinstance(ended, SystemExit) and not isinstance(ended.__context__, BrokenPipeError):
        return ended.code if isinstance(ended.code, int) else BUG if ended.code else 0
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return BROKEN_PIPE


def _say(sentence: str, code: int) -> int:
    print(f"hub: {sentence}", file=sys.stderr)  # noqa: T201
    return code


def _say_usage(error: Exception) -> int:
    error.show(file=sys.stderr)  # type: ignore[attr-defined]
    return USAGE


def _where(error: Exception) -> str:
    own = os.path.dirname(os.path.abspath(__file__))
    inside = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(own)]
    place = f" at hub/{os.path.relpath(inside[-1].filename, own)}:{inside[-1].lineno}" if inside else ""
    return f"{type(error).__name__}{place}"


if __name__ == "__main__":
    main()
