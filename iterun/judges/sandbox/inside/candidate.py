"""One program and one test of it, in a process that ends with them."""

from __future__ import annotations

import errno
import os
import resource
import sys
from types import ModuleType

from iterun.judges.sandbox.inside import rights

TYPE_CHECKING = False  # not typing's: it takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, NoReturn

PROGRAM = "<program>"
TEXT = 2000  # characters kept of an error
FAILURES = {s + kind for s in ("", "load-") for kind in ("fail", "memory", "forbidden")}
# Held here: the program may replace what `os` and `builtins` hold.
_read, _write, _exit, _pid = os.read, os.write, os._exit, os.getpid
_compile, _exec = compile, exec
_REFUSED = (PermissionError, BlockingIOError)  # BlockingIOError: no more processes
_FORBIDDEN = {errno.EROFS, errno.EFBIG, errno.EMFILE, errno.ENOSPC, errno.ENETUNREACH}


def play(job: dict[str, Any], number: int, *, seconds: int, word: int, told: int) -> NoReturn:
    """Run the program, then its test or call, and tell the guard how it went.

    Told is one of `pass`, `value`, `fail`, `memory`, `forbidden`, with `load-` in front where the
    program didn't get as far as its test. What passed is told with the random word in front; the
    guard gives it through a pipe, so that the program's memory doesn't hold it while it runs.

    Args:
        job: see `guard`.
        number: of the test or input.
        seconds: of CPU time.
        word: descriptor to read the word from.
        told: descriptor to write to.
    """
    kind, text = "fail", ""
    own = _pid()
    try:
        caller = _caller() if job["entry"] else None
        _confine(job, seconds, keep={word, told, *job["kept_fds"]})
        kind, text = _outcome(job, number, caller)
        _flush()
        if _pid() != own:
            _exit(0)  # a fork of the program's has come here too: it isn't asked
        if kind in ("pass", "value"):
            _send(told, _read(word, 64) + b"\n")
        _send(told, f"{kind}\n".encode() + text.encode(errors="backslashreplace"))
    finally:
        _exit(0)  # at once: threads, exit functions and finalizers of the program don't run


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001  it may be the program's by now
        return


def _send(descriptor: int, data: bytes) -> None:
    while data:
        data = data[_write(descriptor, data) :]


def _confine(job: dict[str, Any], seconds: int, keep: set[int]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 2)
    below = 3
    for descriptor in sorted(keep):
        os.closerange(below, descriptor)
        below = descriptor + 1
    os.closerange(below, 4096)
    os.setsid()
    if hasattr(os, "SCHED_BATCH"):  # no less time, but the guard comes first when it wakes
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    limits = {
        "CPU": (seconds, seconds + 1),
        "AS": (job["memory"],) * 2,
        "FSIZE": (job["file"],) * 2,
        "NOFILE": (64,) * 2,
        "CORE": (0, 0),
    }
    if job["tasks"] is not None:
        limits["NPROC"] = (job["tasks"],) * 2
    for name, (soft, hard) in limits.items():
        _limit(getattr(resource, f"RLIMIT_{name}"), soft, hard)
    if job["uid"] is not None:
        rights.become(job["uid"])
    for name in [name for name in sys.modules if name.partition(".")[0] == "iterun"]:
        del sys.modules[name]


def _limit(which: int, soft: int, hard: int) -> None:
    """Set a limit, or the highest that whoever started us still allows."""
    allowed = resource.getrlimit(which)[1]
    if allowed != resource.RLIM_INFINITY:
        soft, hard = min(soft, allowed), min(hard, allowed)
    try:
        resource.setrlimit(which, (soft, hard))
    except (ValueError, OSError):
        if sys.platform == "linux":  # elsewhere not every limit can be had: macOS has no AS
            raise


def _outcome(
    job: dict[str, Any], number: int, caller: Callable[[Any, str], str] | None
) -> tuple[str, str]:
    """What is told: kind, and the value's or the error's text."""
    tests = job["tests"]
    module = ModuleType("program" if tests or job["entry"] else "__main__")
    sys.modules[module.__name__] = module
    stage = "load-"
    try:
        test = _compile(tests[number], "<test>", "exec") if tests else None
        if "random" in job["code"]:
            _seed(job["seed"])
        _exec(_compile(job["code"], PROGRAM, "exec", dont_inherit=True), module.__dict__)
        stage = ""
        # A trace function could jump over the test's line.
        sys.settrace(None)
        sys.setprofile(None)
        text = ""
        if caller is not None:
            text = caller(getattr(module, job["entry"]), job["inputs"][number])
        elif test is not None:
            _exec(test, module.__dict__)
    except BaseException as error:  # noqa: BLE001  whatever the program raises is its outcome
        return stage + _kind(error), _words(error)
    return "pass" if caller is None else "value", text


def _seed(seed: int) -> None:
    import random

    random.seed(seed)


def _caller() -> Callable[[Any, str], str]:
    """Calls a function with encoded arguments and gives its value's text."""
    from iterun.judges.sandbox.codec import decode, encode  # loaded where there are calls

    return lambda function, arguments: encode(function(*decode(arguments)))


def _kind(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, _REFUSED):
        return "forbidden"
    if isinstance(error, OSError) and error.errno in _FORBIDDEN:
        return "forbidden"
    no_thread = type(error) is RuntimeError and error.args == ("can't start new thread",)
    return "forbidden" if no_thread else "fail"


def _words(error: BaseException) -> str:
    """The error in a line, with the program's line where it came up."""
    try:
        text = f"{type(error).__name__}: {error}".strip().removesuffix(":")[:TEXT]
    except BaseException:  # noqa: BLE001  its __str__ is the program's
        text = type(error).__name__[:TEXT]
    line = _line(error.__traceback__)
    return f"{text} (line {line})" if line else text


def _line(trace: TracebackType | None) -> int | None:
    found = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == PROGRAM:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
