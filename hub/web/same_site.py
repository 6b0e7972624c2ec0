"""At the form's door: whether a page of ours sent it, by what the browser itself says. No cookie is needed for that, and none is set."""

from __future__ import annotations

from urllib.parse import urlsplit

from hub.transports.http_messages import HttpHead


def from_our_page(head: HttpHead, public_url: str | None = None) -> bool:
    """False where the browser says that another site's page sent it. Sec-Fetch-Site decides where it is sent; an older browser's Origin must
    name our host, or that of `public_url` (a proxy may call the door by another name); with neither there is nothing to go by, and the page's
    own token must do."""
    headers = head.joined
    said = headers.get("sec-fetch-site")
    if said is not None:
        return said in ("same-origin", "none")
    origin = headers.get("origin")
    ours = {headers.get("host", "").lower(), urlsplit(public_url or "").netloc.lower()} - {""}
    return origin is None or urlsplit(origin).netloc.lower() in ours
