"""Beside the flow, in conformance: the cases of a sender of plain FHIR, in the order in which they are played."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from hub.conformance.asking import LARGEST, MARKER, Request, Sender, as_bytes, referral

Make = Callable[[Sender], Request]


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its name (words under `conformance.case.<name>`), what is sent, which statuses are right and what the answer shows.

    `offers` is what the capability statement must name for the case to be played (`ServiceRequest.update`); `times` how often it is sent at once.
    """

    name: str
    make: Make
    statuses: Sequence[int]
    shows: Sequence[str] = ()
    offers: str | None = None
    times: int = 1

    @property
    def expected(self) -> str:
        """As the table says it."""
        return "; ".join([" or ".join(map(str, self.statuses)), *self.shows])


def _post(number: int, key: str | None = None, /, **changes: object) -> Make:
    """A referral with changes; `key` names its request id, so that another case can use it again."""

    def make(sender: Sender) -> Request:
        return Request(body=as_bytes(referral(sender, number, **changes)), headers={"X-Request-Id": sender.request_id(key)} if key else {})

    return make


def _raw(body: bytes, **headers: str | None) -> Make:
    return lambda _sender: Request(body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _headers(number: int, **headers: str | None) -> Make:
    def make(sender: Sender) -> Request:
        return Request(body=as_bytes(referral(sender, number)), headers={name.replace("_", "-"): value for name, value in headers.items()})

    return make


def _get(path: str) -> Make:
    return lambda _sender: Request("GET", path)


def _update(version: str | None) -> Make:
    def make(sender: Sender) -> Request:
        body = referral(sender, 1, id=sender.location.rpartition("/")[2])
        return Request("PUT", sender.location, as_bytes(body), {"If-Match": version})

    return make


_REFUSED = ("OperationOutcome", "ids echoed", "English and Welsh", "nothing said back")
_SAID = {"note": [{"text": MARKER}]}
_NOBODY = "urn:uuid:00000000-0000-4000-8000-000000000000"
_XML = f'<ServiceRequest xmlns="http://hl7.org/fhir"><note><text value="{MARKER}"/></note></ServiceRequest>'.encode()
_MODIFIER = [{"url": "https://example.wales/unknown-modifier", "valueBoolean": True}]

FHIR_REST: Sequence[Case] = (
    Case("capability", lambda _sender: Request("GET", "/fhir/metadata", with_key=False), (200,), ("FHIR 4.0.1",)),
    Case("create", _post(1, "create"), (201,), ("Location", "ETag", "OperationOutcome", "ids echoed", "English and Welsh")),
    Case("repeat", _post(1, "create"), (201,), ("the first answer", "ids echoed")),
    Case("reused", _post(2, "create", **_SAID), (422,), _REFUSED),
    Case("read", lambda sender: Request("GET", sender.location), (200,), ("ETag", "ŵ and ŷ as sent", "no-store")),
    Case("three-faults", _post(3, "corrected", status="lively", intent="maybe", subject={"display": MARKER}), (400, 422), ("all three paths", *_REFUSED)),
    Case("correction", _post(3, "corrected"), (201,), ("Location",)),
    Case("at-once", _post(4, "at-once"), (201, 503), (), None, 5),
    Case("no-nhs-number", _post(5, subject={"reference": "#p"}, contained=[{"resourceType": "Patient", "id": "p", "name": [{"family": "Prawf"}],
         "telecom": [{"system": "phone", "value": "029 2018 0000"}]}]), (201,), ("Location",)),
    Case("unknown-element", _post(6, favouriteColour="coch"), (201,), ("Location", "OperationOutcome")),
    Case("strict", lambda sender: Request(body=as_bytes(referral(sender, 7, favouriteColour=MARKER)), headers={"Prefer": "handling=strict"}), (400,), _REFUSED),
    Case("no-key", lambda sender: Request(body=as_bytes(referral(sender, 8, **_SAID)), with_key=False), (401,), ("WWW-Authenticate", "nothing said back")),
    Case("wrong-key", lambda sender: Request(body=as_bytes(referral(sender, 8, **_SAID)), with_key="hub_nobody_" + 43 * "A"), (401,), ("nothing said back",)),
    Case("not-yours", lambda _sender: Request("GET", f"/fhir/ServiceRequest/{uuid4()}"), (404,), ("OperationOutcome",)),
    Case("no-request-id", _headers(9, X_Request_Id=None), (400,), _REFUSED),
    Case("wrong-request-id", _headers(9, X_Request_Id="17"), (400,), _REFUSED),
    Case("media-type", _raw(_XML, Content_Type="application/fhir+xml"), (415,), _REFUSED),
    Case("accept", _headers(9, Accept="application/fhir+xml"), (406,), _REFUSED),
    Case("other-release", _headers(9, Content_Type="application/fhir+json; fhirVersion=5.0"), (415, 422), _REFUSED),
    Case("not-json", _raw(b"{'family': '" + MARKER.encode() + b"'}"), (400,), _REFUSED),
    Case("key-twice", _raw(b'{"resourceType": "ServiceRequest", "status": "active", "status": "revoked", "x": "' + MARKER.encode() + b'"}'), (400,), _REFUSED),
    Case("too-deep", _raw(b'{"a":' * 2_000 + b"1" + b"}" * 2_000), (400,), _REFUSED),
    Case("too-large", _raw(b'{"a":"' + b"x" * LARGEST + b'"}'), (413,), ("OperationOutcome",)),
    Case("other-type", _raw(as_bytes({"resourceType": "Observation", "valueString": MARKER})), (400, 422), _REFUSED),
    Case("modifier", _post(10, modifierExtension=_MODIFIER, **_SAID), (422,), _REFUSED),
    Case("other-service", _post(11, code={"text": "Cardiology"}, **_SAID), (422,), _REFUSED),
    Case("unresolved", _post(12, requester={"reference": _NOBODY}, **_SAID), (422,), _REFUSED),
    Case("nobody", _post(13, subject={"display": MARKER}, contained=None), (422,), _REFUSED),
    Case("method", lambda _sender: Request("DELETE", "/fhir/ServiceRequest"), (405,), ("Allow", "OperationOutcome")),
    Case("no-such-place", _get("/fhir/NoSuchPlace"), (404,), ("OperationOutcome",)),
    Case("update-without-version", _update(None), (428,), ("OperationOutcome",), "ServiceRequest.update"),
    Case("stale-update", _update('W/"999999"'), (412,), ("OperationOutcome",), "ServiceRequest.update"),
)  # fmt: skip

SUITES = {"fhir_rest": FHIR_REST}
