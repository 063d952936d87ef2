"""A sandbox of each level that this machine offers."""

from __future__ import annotations

import sys

import pytest

from iterun.judges.sandbox import Sandbox, open_sandbox
from iterun.judges.sandbox.levels import LEVELS, Level
from iterun.judges.sandbox.opening import why_not

sys.path.insert(0, __file__.rpartition("/")[0])


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """The strongest level, with time enough for a busy machine."""
    return open_sandbox(timeout=20)


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> Level:
    """Each level in turn; one that can't be had here is skipped with the reason."""
    found: Level = request.param
    if reason := why_not(found):
        pytest.skip(f"sandbox.level={found}: {reason}")
    return found
