"""Read when the hub starts and by `hub translate`: what a connector's folder says about itself in `manifest.toml`."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from schemas.events import FactType

FunctionName = Literal["identify", "translate", "answer", "compose", "judge", "messages", "together"]
INBOUND: frozenset[FunctionName] = frozenset({"identify", "translate", "answer"})
OUTBOUND: frozenset[FunctionName] = frozenset({"compose", "judge"})
_NAME = StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")


class WrongManifest(Exception):  # noqa: N818  (the manifest is what is wrong)
    """A manifest cannot be read or contradicts itself; the message says which folder and which keys. Correct the manifest."""


class Progress(StrEnum):
    """How far a connector goes with one feature; a score card is honest or worthless."""

    DONE = "done"
    PARTIAL = "partial"
    NOT_YET = "not yet"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Listener(_Frozen):
    """Where its messages arrive: `method` and `path` (HTTP), `port` (MLLP; 0 means any free one), `topic` (Kafka), or `folder` (files in a
    client's own drop folder). `scope` is what a client must hold to send here. `many`: what arrives here may hold many messages, which the
    connector's `messages` tells apart; each is a request of its own. What lies in a folder always may."""

    method: Literal["POST", "PUT", "GET"] | None = None
    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/$_{}-]*$")] | None = None
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    topic: Annotated[str, StringConstraints(pattern=r"^from\.<client>$")] | None = None
    folder: Annotated[str, StringConstraints(pattern=r"^<client>$")] | None = None
    scope: str
    many: bool = False

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.method is None) is not (self.path is None):
            raise ValueError("a method and a path go together")
        if [self.path, self.port, self.topic, self.folder].count(None) != 3:
            raise ValueError("a listener has a method and path, or a port, or a topic, or a folder")
        return self

    @property
    def target(self) -> str:
        """What `InboundMessage.target` says of a message that came this way: `POST /fhir/ServiceRequest`, `mllp`, `from.<client>`, `folder`."""
        if self.path is not None:
            return f"{self.method} {self.path}"
        return "folder" if self.folder is not None else self.topic or "mllp"


class Document(_Frozen):
    """A file of the connector's folder that anybody may read at `path`; `{base}` in it becomes the address by which the hub was asked."""

    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/_-]*$")]
    file: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.json$")]


class Reads(_Frozen):
    """A place where a client reads its own resources by the hub's id; `path` ends in `{id}`."""

    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/_-]*/\{id\}$")]
    type: Literal["ServiceRequest", "Task"]
    scope: str


class Manifest(_Frozen):
    """One connector. `emits` are the facts that its `translate` may give, `accepts` those that its `compose` can tell a recipient;
    `sends` the transports that carry what it composes; `reads` and `documents` what its clients find beside its listeners; what the door
    refuses `below` a path is said in its words; `score` says feature by feature how far it goes."""

    name: Annotated[str, _NAME]
    title: str
    direction: Literal["in", "out", "both"]
    transport: Literal["http", "mllp", "mail"]
    sends: tuple[Literal["webhook", "mllp", "kafka", "mail", "letter"], ...] = ()
    listeners: tuple[Listener, ...] = ()
    below: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/_-]+/$")] | None = None
    reads: tuple[Reads, ...] = ()
    documents: tuple[Document, ...] = ()
    content_types: tuple[str, ...]
    functions: frozenset[FunctionName]
    emits: frozenset[FactType] = frozenset()
    accepts: frozenset[FactType] = frozenset()
    score: dict[str, Progress]

    @model_validator(mode="after")
    def _fits_its_direction(self) -> Self:
        faults = [*_inbound_faults(self), *_outbound_faults(self)]
        if not self.score:
            faults.append("the score card is empty")
        if faults:
            raise ValueError("; ".join(faults))
        return self


def _inbound_faults(manifest: Manifest) -> list[str]:
    takes_in = manifest.direction != "out"
    faults = []
    if takes_in is not INBOUND.issubset(manifest.functions):
        faults.append(f"direction {manifest.direction} and functions identify, translate, answer do not fit")
    if not frozenset({"messages", "together"}) <= manifest.functions and any(one.many or one.folder for one in manifest.listeners):
        faults.append("a listener of many messages needs the functions messages and together")
    if takes_in is not bool(manifest.listeners) or takes_in is not bool(manifest.emits):
        faults.append(f"direction {manifest.direction} does not fit its listeners and emits")
    return faults


def _outbound_faults(manifest: Manifest) -> list[str]:
    sends = manifest.direction != "in"
    faults = []
    if sends is not OUTBOUND.issubset(manifest.functions):
        faults.append(f"direction {manifest.direction} and functions compose, judge do not fit")
    if sends is not bool(manifest.accepts) or sends is not bool(manifest.sends):
        faults.append(f"direction {manifest.direction} does not fit its accepts and sends")
    return faults


def read_manifest(written: str, folder: str) -> Manifest:
    """The manifest that stands in `folder`. Raises WrongManifest naming every key that is wrong, and when `name` is not the folder's."""
    try:
        manifest = Manifest.model_validate(tomllib.loads(written))
    except tomllib.TOMLDecodeError:
        raise WrongManifest(f"{folder}: is not TOML") from None
    except ValidationError as fault:
        wrong = "; ".join(f"{'.'.join(map(str, error['loc'])) or 'manifest'}: {error['msg']}" for error in fault.errors(include_input=False))
        raise WrongManifest(f"{folder}: {wrong}") from None
    if manifest.name != folder:
        raise WrongManifest(f"{folder}: name is {manifest.name}, which is not the folder's")
    return manifest
