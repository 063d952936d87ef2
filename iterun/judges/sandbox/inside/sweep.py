"""Ending all that a program started, and seeing what it takes while it runs."""

from __future__ import annotations

import os
import signal
import sys

from iterun.judges.sandbox.inside import rights

TYPE_CHECKING = False  # not typing's: it takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Iterator


def kill(child: int, how: str) -> None:
    """End a child; in a namespace all of its kind at once, before they are more."""
    if how == "namespace":
        _end_all_others()
    else:
        _kill(child)


def all_that_is_left(child: int, how: str, uid: int | None) -> None:
    """End and reap every process of the program.

    Args:
        child: the first of them; it led a session, and may be gone.
        how: "namespace": all processes of this namespace, whose first this one must be; "user": all
            of the user `uid`, which nobody else is; "children": all descendants, which works
            while orphans become ours (Linux) and else reaches those that stayed in their group.
        uid: of how="user".
    """
    if how == "namespace":
        _end_all_others()
    elif uid is not None:
        _end_all_of(uid)
    else:
        _kill(-child)  # its group
        _end_descendants()
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _end_all_others() -> None:
    if os.getpid() != 1:
        raise RuntimeError("not the first process of a namespace: this would end everything")
    _kill(-1)


def _end_all_of(uid: int) -> None:
    child = os.fork()
    if child == 0:
        try:
            rights.become(uid)
            if os.getuid() == uid != 0:
                os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # it, or all of them, have ended


def _end_descendants() -> None:
    """Until none is left: one that forks all the time is caught in some round."""
    if sys.platform != "linux":
        return
    while found := list(_descendants(os.getpid())):
        for pid in found:
            _kill(pid)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return


def _descendants(pid: int) -> Iterator[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = [int(word) for word in file.read().split()]
    except OSError:
        return
    for child in children:
        yield child
        yield from _descendants(child)


def excess(processes: int, memory: int) -> str:
    """What a namespace's processes take too much of: "processes", "memory" or nothing.

    The memory is the sum of what each holds, shared pages counted for each, without files.
    """
    pids = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]
    if len(pids) > processes:
        return "processes"
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm") as file:
                _, resident, shared = file.read().split()[:3]
        except OSError:
            continue  # it has ended
        total += int(resident) - int(shared)
    return "memory" if total * os.sysconf("SC_PAGE_SIZE") > memory else ""
