"""The stage that answers questions: FHIR read of a client's own ServiceRequests and Tasks, the capability statement, health, metrics."""

from __future__ import annotations

from hub.reading.routes import routes

__all__ = ["routes"]
