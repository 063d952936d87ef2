"""What libraries log during a run goes to its log.txt; what iterun warns of, to the user too."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from iterun.errors import DiskError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _ToRun(logging.Handler):
    """Hands formatted records on; a full disk is noticed where numbers are written, not here."""

    def __init__(self, write: Callable[[str], None], warn: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._write, self._warn = write, warn
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(DiskError):
            if record.name.startswith("iterun."):
                self._warn(record.getMessage())
            else:
                self._write(self.format(record))


@contextlib.contextmanager
def logged_to(write: Callable[[str], None], warn: Callable[[str], None]) -> Iterator[None]:
    """Hand on the warnings and errors of all loggers while the context is open.

    Args:
        write: takes those of libraries.
        warn: takes those of iterun's own modules, which have no run to tell them to: a remark.
    """
    handler = _ToRun(write, warn)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
