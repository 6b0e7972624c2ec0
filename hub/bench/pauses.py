"""Beside the flow: what a pause costs on this machine: the same work on one core, at once and after waiting, with nothing else to do.

A door with one connection waits between any two referrals. On a virtual machine the processor's caches and clock are gone by then, and
the same code takes longer; this says how much, so that a rate at one connection can be read.
"""

from __future__ import annotations

import gc
import statistics
import time
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from connectors.fhir_rest import connector
from hub.bench.figures import Row
from hub.bench.referrals import referrals
from hub.deciding.policy import load_policy
from hub.intake.creation import Arrival, Maker
from hub.ledger.sealing import Sealing
from hub.places import Places
from schemas.messages import InboundMessage

PAUSES = (0.0, 0.003, 0.01)
_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_EACH = 200


def pauses() -> list[Row]:
    """For each pause: translate and make `_EACH` referrals, median milliseconds a referral, and how many times as long as without a pause."""
    maker = Maker(load_policy(), Places.load(None), Sealing.from_secret(bytes(range(32))))
    asked = list(islice(referrals(11), _EACH))
    for key, body in asked:
        _translate_and_make(maker, key, body)
    gc.collect()
    gc.freeze()
    found = [(pause, _median(maker, asked, pause)) for pause in PAUSES]
    gc.unfreeze()
    return [{"pause_ms": 1000 * pause, "translate_and_make_ms": round(took, 3), "times_as_long": round(took / found[0][1], 2)} for pause, took in found]


def _median(maker: Maker, asked: list[tuple[str, bytes]], pause: float) -> float:
    times = []
    for key, body in asked:
        time.sleep(pause)
        started = time.perf_counter()
        _translate_and_make(maker, key, body)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def _translate_and_make(maker: Maker, key: str, body: bytes) -> None:
    headers = {"content-type": "application/fhir+json", "x-request-id": key}
    message = InboundMessage(body, "POST /fhir/ServiceRequest", headers, received_at=_AT, client="bench")
    fact = connector.translate(message).facts[0]
    maker.make(Arrival("bench", "fhir_rest", key, _AT, body), fact, UUID(key))
