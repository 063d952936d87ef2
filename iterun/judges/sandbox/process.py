"""One start of a sandbox: hand the guard its code and its job, take its reports, end it."""

from __future__ import annotations

import contextlib
import marshal
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from iterun.judges.sandbox.levels import environment

if TYPE_CHECKING:
    from types import CodeType

    from iterun.judges.sandbox.levels import Room

#: in the order in which they can be loaded
INSIDE = [f"inside.{name}" for name in ("rights", "room", "sweep", "reach", "candidate", "guard")]
BOOT = """
import marshal, sys, types
with open(int(sys.argv[1]), "rb") as file:
    modules, job = marshal.load(file)
for name in ("iterun", "iterun.judges", "iterun.judges.sandbox", "iterun.judges.sandbox.inside"):
    sys.modules[name] = types.ModuleType(name)
for name, code in modules:
    module = sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules[name.rpartition(".")[0]], name.rpartition(".")[2], module)
    exec(code, module.__dict__)
module.main(job, int(sys.argv[2]))
"""
START_WITHIN = 30.0  # seconds; a start takes 0.05 on an idle machine
GRACE = 2.0  # seconds after the time limit in which the guard is to report it
CHUNK = 1 << 16


@dataclass
class Played:
    """What came back from one start."""

    outcomes: list[tuple[str, str]] = field(default_factory=list)  #: kind and text, by test
    is_ready: bool = False  #: the guard was reached
    is_whole: bool = False  #: the guard said that it was done
    is_late: bool = False  #: it didn't even after its time, and was ended
    stdout: bytes = b""
    note: str = ""  #: what the launcher complained of
    seconds: float = 0.0


def play(room: Room, job: dict[str, Any], *, output: int) -> Played:
    """Start a sandbox, play a job in it, and end it with all that is inside.

    Args:
        room: how to start it.
        job: see `inside.guard`; the room's own settings are added here.
        output: bytes kept of what the program prints; the rest is read and dropped.
    """
    began = time.monotonic()
    with room.opened() as (command, settings), tempfile.TemporaryFile() as file:
        codec = [_module("codec")] if job["entry"] else []
        modules = [*codec, *(_module(name) for name in INSIDE)]
        marshal.dump((modules, job | settings), file)
        file.seek(0)
        report, reported = os.pipe()
        try:
            process = subprocess.Popen(
                [*command, *_python(), str(file.fileno()), str(reported)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(file.fileno(), reported),
                start_new_session=True,
                cwd="/",
                env=environment(settings["folder"]),
            )
        except BaseException:
            os.close(report)
            raise
        finally:
            os.close(reported)
        with process, open(report, "rb", buffering=0) as reports:
            talk = _Talk(process, reports, output=output, limit=job["timeout"] + GRACE)
            try:
                talk.listen()
            finally:
                talk.end()
    return talk.played(time.monotonic() - began)


def _python() -> list[str]:
    # Not -I: it would take PYTHONHASHSEED away, and the order of sets would change by the start.
    # What else -I does, -s, -P and an empty environment do.
    return [os.path.realpath(sys.executable), "-s", "-P", "-B", "-S", "-c", BOOT]


@cache
def _module(name: str) -> tuple[str, CodeType]:
    path = Path(__file__).parent.joinpath(*name.split(".")).with_suffix(".py")
    code = compile(path.read_text(encoding="utf-8"), f"<sandbox {name}>", "exec")
    return f"iterun.judges.sandbox.{name}", code


class _Talk:
    """Reads what a started sandbox says, until it is done or out of time."""

    def __init__(
        self, process: subprocess.Popen[bytes], reports: IO[bytes], *, output: int, limit: float
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process, self.limit = process, limit
        self.reports = bytearray()
        #: by stream: what is kept of it, and how much at most
        self.kept = {
            process.stdout: (bytearray(), output),
            process.stderr: (bytearray(), CHUNK),
        }
        self.source = reports
        self.is_ready = self.is_late = False
        self.selector = selectors.DefaultSelector()
        for stream in (reports, process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
            self.selector.register(stream, selectors.EVENT_READ)

    def listen(self) -> None:
        """Until the guard's report ends, or the time is up."""
        end = time.monotonic() + START_WITHIN
        while self.source in self.selector.get_map() and (left := end - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                self._read(key.fileobj)
            if not self.is_ready and self.reports.startswith(b"ready 0\n"):
                self.is_ready = True
                end = time.monotonic() + self.limit

    def end(self) -> None:
        """Kill what is left of it, and take what it had printed."""
        if self.process.poll() is None and not self._frames()[1]:
            self.is_late = self.is_ready and self.source in self.selector.get_map()
            self._kill_group(self.process.pid)  # the namespace dies with its first process
        self.process.wait()
        frames, is_whole = self._frames()
        if not is_whole:
            for kind, text in frames:
                if kind == "child":
                    self._kill_group(int(text))
        for stream in self.kept:
            while stream in self.selector.get_map() and self._read(stream):
                pass
        self.selector.close()

    def played(self, seconds: float) -> Played:
        frames, is_whole = self._frames()
        told = [(kind, text) for kind, text in frames if kind not in ("ready", "child", "end")]
        stdout, stderr = (bytes(kept) for kept, _ in self.kept.values())
        note = stderr.decode(errors="replace").strip()
        return Played(told, self.is_ready, is_whole, self.is_late, stdout, note, seconds)

    def _read(self, stream: Any) -> bool:
        """One piece; whether there was one."""
        try:
            data = os.read(stream.fileno(), CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self.selector.unregister(stream)
        elif stream is self.source:
            self.reports += data
        else:
            kept, most = self.kept[stream]
            kept += data[: most - len(kept)]
        return bool(data)

    def _frames(self) -> tuple[list[tuple[str, str]], bool]:
        """The complete frames, and whether the last says that nothing follows."""
        frames, rest = [], bytes(self.reports)
        while b"\n" in rest:
            head, _, rest = rest.partition(b"\n")
            kind, _, size = head.decode().partition(" ")
            if len(rest) < int(size):
                break
            frames.append((kind, rest[: int(size)].decode(errors="backslashreplace")))
            rest = rest[int(size) :]
        return frames, bool(frames) and frames[-1][0] == "end"

    @staticmethod
    def _kill_group(group: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
