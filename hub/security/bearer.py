"""At the HTTP door: who asks, from the Authorization header alone, before a body is read."""

from __future__ import annotations

from dataclasses import dataclass

from hub.security.client import Client
from hub.security.clients import Clients
from hub.transports.http_messages import HttpHead, HttpReply, Refuse
from schemas.rejection import Reason


@dataclass(frozen=True, slots=True)
class Bearer:
    """The `authorize` of an HttpDoor: `Authorization: Bearer <key>`, sent once. Who is known and may not come here hears 403: that there is
    such a route is no secret. What a client may see *behind* a route is the route's to decide, and what it may not see is absent (404)."""

    clients: Clients
    refuse: Refuse

    def __call__(self, head: HttpHead) -> Client | HttpReply:
        """The client, or the answer that says why not."""
        client = self._known(head.all("authorization"))
        if client is None:
            return self.refuse(Reason.NOT_AUTHENTICATED, "Authorization", 401).and_headers((("www-authenticate", 'Bearer realm="hub"'),))
        if not client.may(head.route.access):
            return self.refuse(Reason.NOT_PERMITTED, "", 403)
        return client

    def _known(self, sent: tuple[str, ...]) -> Client | None:
        if len(sent) != 1:
            return None
        scheme, _, key = sent[0].partition(" ")
        return self.clients.by_key(key.strip()) if scheme.lower() == "bearer" else None
