"""Beside the flow: the `hub` command's subcommands; each is a module that is imported only when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

COMMANDS: dict[str, str] = {
    "serve": "Run the whole hub on this machine, with its own PostgreSQL and Kafka unless addresses are set.",
    "run": "Run one stage.",
    "demo": "Watch referrals go through a real hub, or send the files of a folder through it.",
    "send": "Send message files to a running hub and print its answers.",
    "batch": "Look at a table of referrals, send it, and read what became of its rows.",
    "translate": "Show what the hub would read from message files; needs no hub.",
    "match": "Show whom a referral would be assigned to, and why; needs no hub.",
    "places": "Show where a postcode is; load a postcode table.",
    "reasons": "List every reason the hub can give, in Welsh and English.",
    "tail": "Follow what happens, live and masked.",
    "trace": "Print the whole life of one referral, refusal or repeat.",
    "worklist": "List, show and release what waits for a human.",
    "letters": "List and print letters to people, and say that they are posted.",
    "dead-letters": "List, show and retry what failed for good.",
    "republish": "Rebuild Kafka's topics from the ledger.",
    "reconcile": "Compare the ledger with Kafka and the receivers.",
    "clients": "Add, revoke and list the systems that may send and read.",
    "connectors": "Begin a connector, check it, and see what a change of it would change.",
    "conformance": "Play a sender against a hub and print a table that a partner can sign.",
    "check": "Is anyone waiting because of us? Then settings, stores and lag.",
    "bench": "Measure accepting, the loop to a webhook, matching and translating.",
}


def _module(name: str) -> str:
    return f"{__name__}.{name.replace('-', '_')}"


def available() -> list[str]:
    """The subcommands whose module is there, in the order of `COMMANDS`."""
    return [name for name in COMMANDS if importlib.util.find_spec(_module(name)) is not None]


class Subcommands(TyperGroup):
    """Finds a subcommand by its module: `app` (a Typer of several commands) or `command` (a function) in `hub/cli/<name>.py`."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  Any: typer's context is its own copy of click's
        return available()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  Any: as above
        if cmd_name not in available():
            return None
        module = importlib.import_module(_module(cmd_name))
        found = get_command(module.app if hasattr(module, "app") else _alone(module.command))
        found.name = cmd_name
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  Any: as above
        rows = [(name, COMMANDS[name]) for name in available()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def _alone(command: Any) -> typer.Typer:  # Any: a command is a function of its own options
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(command)
    return app


app = typer.Typer(cls=Subcommands, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def hub() -> None:
    """Social prescribing referrals: in from any system, matched, and back to whoever referred."""
