"""Users that programs run as where we are root, and how many tasks a user has."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

from iterun.errors import IterunError

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST, MANY = 47_000, 512  # numbers of users that systems don't give out by themselves


@contextlib.contextmanager
def unused_user() -> Iterator[int]:
    """A user number that no account and no other sandbox of this machine has meanwhile.

    With a user of its own a program can't signal another's processes, the kernel counts its
    processes apart, and all of them can be ended at once, wherever they hide.
    """
    import pwd
    import socket

    known = {entry.pw_uid for entry in pwd.getpwall()}
    for uid in range(FIRST, FIRST + MANY):
        if uid in known:
            continue
        # A name that one process of this machine can have at a time, and that dies with it.
        with socket.socket(socket.AF_UNIX) as claim:
            try:
                claim.bind(f"\0iterun-sandbox-user-{uid}")
            except OSError:
                continue
            yield uid
            return
    raise IterunError(
        f"sandbox.level=rlimits found no free user number from {FIRST} to {FIRST + MANY - 1}",
        hint="start fewer runs at once, or install bubblewrap",
    )


def end_all_of(uid: int) -> None:
    """Kill all processes of an `unused_user` at once; one that forks all the time gets none away.

    A shell of that user does it: what it may signal by `-1` is its own user's, and nobody else's.
    """
    if tasks_of(uid):
        command = ["/bin/sh", "-c", f'test "$(id -u)" = {uid} && kill -9 -1']
        subprocess.run(command, user=uid, group=uid, extra_groups=[], cwd="/", check=False)


def tasks_of(uid: int) -> int:
    """Processes and threads that the kernel counts for a user; an upper bound outside Linux."""
    if not os.path.isdir("/proc/self/task"):
        import psutil

        return len(psutil.pids())
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):  # it has ended
                if os.stat(f"/proc/{name}").st_uid == uid:
                    total += os.stat(f"/proc/{name}/task").st_nlink - 2
    return total
