"""Modules beside the tests can be imported: tests are not a package."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, __file__.rpartition("/")[0])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests of systems are long: CI has each system's golden run and resumed run besides."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.long)
