"""Memory: how much was used at most, how to give it back, what to say when it was not enough."""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from iterun.errors import IterunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch


def peak_mem_mb(device: torch.device) -> float:
    """The most memory in use so far, MB: the card's by this process, else of the whole process."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device) / 1e6
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 1e6
    import resource

    if (own := _high_water()) is not None:
        return own / 1e6
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _high_water() -> int | None:
    """Bytes that this program held at most; None: the system does not say.

    What getrusage gives counts the process that started this one too, as it was then.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(words[1]) * 1024 for words in lines if len(words) == 3), None)


def give_back() -> None:
    """Give freed memory back to the system.

    glibc takes pieces of up to 32 MB from its heap and keeps the holes they leave: blocks of a
    model that come and go fill more and more of it (measured: a gigabyte after 24 of 50 MB).
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library
        return
    trim(0)


@contextmanager
def out_of_memory_hint(device: torch.device, hint: str) -> Iterator[None]:
    """Turn torch's error into one that says what to type.

    Raises:
        IterunError: the device's memory is full.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise IterunError(f"the memory of {device} is full", hint=hint) from error
