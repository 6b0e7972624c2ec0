"""In reading: FHIR search at the door, by GET and by POST `_search`: one page of what is the client's own, as a searchset Bundle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from hub.ledger.database import Pool
from hub.ledger.sealing import Sealing
from hub.reading.search import Pairs, Search, read_search
from hub.transports.http_messages import HttpHead, HttpReply, HttpRequest, Respond
from schemas.fhir.strict_json import dump
from schemas.messages import InboundMessage
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import accept_faults, refusal_reply
from schemas.words import text

JsonObject = dict[str, Any]  # Any: FHIR JSON
Find = Callable[[Pool, Sealing, Search, str], Awaitable[tuple[list[JsonObject], str | None]]]
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 100


def searches(pool: Pool, sealing: Sealing, kind: str, find: Find, public: str | None = None) -> Respond:
    """Answers a search of one type. What is wrong with it is said all at once (400); an absent resource is simply not found."""

    async def respond(request: HttpRequest) -> HttpReply:
        try:
            search = read_search(kind, _asked(request))
        except Rejected as rejected:
            reply = refusal_reply(InboundMessage(b"", headers=request.head.joined), rejected, text("rest.search-refused"))
            return HttpReply(reply.status, b"".join(reply.parts), reply.content_type, reply.headers)
        found, following = await find(pool, sealing, search, request.sender.id)
        return HttpReply(200, dump(_searchset(f"{door_of(request.head, public)}/fhir", search, found, following)))

    return respond


def door_of(head: HttpHead, public: str | None) -> str:
    """Where the HTTP door is for whoever asked: the address that operations set, else the Host that was called."""
    return public or f"http://{head.joined.get('host', 'localhost')}"


def _asked(request: HttpRequest) -> Pairs:
    """The parameters, of the address and of a form. Raises Rejected."""
    faults = list(accept_faults(request.head.joined))
    if request.head.method == "GET":
        _refuse(faults)
        return request.head.query
    if request.head.joined.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        _refuse([*faults, Issue(Reason.UNSUPPORTED_MEDIA, "Content-Type", "rest.search-form")])
    try:
        form = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict") if request.body else []
    except ValueError:
        raise Rejected(Reason.INVALID, [*faults, Issue(Reason.INVALID, "", "rest.search-form")]) from None
    _refuse(faults)
    return (*request.head.query, *form)


def _refuse(faults: list[Issue]) -> None:
    if faults:
        raise Rejected(faults[0].reason, faults)


def _searchset(base: str, search: Search, found: list[JsonObject], following: str | None) -> JsonObject:
    own = f"{base}/{search.kind}"
    links = [{"relation": "self", "url": f"{own}?{search.query}" if search.query else own}]
    if following is not None:
        links.append({"relation": "next", "url": f"{own}?{following}"})
    entries = [{"fullUrl": f"{own}/{one['id']}", "resource": one, "search": {"mode": "match"}} for one in found]
    return {"resourceType": "Bundle", "type": "searchset", "link": links} | ({"entry": entries} if entries else {})
