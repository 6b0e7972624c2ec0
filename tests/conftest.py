"""What every test may ask for: the stores of the run."""

from __future__ import annotations

from tests.stores import database, stores, template, topic_prefix

__all__ = ["database", "stores", "template", "topic_prefix"]
