"""What the forked processes of these tests do; each function returns an exit status."""

import os
import signal
import threading
from pathlib import Path

import torch
from core_procedures import Everything, Slow, attempt, die_at, record

from iterun.store import copy

ALWAYS = {"share": None, "last": 2}
assert torch.get_num_threads() == 1


def everything(directory, kill_at=None, count_to=None, checkpoint=ALWAYS):
    """The run, killed at a call that touches the disk."""
    deadly = die_at(kill_at, count_to)
    next(deadly)
    outcome = attempt(Everything(), directory, checkpoint=checkpoint)
    next(deadly)
    return outcome.exit_status


def inner(directory, kill_at=None):
    """A run with safe points inside its iterations, killed at a call that touches the disk."""
    deadly = die_at(kill_at)
    next(deadly)
    outcome = attempt(Slow(to=3, safe=True), directory, checkpoint=ALWAYS)
    next(deadly)
    return outcome.exit_status


def torn_line(directory, at):
    """The run, killed after half of the line of iteration `at` is written."""
    whole = os.write

    def half(fd, data):
        if bytes(data).startswith(b'{"i":%d,"time"' % at):
            whole(fd, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(fd, data)

    os.write = half
    return everything(directory)


def without_end(directory):
    """Runs until it is killed from outside."""
    return attempt(Everything(to=1_000_000), directory, checkpoint=ALWAYS).exit_status


def signalled(directory, number, at=(3, 2), safe=False, grace=10.0, times=1):
    """A signal comes inside iteration at[0] before tick at[1] is done."""

    def hook(i, j):
        if (i, j) == tuple(at):
            for _ in range(times):
                os.kill(os.getpid(), number)

    procedure = Slow(to=6, hook=hook, safe=safe)
    return attempt(procedure, directory, checkpoint={"grace": grace, "share": None}).exit_status


def stuck(directory, ready):
    """Sits in native code that never looks for signals, as a long matrix product does."""

    def hook(i, j):
        blocked = threading.Lock()
        blocked.acquire()
        signal.pthread_sigmask(signal.SIG_BLOCK, [])
        Path(ready).write_text("")
        while True:
            _deaf(blocked)

    return attempt(Slow(to=6, hook=hook), directory).exit_status


def _deaf(lock):
    """One call that runs for seconds without giving Python a chance to run a handler."""
    a = torch.rand(1500, 1500)
    torch.linalg.matrix_power(a, 2**40)


def forking(source, directory, kill_at):
    """The beginning of a fork of `source`, killed at a call that touches the disk."""
    own = record(id="fork0001", parent={"run": "abcd1234", "iteration": 5})
    deadly = die_at(kill_at)
    next(deadly)
    with copy.appearing(Path(directory)) as part:
        copy.prefix(Path(source), 5, part)
        copy.write_record(part, record=own, config={"task": {"_target_": "x.Y", "to": 8}})
    next(deadly)
    return 0
