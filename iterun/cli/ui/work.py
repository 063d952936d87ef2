"""One other thread for all that reads runs: keys are answered meanwhile."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Work:
    """The thread. Only one, since the index may hold its database in memory."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="ui")

    async def off(self, function: Callable[[], T]) -> T:
        """Call a function there."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, function)

    def close(self) -> None:
        """Let it end; what waits is not begun any more."""
        self.pool.shutdown(wait=False, cancel_futures=True)
