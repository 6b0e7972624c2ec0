"""A receiver's HTTP answer means one of three things, and what a webhook says is the same at every attempt."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from schemas.events import FactType
from schemas.messages import Delivered, Notice, ReceiverReply, Refused, TryAgain, Verdict
from schemas.rejection import Reason
from schemas.webhook import bare_task, judged, webhook
from schemas.words import Text

DATE = "Mon, 02 Mar 2026 09:00:00 GMT"
GONE = Refused(Reason.DELIVERY_REFUSED, disable=True)
NEVER = Refused(Reason.DELIVERY_REFUSED)


@pytest.mark.parametrize(
    ("status", "headers", "verdict"),
    [
        (200, {}, Delivered()),
        (204, {}, Delivered()),
        (299, {}, Delivered()),
        (301, {"Location": "http://169.254.169.254/"}, TryAgain()),  # never followed, so it was not delivered
        (307, {}, TryAgain()),
        (400, {}, NEVER),
        (401, {}, NEVER),
        (404, {}, NEVER),
        (408, {}, TryAgain()),
        (410, {}, GONE),  # its endpoint is gone
        (422, {}, NEVER),
        (429, {"Retry-After": "3600"}, TryAgain(3600)),
        (429, {"retry-after": " 17 "}, TryAgain(17)),
        (429, {"Retry-After": "-5"}, TryAgain()),  # nonsense is no pause
        (429, {"Retry-After": "soon"}, TryAgain()),
        (429, {"Retry-After": "٣"}, TryAgain()),  # a digit, but not of HTTP
        (429, {"Retry-After": "315360000"}, TryAgain(86_400)),  # ten years; a day at most
        (429, {"Retry-After": "9" * 40}, TryAgain(86_400)),
        (503, {"Retry-After": "Mon, 02 Mar 2026 09:10:00 GMT", "Date": DATE}, TryAgain(600)),
        (503, {"Retry-After": "Mon, 02 Mar 2026 08:00:00 GMT", "Date": DATE}, TryAgain()),  # past already
        (503, {"Retry-After": "Mon, 02 Mar 2036 09:00:00 GMT", "Date": DATE}, TryAgain(86_400)),
        (503, {"Retry-After": "Mon, 02 Mar 2026 09:10:00 GMT"}, TryAgain()),  # counted from what?
        (502, {}, TryAgain()),
        (500, {"Retry-After": "60"}, TryAgain()),
        (100, {}, TryAgain()),
        (None, {}, TryAgain()),  # no answer at all
    ],
)
def test_an_answer_means(status: int | None, headers: dict[str, str], verdict: Verdict) -> None:
    assert judged(ReceiverReply(status, b'{"error": "2xx with an error in its body is delivered all the same"}', headers)) == verdict


def test_a_webhook_is_typed_dated_and_keyed_by_its_notice() -> None:
    when = datetime(2026, 7, 2, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    notice = Notice("n-1", FactType.ACCEPTED, "r", "REF", 3, Text("en", "cy"), when, {})
    made = webhook(notice, {"a": 1})
    assert made.key == "n-1"
    assert made == webhook(notice, {"a": 1})
    assert json.loads(made.body) == {"type": "referral.accepted.v1", "timestamp": "2026-07-02T09:00:00.000Z", "data": {"a": 1}}
    assert datetime.fromisoformat(json.loads(made.body)["timestamp"]) == when.astimezone(UTC)


def test_a_bare_task_holds_no_more_than_is_named() -> None:
    assert bare_task({"id": "1", "for": {"display": "x"}, "note": []}, frozenset({"id", "status"})) == {"id": "1"}
