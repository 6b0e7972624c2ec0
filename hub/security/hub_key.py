"""Beside the flow: the hub's own key, from which everything that it seals and hashes is derived; the same for every process of one hub."""

from __future__ import annotations

from hub.ledger.sealing import Sealing, read_secret
from hub.settings import Settings

_NAME = "hub.key"


def open_sealing(settings: Settings, *, make: bool = False) -> Sealing:
    """The hub's key from HUB_KEY_FILE, else from the data folder, where `make` makes one if there is none. Raises Misconfigured."""
    if settings.key_file is not None:
        return Sealing.from_secret(read_secret(settings.key_file, make=False))
    return Sealing.from_secret(read_secret(settings.data / _NAME, make=make))
