"""What every test may ask for: the stores of the run; which begin first; and the wall that lets no test skip."""

from __future__ import annotations

from tests.order import pytest_collection_modifyitems
from tests.skips import pytest_runtest_logreport, pytest_sessionfinish
from tests.stores import database, secured, stores, template, topic_prefix

__all__ = ["database", "pytest_collection_modifyitems", "pytest_runtest_logreport", "pytest_sessionfinish", "secured", "stores", "template", "topic_prefix"]
