"""What every test may ask for: the stores of the run; and the wall that lets no test skip."""

from __future__ import annotations

from tests.skips import pytest_runtest_logreport, pytest_sessionfinish
from tests.stores import database, secured, stores, template, topic_prefix

__all__ = ["database", "pytest_runtest_logreport", "pytest_sessionfinish", "secured", "stores", "template", "topic_prefix"]
