"""For all tests: a cache of their own, and what a shell may have taken from this process."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# A shell without job control starts what runs in its background with Ctrl-C ignored, and so would
# every process that a test starts be.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Models that runs train or convert are made once a session, and are none of the user's.

    A folder named in ITERUN_CACHE is taken instead, and keeps them from one session to the next.
    """
    with pytest.MonkeyPatch.context() as patch:
        if not os.environ.get("ITERUN_CACHE"):
            base = tmp_path_factory.getbasetemp()
            of_all = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
            patch.setenv("ITERUN_CACHE", str(of_all / "cache"))
        yield
