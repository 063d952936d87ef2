"""The modules beside the tests, and a server that fails as it is told to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, __file__.rpartition("/")[0])  # tests are not a package

import fault_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[fault_server.Server]:
    with fault_server.serving() as running:
        yield running
