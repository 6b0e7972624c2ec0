"""At the BaRS door, before the body is read: what the standard asks of the headers, every fault at once (BaRS API guide, headers)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from schemas.fhir.read import JsonObject, identifiers, string
from schemas.fhir.strict_json import Caps, parse
from schemas.messages import InboundMessage
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import Headers, accept_faults, content_faults, guid, media_types

WALES = "wales"
"""The dialect of a client that speaks as the Welsh eReferrals service does."""
OUR_VERSION = "1.4.0"
_ID_HEADERS = ("X-Request-Id", "X-Correlation-Id")
_OUR_VERSIONS = re.compile(r"1(?:\.[0-9]{1,3}){0,2}")
_LONGEST = 8_192
_CAPS = Caps(body=_LONGEST, depth=16, keys=200, string=2_048)
_TYPES = {
    "NHSD-Target-Identifier": None,
    "NHSD-End-User-Organisation": ("Organization",),
    "NHSD-Requesting-Software": ("Device",),
    "NHSD-Requesting-Practitioner": ("PractitionerRole", "Practitioner"),
}
_NEEDED = ("NHSD-Target-Identifier", "NHSD-End-User-Organisation", "NHSD-Requesting-Software")


def header_faults(headers: Headers, profile: Profile) -> Iterator[Issue]:
    """Everything that is wrong with the headers of one request; the order is that of the standard's own table."""
    for name in _ID_HEADERS:
        if not headers.get(name.lower(), "").strip():
            yield Issue(Reason.REQUIRED, name, "bars.header-missing", {"header": name})
        else:
            yield from _guid_faults(headers, name)
    for name in _TYPES:
        yield from _encoded_faults(headers, name)
    # HTTP itself always brings a Host: a message shown to `hub translate` has only the headers that the standard names
    if "content-type" in headers or "host" in headers:
        yield from content_faults(headers)
    yield from accept_faults(headers)
    yield from _version_faults(headers)
    if WALES in profile.dialect and not headers.get("use-context", "").strip():
        yield Issue(Reason.REQUIRED, "use-context", "bars.header-missing", {"header": "use-context"})


def asked_version(message: InboundMessage) -> str:
    """The BaRS version in which the sender wants its answer: what Accept names, else ours."""
    named = (kind.parameters.get("version", "") for kind in media_types((message.headers or {}).get("accept", "")))
    return next((version for version in named if _OUR_VERSIONS.fullmatch(version)), OUR_VERSION)


def is_our_version(version: str) -> bool:
    """Whether a BaRS version is one that the hub reads: any 1.x, pre-releases too."""
    return bool(_OUR_VERSIONS.fullmatch(version.strip().partition("-")[0]))


def journey(message: InboundMessage) -> str | None:
    """X-Correlation-Id; None when it is absent or no GUID."""
    try:
        return guid(message.headers or {}, "X-Correlation-Id")
    except Rejected:
        return None


def end_user_organisation(message: InboundMessage) -> JsonObject:
    """The Organization that the sender's header names; empty when it says none."""
    try:
        return decoded((message.headers or {}).get("nhsd-end-user-organisation", ""))
    except Rejected:
        return {}


def decoded(value: str) -> JsonObject:
    """The JSON object in a header: base64, padded or not, of either alphabet, with white space anywhere. Raises Rejected (invalid)."""
    plain = "".join(value.split()).rstrip("=").translate(_ALPHABETS)
    if plain and len(plain) <= _LONGEST:
        try:
            return parse(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True), _CAPS)
        except (binascii.Error, ValueError, Rejected):
            pass
    raise Rejected(Reason.INVALID, [Issue(Reason.INVALID, "header")])


_ALPHABETS = str.maketrans("-_", "+/")


def _guid_faults(headers: Headers, name: str) -> Iterator[Issue]:
    try:
        guid(headers, name)
    except Rejected as fault:
        yield from fault.issues


def _encoded_faults(headers: Headers, name: str) -> Iterator[Issue]:
    sent = headers.get(name.lower(), "")
    if not sent.strip():
        if name in _NEEDED:
            yield Issue(Reason.REQUIRED, name, "bars.header-missing", {"header": name})
        return
    try:
        found = decoded(sent)
    except Rejected:
        yield Issue(Reason.INVALID, name, "bars.header-base64", {"header": name})
        return
    wanted = _TYPES[name]
    if wanted is None:
        if not (string(found, "value") and string(found, "system")):
            yield Issue(Reason.INVALID, name, "bars.header-target", {"header": name})
    elif found.get("resourceType") not in wanted:
        yield Issue(Reason.INVALID, name, "bars.header-resource", {"header": name, "wanted": wanted[0]})
    elif wanted == ("Organization",) and next(identifiers(found, ""), None) is None:
        yield Issue(Reason.INVALID, name, "bars.header-organisation", {"header": name})


def _version_faults(headers: Headers) -> Iterator[Issue]:
    """One of the media types that Accept allows must be of BaRS 1.x, or of no version at all."""
    versions = [kind.parameters.get("version", "1") for kind in media_types(headers.get("accept", ""))]
    if versions and not any(_OUR_VERSIONS.fullmatch(version) for version in versions):
        yield Issue(Reason.NOT_ACCEPTABLE, "Accept", "bars.accept-version")
