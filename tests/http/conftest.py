"""The same running door as the conformance tests have."""

from __future__ import annotations

from tests.hub.conformance.conftest import deployment

__all__ = ["deployment"]
