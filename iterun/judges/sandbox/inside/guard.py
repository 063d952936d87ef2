"""The process that watches a program from inside the sandbox; no line of the program runs in it.

For each test it forks a child that runs the program anew and then the test. With namespaces it is
their first process: nothing inside can kill it, and when it ends, so does all that is left.

A job is a dict: code; tests, or entry (the function's name) and inputs (encoded); count of either;
seed; timeout (seconds); memory, file, most (bytes: of a process, a file, an answer); processes;
tasks (RLIMIT_NPROC, or None); warm (modules to import) and paths (to find more); folder (to begin
in); room (see `room.build`, or None); sweep (see `sweep.all_that_is_left`) and uid.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
from math import ceil
from time import monotonic

from iterun.judges.sandbox.inside import candidate, reach, rights, room, sweep

TYPE_CHECKING = False  # not typing's: it takes longer to import than all the rest
if TYPE_CHECKING:
    from typing import Any, NoReturn

TICK = 0.02  # seconds between two looks at memory and processes
BRIEF = 0.0005  # the first wait for a child that has told all, and is about to end


def main(job: dict[str, Any], report: int) -> NoReturn:
    """Play all tests of a job and report each.

    Args:
        job: see above.
        report: descriptor for frames: "<kind> <length of what follows>", a line break, the bytes.
    """
    _prepare(job)
    _send(report, "ready", b"")
    end = monotonic() + job["timeout"]
    for number in range(job["count"]):
        kind, text = _play(job, number, end, report)
        _send(report, kind, text)
        if kind.startswith("load-") or monotonic() >= end:
            break
    _send(report, "end", b"")
    os._exit(0)


def _prepare(job: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the first process of a namespace is then immune
    if job["room"] is not None:
        room.build(**job["room"])
    if job["sweep"] != "namespace":
        rights.adopt_orphans()
    job["kept_fds"] = []
    if job["uid"] is not None:
        job["kept_fds"] = reach.keep_within_reach(job["paths"])
    sys.path += job["paths"]
    for name in job["warm"]:
        __import__(name)  # once here, not in each child
    compile("", "", "exec")  # so is what the first call to it sets up, which takes 4 ms
    gc.freeze()  # a collection in a child need not look at, and so copy, all that is ours
    if job["sweep"] == "namespace":
        rights.drop_capabilities()
    rights.forbid_new_rights()
    rights.hide_memory()
    os.chdir(job["folder"])


def _send(report: int, kind: str, payload: bytes) -> None:
    data = f"{kind} {len(payload)}\n".encode() + payload
    try:
        while data:
            data = data[os.write(report, data) :]
    except BrokenPipeError:
        os._exit(1)  # whoever asked is gone


def _play(job: dict[str, Any], number: int, end: float, report: int) -> tuple[str, bytes]:
    """Kind and text of a test's outcome; see `candidate.play`, and "timeout"."""
    word_out, word_in = os.pipe()
    told_out, told_in = os.pipe()
    child = os.fork()
    if child == 0:
        seconds = max(1, ceil(end - monotonic()))
        candidate.play(job, number, seconds=seconds, word=word_out, told=told_in)
    os.close(word_out)
    os.close(told_in)
    word = os.urandom(16).hex().encode()
    _hand(word_in, word)
    if job["sweep"] == "children":
        _send(report, "child", str(child).encode())
    watch = Watch(job, child, told_out, report, end)
    status = watch.until_over()
    sweep.all_that_is_left(child, job["sweep"], job["uid"])
    os.close(told_out)
    return _judged(watch, status, word)


def _hand(word_in: int, word: bytes) -> None:
    try:
        os.write(word_in, word)
    except BrokenPipeError:
        return  # the child has ended already; its exit tells
    finally:
        os.close(word_in)


class Watch:
    """Waits for a child: for its end, its message, the time, and what it takes.

    Args:
        job: see above.
        child: its number.
        source: descriptor that its message comes from.
        report: descriptor whose other end is open as long as somebody asks.
        end: on the monotonic clock.
    """

    def __init__(
        self, job: dict[str, Any], child: int, source: int, report: int, end: float
    ) -> None:
        self.job, self.child, self.source, self.report, self.end = job, child, source, report, end
        self.told = bytearray()
        self.stopped = ""  #: why the guard ended the child
        self.is_told = False  #: all of the message is here

    def until_over(self) -> int:
        """The child's wait status; it has been reaped, what it started may go on."""
        poll = select.poll()
        poll.register(self.source, select.POLLIN)
        poll.register(self.report, 0)  # its error alone
        brief, looked = BRIEF, monotonic()
        while True:
            wait = brief if self.is_told else TICK
            for descriptor, _ in poll.poll(max(0.0, min(wait, self.end - monotonic())) * 1000):
                if descriptor == self.report:
                    self._abandon()
                self._read()
                if self.is_told:
                    poll.unregister(self.source)
            brief = min(TICK, brief * 2)
            gone, status = os.waitpid(self.child, os.WNOHANG)
            if gone:
                self._read_rest()
                return status
            if monotonic() >= looked + TICK:
                looked = monotonic()
                self.stopped = self.stopped or self._excess()
            if self.stopped:
                sweep.kill(self.child, self.job["sweep"])
                return os.waitpid(self.child, 0)[1]

    def _excess(self) -> str:
        if monotonic() >= self.end:
            return "timeout"
        if self.job["sweep"] == "namespace":
            return sweep.excess(self.job["processes"], self.job["memory"])
        return ""

    def _read(self) -> None:
        chunk = os.read(self.source, 1 << 16)
        self.told += chunk
        self.is_told = not chunk
        if len(self.told) > self.job["most"]:
            self.stopped = "flood"

    def _read_rest(self) -> None:
        """What is still in the pipe; a process that the child left may hold it open."""
        while not self.is_told and not self.stopped and select.select([self.source], [], [], 0)[0]:
            self._read()

    def _abandon(self) -> NoReturn:
        sweep.all_that_is_left(self.child, self.job["sweep"], self.job["uid"])
        if self.job["sweep"] != "namespace":
            import shutil

            os.chdir("/")
            shutil.rmtree(self.job["folder"], ignore_errors=True)  # nobody else will
        os._exit(1)


REASONS = {
    "timeout": ("timeout", b"stopped at the time limit"),
    "memory": ("memory", b"stopped: its processes together hold more memory than allowed"),
    "processes": ("forbidden", b"stopped: more processes than allowed"),
    "flood": ("fail", b"the result is too large"),
}


def _judged(watch: Watch, status: int, word: bytes) -> tuple[str, bytes]:
    if watch.stopped:
        return REASONS[watch.stopped]
    first, _, rest = bytes(watch.told).partition(b"\n")
    kind, _, text = rest.partition(b"\n")
    if first == word and kind in (b"pass", b"value"):
        return kind.decode(), text
    if first.decode(errors="replace") in candidate.FAILURES:  # may be a lie, to its own harm
        return first.decode(), rest
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return REASONS["timeout"]
        return "fail", f"ended by {signal.Signals(number).name}".encode()
    return "fail", f"ended with status {os.WEXITSTATUS(status)} before its test was over".encode()
