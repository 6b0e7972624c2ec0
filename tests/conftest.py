"""What every test may ask for: the stores of the run; which begin first; and the wall that lets no test skip."""

from __future__ import annotations

from tests.order import pytest_collection_modifyitems
from tests.skips import pytest_runtest_logreport, pytest_sessionfinish
from tests.stores import database, databases, secured, stores, template, topic_prefix
from tests.stores_of_run import pytest_configure, pytest_configure_node, pytest_unconfigure

__all__ = [
    "database",
    "databases",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_runtest_logreport",
    "pytest_sessionfinish",
    "pytest_unconfigure",
    "secured",
    "stores",
    "template",
    "topic_prefix",
]
