"""Beside the flow: `hub demo`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from hub.settings import load
from hub.telemetry import configure


def command(
    folder: Annotated[Path | None, typer.Argument(help="Send the referral files of this folder through the hub instead.", show_default=False)] = None,
    language: Annotated[str, typer.Option(help="en or cy: the language of what you read.")] = "en",
    drop_webhook: Annotated[bool, typer.Option("--drop-webhook", help="Have the practice lose one message: the table at the end must turn red.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the hub running until Ctrl-C.")] = False,
) -> None:
    """Watch referrals go through a real hub, with a process killed in the middle; or send the files of a folder through it."""
    from hub.demo.run import Asked, demonstrate
    from hub.demo.screen import Screen

    if language not in ("en", "cy"):
        raise typer.BadParameter("--language is en or cy")
    if folder is not None and not folder.is_dir():
        raise typer.BadParameter("FOLDER is a folder with referral files")
    configure("error")
    if not asyncio.run(demonstrate(load(), Asked(folder, drop_webhook, keep), Screen(language))):
        raise typer.Exit(1)
