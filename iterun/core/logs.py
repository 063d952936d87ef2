"""What libraries and iterun itself log during a run goes to its log.txt."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from iterun.errors import DiskError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _ToRun(logging.Handler):
    """Hands formatted records on; a full disk is noticed where numbers are written, not here."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._write = write
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(DiskError):
            self._write(self.format(record))


@contextlib.contextmanager
def logged_to(write: Callable[[str], None]) -> Iterator[None]:
    """Send warnings and errors of all loggers to `write` while the context is open."""
    handler = _ToRun(write)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
