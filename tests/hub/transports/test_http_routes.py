"""Which route a path meets: as it was sent, but for the dollar of FHIR's operations."""

from __future__ import annotations

import pytest

from hub.security.scopes import Open
from hub.transports.http_messages import HttpReply, HttpRequest, Route
from hub.transports.http_routes import Met, RouteTable


async def _respond(_request: HttpRequest) -> HttpReply:
    return HttpReply(200)


TABLE = RouteTable([Route("POST", path, _respond, Open.TO_ALL) for path in ("/bars/FHIR/R4/$process-message", "/fhir/Task/{id}", "/fhir")])
PATHS = [
    ("/bars/FHIR/R4/$process-message", True),
    ("/bars/FHIR/R4/%24process-message", True),  # as many HTTP clients write it
    ("/bars/FHIR/R4/%2524process-message", False),
    ("/bars/FHIR/r4/$process-message", False),
    ("/bars//FHIR/R4/$process-message", False),
    ("/bars/FHIR/R4/$process-message/", False),
    ("/fhir/Task/a", True),
    ("/fhir/Task/..%2fadmin", False),
    ("/fhir/Task/", False),
    ("/%66hir", False),
]


@pytest.mark.parametrize(("path", "met"), PATHS)
def test_a_path_meets_its_route_as_it_was_sent(path: str, met: bool) -> None:
    assert isinstance(TABLE.find("POST", path), Met) is met
