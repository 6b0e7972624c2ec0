"""In reading: what a connector's clients find beside its listeners, as its manifest says: their own resources, and files of its folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from uuid import UUID

from hub.errors import Misconfigured
from hub.ledger.database import Pool
from hub.ledger.sealing import Sealing
from hub.reading.resources import read_request, read_task
from hub.reading.searching import door_of
from hub.registry import Registered, Registry
from hub.security.scopes import Open, Scope
from hub.transports.http_messages import Dress, HttpReply, HttpRequest, Respond, Route
from schemas.fhir.strict_json import dump
from schemas.manifest import Document, Reads
from schemas.messages import InboundMessage
from schemas.rejection import Issue, Reason, Rejected

_READ = {"ServiceRequest": read_request, "Task": read_task}


def routes(registry: Registry, pool: Pool, sealing: Sealing, public: str | None = None) -> Iterator[Route]:
    """One route for each place; `public` as in `hub.reading.routes`. Raises Misconfigured for a file that is not in the connector's folder."""
    for name in registry.names:
        found = registry[name]
        for reads in found.manifest.reads:
            yield Route("GET", reads.path, _reads(found, reads, pool, sealing), Scope(reads.scope))
        for document in found.manifest.documents:
            yield Route("GET", document.path, _document(found, document, public), Open.TO_ALL)


def _reads(found: Registered, reads: Reads, pool: Pool, sealing: Sealing) -> Respond:
    """What is absent, or another's, is refused in the connector's own words: the same bytes for both."""

    async def respond(request: HttpRequest) -> HttpReply:
        try:
            wanted = UUID(request.head.params["id"])
        except ValueError:
            return _absent(found, request)
        resource = await _READ[reads.type](pool, sealing, wanted, request.sender.id)
        if resource is None:
            return _absent(found, request)
        return HttpReply(200, dump(resource), headers=(("ETag", f'W/"{resource["meta"]["versionId"]}"'),))

    return respond


def _absent(found: Registered, request: HttpRequest) -> HttpReply:
    message = InboundMessage(b"", f"GET {request.head.route.path}", request.head.joined)
    reply = found.connector.answer(message, Rejected(Reason.NOT_FOUND, [Issue(Reason.NOT_FOUND, "")]))
    return HttpReply(reply.status, b"".join(reply.parts), reply.content_type, reply.headers)


def _document(found: Registered, document: Document, public: str | None) -> Respond:
    try:
        written = files(f"{found.package}.{found.manifest.name}").joinpath(document.file).read_text("utf-8")
    except OSError:
        raise Misconfigured(f"The connector {found.manifest.name} names {document.file}, which is not in its folder.") from None
    below = document.path.rpartition("/")[0]

    async def respond(request: HttpRequest) -> HttpReply:
        return HttpReply(200, written.replace("{base}", f"{door_of(request.head, public)}{below}").encode())

    return respond


def worded(registry: Registry) -> Dress:
    """What the door refuses before a connector is asked, in the words of the connector below whose path it happened; else as it is."""
    own = [(found.manifest.below, found) for name in registry.names if (found := registry[name]).manifest.below is not None]

    def dress(path: str, reason: Reason, reply: HttpReply) -> HttpReply:
        found = next((one for below, one in own if path.startswith(below or "")), None)
        if found is None:
            return reply
        said = found.connector.answer(InboundMessage(b"", "", {}), Rejected(reason, [Issue(reason, "")]))
        return replace(reply, body=b"".join(said.parts), content_type=said.content_type)

    return dress
