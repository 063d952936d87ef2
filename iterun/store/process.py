"""Which process a run belongs to, and whether it is still there."""

import os
import time
from functools import lru_cache

from iterun.store.schema import Status

STALE = 60.0  #: seconds without a heartbeat after which a run elsewhere counts as gone
AHEAD = 86400.0  #: seconds that another machine's clock may be ahead; more is no clock


@lru_cache(maxsize=1)
def boot_id() -> str:
    """This boot of this machine and, on Linux, the PID namespace: where a PID means something."""
    if _has_proc():
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        return f"{boot}{os.readlink('/proc/self/ns/pid').removeprefix('pid')}"
    import socket

    import psutil

    return f"{socket.gethostname()}:{round(psutil.boot_time())}"


def start_ticks(pid: int) -> int | None:
    """When a process started, in hundredths of a second since boot; None if it is gone or dead."""
    if not _has_proc():
        import psutil

        try:
            return round(psutil.Process(pid).create_time() * 100)
        except psutil.Error:
            return None
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            after_name = file.read().rpartition(b")")[2].split()
    except (OSError, ValueError):
        return None
    # A killed process stays as a zombie until its parent looks; it writes no more.
    return None if after_name[0] in (b"Z", b"X") else int(after_name[19])


def own_status(state: str, *, attempt: int) -> Status:
    """A status that names this process."""
    import socket

    pid = os.getpid()
    return Status(
        state=state, pid=pid, host=socket.gethostname(), boot_id=boot_id(),
        start_ticks=start_ticks(pid) or 0, heartbeat=time.time(), attempt=attempt,
    )  # fmt: skip


def is_alive(status: Status, *, now: float | None = None) -> bool:
    """Whether the process that a status names is still there.

    On this boot of this machine the PID and its start decide; elsewhere a heartbeat of the last
    `STALE` seconds, or of a time to come that a wrong clock may show.
    """
    if status.boot_id == boot_id():
        return status.pid > 0 and start_ticks(status.pid) == status.start_ticks
    return -AHEAD < (time.time() if now is None else now) - status.heartbeat < STALE


def _has_proc() -> bool:
    return os.path.exists("/proc/self/ns/pid")
