"""Finding the strongest sandbox that works on this machine, by trying."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING

from iterun.errors import ConfigError, UnavailableError, nearest, raise_all
from iterun.judges.sandbox.box import Sandbox
from iterun.judges.sandbox.levels import LEVELS, Level, Room

if TYPE_CHECKING:
    from collections.abc import Iterator

#: what a level promises, asked from inside
PROBE = {
    "rlimits": "import resource\nassert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)",
    "namespace": """
import os
def interfaces():
    with open("/proc/net/dev") as file:
        return [line.split(":")[0].strip() for line in file if ":" in line]
with open("/proc/self/status") as file:
    status = dict(line.split(":", 1) for line in file)
assert interfaces() in ([], ["lo"]), "the network is there"
assert os.getppid() == 1, "the processes of the machine are there"
assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, "there are capabilities"
assert status["NoNewPrivs"].strip() == "1", "rights can be gained"
""",
}
LEAST_MEMORY = 64  # MiB; the interpreter alone maps about 30


def open_sandbox(
    *,
    level: str = "auto",
    require: str | None = None,
    timeout: float = 5.0,
    memory_mb: int = 1024,
    output_kb: int = 64,
    processes: int = 64,
    file_mb: int = 1,
) -> Sandbox:
    """A sandbox of the level asked for, or of the strongest that works here.

    Args:
        level: auto, bwrap, unshare or rlimits.
        require: "namespace" refuses rlimits, which shuts out neither network nor files.
        timeout: seconds of wall time and of CPU time, > 0, a program with all its tests.
        memory_mb: MiB of address space a process; with namespaces also of all together.
        output_kb: KiB kept of what a program prints.
        processes: that a program may have at once, its first included.
        file_mb: MiB of the largest file it may write.

    Raises:
        ConfigError: a value that can't be used.
        UnavailableError: the level doesn't work here.
    """
    raise_all(_faults(level, require, timeout, memory_mb, output_kb, processes, file_mb))
    found = _level(level, require)
    return Sandbox(
        level=found,
        remark=_remark() if found == "rlimits" else "",
        timeout=timeout,
        memory=memory_mb << 20,
        output=output_kb << 10,
        file=file_mb << 20,
        room=Room(found, processes),
    )


def _faults(
    level: str,
    require: str | None,
    timeout: float,
    memory_mb: int,
    output_kb: int,
    processes: int,
    file_mb: int,
) -> Iterator[ConfigError]:
    if level not in ("auto", *LEVELS):
        near = nearest(level, LEVELS) or ["auto"]
        known = ", ".join(("auto", *LEVELS))
        yield ConfigError(
            f"sandbox.level={level} is none of {known}", hint=f"try sandbox.level={near[0]}"
        )
    if require not in (None, "namespace"):
        yield ConfigError(
            f"sandbox.require={require} is neither namespace nor null",
            hint="try sandbox.require=namespace",
        )
    if not _is_time(timeout):
        yield ConfigError(
            f"sandbox.timeout={timeout} is no time to run in", hint="try sandbox.timeout=5"
        )
    least = {"memory_mb": LEAST_MEMORY, "output_kb": 0, "processes": 1, "file_mb": 0}
    given = (memory_mb, output_kb, processes, file_mb)
    for (name, low), value in zip(least.items(), given, strict=True):
        if what := _fault(value, low):
            yield ConfigError(
                f"sandbox.{name}={value} is {what}", hint=f"try sandbox.{name}={max(low, 1)}"
            )


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < float("inf")


def _fault(value: object, low: int) -> str:
    if not isinstance(value, int):
        return "no whole number"
    return "too little" if value < low else ""


def _level(level: str, require: str | None) -> Level:
    """The level to use: the one named, or the first that works."""
    tried = [known for known in LEVELS if level in ("auto", known)]
    if require == "namespace":
        tried = [known for known in tried if known != "rlimits"]
    reasons = []
    for known in tried:
        reason = why_not(known)
        if not reason:
            return known
        reasons.append(f"{known}: {reason}")
    if require == "namespace":
        because = "; ".join(reasons) or "sandbox.level=rlimits has no namespaces"
        raise UnavailableError(
            f"sandbox.require=namespace can't be met here ({because})",
            hint="install bubblewrap, or allow less with sandbox.require=null sandbox.level=auto",
        )
    raise UnavailableError(
        f"sandbox.level={level} doesn't work here ({'; '.join(reasons)})",
        hint="install bubblewrap, or take what works with sandbox.level=auto",
    )


@cache
def why_not(level: Level) -> str:
    """Why a level doesn't work here, found by starting it once a process; empty if it does."""
    if os.name != "posix":
        return "it needs Linux or macOS"
    if level != "rlimits" and sys.platform != "linux":
        return "it needs Linux"
    if sys.platform != "linux" and os.getuid() == 0:
        return "only Linux lets root run programs as a user that nobody is; be an ordinary user"
    probe = Sandbox(
        level=level, remark="", timeout=20.0, memory=1 << 30, output=0, file=0, room=Room(level, 8)
    )
    code = PROBE["rlimits" if level == "rlimits" else "namespace"]
    try:
        result = probe.run_python(code)
    except ConfigError as error:
        return error.message
    except Exception as error:  # noqa: BLE001  whatever is missing, the level can't be used
        return str(error)
    return "" if result.status == "pass" else result.first_error


def _remark() -> str:
    files = "files that everyone may read" if os.getuid() == 0 else "all that you can reach"
    return (
        "sandbox.level=rlimits: programs written by the model can use the network and reach "
        f"{files}; install bubblewrap, or set sandbox.require=namespace to refuse this"
    )
