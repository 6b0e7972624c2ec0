"""Before the first message: finds the connectors by looking in their folder, and holds each to what its manifest says."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import cast, get_args

from hub.errors import Misconfigured
from schemas.manifest import FunctionName, Listener, Manifest, WrongManifest, read_manifest
from schemas.messages import Connector, InboundMessage, Reply

_ARGUMENTS: Mapping[FunctionName, int] = {"identify": 1, "translate": 1, "answer": 2, "compose": 2, "judge": 2, "messages": 1, "together": 2}


@dataclass(frozen=True)
class Registered:
    """A connector that was found. Its code is imported when it is first used; that raises Misconfigured when it is not as the manifest says."""

    manifest: Manifest
    package: str

    @cached_property
    def connector(self) -> Connector:
        """Its functions (design.md 6)."""
        return cast(Connector, self._module)

    def messages(self, content: bytes) -> tuple[bytes, ...]:
        """The messages that a file holds: one, unless the connector offers `messages`."""
        if "messages" not in self.manifest.functions:
            return (content,)
        split: Callable[[bytes], tuple[bytes, ...]] = self._module.messages
        return split(content)

    def together(self, whole: InboundMessage, replies: Sequence[Reply]) -> Reply:
        """What the sender of many messages at once hears: the answers to all of them, in order, as one."""
        joined: Callable[[InboundMessage, Sequence[Reply]], Reply] = self._module.together
        return joined(whole, replies)

    @cached_property
    def _module(self) -> ModuleType:
        name = f"{self.package}.{self.manifest.name}.connector"
        try:
            module = importlib.import_module(name)
        except ImportError as fault:
            raise Misconfigured(f"The connector {self.manifest.name} cannot be loaded: {fault}.") from fault
        _check(module, self.manifest)
        return module


class Registry:
    """Every connector in one folder, by name. Nothing of theirs is imported until it is used."""

    def __init__(self, folder: Path, package: str = "connectors") -> None:
        """Raises Misconfigured, naming every fault: a manifest that is wrong, or two connectors listening in the same place."""
        found, faults = {}, []
        for file in sorted(folder.glob("*/manifest.toml")):
            try:
                found[file.parent.name] = Registered(read_manifest(file.read_text("utf-8"), file.parent.name), package)
            except WrongManifest as fault:
                faults.append(str(fault))
            except (OSError, UnicodeDecodeError) as fault:
                faults.append(f"{file}: cannot be read ({type(fault).__name__})")
        faults += _shared_listeners(found)
        if faults:
            raise Misconfigured("Connectors: " + " | ".join(faults))
        self._found: Mapping[str, Registered] = MappingProxyType(found)

    @property
    def names(self) -> tuple[str, ...]:
        """The connectors' names, in order."""
        return tuple(self._found)

    def __getitem__(self, name: str) -> Registered:
        """The connector of that name. Raises KeyError."""
        return self._found[name]

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def listeners(self, transport: str | None = None) -> tuple[tuple[Registered, Listener], ...]:
        """Every place where messages arrive, with who reads them; only those of one transport (`http`, `mllp`, `kafka`, `folder`) if given."""
        return tuple(
            (one, listener)
            for one in self._found.values()
            for listener in one.manifest.listeners
            if transport is None or transport == _transport(listener)
        )

    def load(self) -> None:
        """Import every connector now, so that a broken one stops the start and not a message. Raises Misconfigured."""
        for one in self._found.values():
            _ = one.connector


def installed() -> Registry:
    """The connectors that ship with the hub."""
    return Registry(Path(__file__).resolve().parent.parent / "connectors")


def _transport(listener: Listener) -> str:
    if listener.topic is not None:
        return "kafka"
    if listener.folder is not None:
        return "folder"
    return "http" if listener.path is not None else "mllp"


def _shared_listeners(found: Mapping[str, Registered]) -> list[str]:
    places = [(listener.target, name) for name, one in found.items() for listener in one.manifest.listeners if listener.path is not None]
    first = dict(reversed(places))
    return [f"{name} and {first[target]} both listen at {target}" for target, name in places if first[target] != name]


def _check(module: ModuleType, manifest: Manifest) -> None:
    """Raises Misconfigured with every difference between what the module offers and what its manifest says."""
    faults = []
    for name in get_args(FunctionName):
        offered = getattr(module, name, None)
        if name not in manifest.functions:
            if inspect.isfunction(offered) and offered.__module__ == module.__name__:
                faults.append(f"{name} is there but not in the manifest")
        elif not inspect.isfunction(offered):
            faults.append(f"{name} is in the manifest but not there")
        elif len(inspect.signature(offered).parameters) != _ARGUMENTS[name]:
            faults.append(f"{name} must take {_ARGUMENTS[name]} argument(s)")
    if faults:
        raise Misconfigured(f"The connector {manifest.name} is not what its manifest says: {'; '.join(faults)}.")
