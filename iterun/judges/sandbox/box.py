"""The sandbox that tasks use: programs in, results out."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

from iterun.errors import IterunError
from iterun.judges.sandbox.codec import NotPlainError, decode, encode
from iterun.judges.sandbox.process import Played, play

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.judges.sandbox.levels import Level, Room

Status = Literal["pass", "fail", "timeout", "memory", "forbidden", "error"]
#: modules that the guard imports where a program names them, so that not every test has to
WARM = (
    "bisect", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "heapq", "itertools", "json", "math", "operator", "random", "re", "statistics",
    "string", "typing",
)  # fmt: skip
RESULT_BYTES = 1 << 20  # of one returned value's text


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program, and statements to try on it: `assert add(1, 2) == 3`."""

    code: str
    tests: Sequence[str] = ()
    timeout: float | None = None  #: seconds for all tests together; None: the sandbox's
    seed: int = 0  #: of the module `random`, where the program names it


@dataclass(frozen=True, kw_only=True)
class Call:
    """A program, and arguments to call one of its functions with."""

    code: str
    entry: str  #: the function's name
    inputs: Sequence[Sequence[object]]  #: positional arguments, call by call; plain values
    timeout: float | None = None  #: seconds for all calls together; None: the sandbox's
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class SandboxResult:
    """How a program did.

    `status` is `pass` if every test passed; else what became of the first that didn't:
    `timeout`; `memory` (more than allowed); `forbidden` (it ran into another wall of the sandbox:
    files, processes, network); `fail` (anything else); or `error`: the program doesn't compile or
    raises before its test begins, or ended its own guard.

    The tests run in the program's process: one that knows this sandbox can make them pass, by an
    object that equals everything or by looking for the word. What guards a figure is judged by
    `Sandbox.call`, whose results are compared here.
    """

    status: Status
    passed: int
    failed: int  #: tests that didn't pass, those that were not reached included
    error: str  #: the last line of the first error; empty if all passed
    first_error: str  #: the same, behind the test that it belongs to
    verdicts: tuple[bool, ...]  #: by test
    stdout: str  #: the first bytes of what all tests printed, one after the other
    seconds: float  #: wall time, the start of the sandbox included


@dataclass(frozen=True, kw_only=True)
class Output:
    """What one call gave."""

    status: Status
    value: Any = None  #: made of built-in types only
    error: str = ""  #: empty if there is a value


@dataclass(frozen=True, kw_only=True)
class CallResult:
    """What the calls gave, input by input; `status` as in `SandboxResult`, `pass`: all returned."""

    status: Status
    outputs: tuple[Output, ...]
    stdout: str
    seconds: float


@dataclass(frozen=True)
class Sandbox:
    """Runs programs that nobody has read; made by `open_sandbox`."""

    level: Level
    remark: str  #: a sentence to show at the start of a run; empty with namespaces
    timeout: float  #: seconds of wall and of CPU time, a program with all its tests
    memory: int  #: bytes, a process; with namespaces also for all of them together
    output: int  #: bytes kept of what a program prints
    file: int  #: bytes, a file
    room: Room

    def run_python(
        self, code: str, *, tests: Sequence[str] = (), timeout: float | None = None, seed: int = 0
    ) -> SandboxResult:
        """Run a program anew for each test; without tests once, as a script."""
        return self.run(Program(code=code, tests=tests, timeout=timeout, seed=seed))

    def call(
        self,
        code: str,
        entry: str,
        inputs: Sequence[Sequence[object]],
        timeout: float | None = None,
        *,
        seed: int = 0,
    ) -> CallResult:
        """Run a program anew for each input, call its function `entry`, and bring back the values.

        Raises:
            NotPlainError: an input is no plain value (see `codec`).
        """
        return self.run(Call(code=code, entry=entry, inputs=inputs, timeout=timeout, seed=seed))

    @overload
    def run(self, job: Program) -> SandboxResult: ...
    @overload
    def run(self, job: Call) -> CallResult: ...
    def run(self, job: Program | Call) -> SandboxResult | CallResult:
        """Run one.

        Raises:
            IterunError: the sandbox doesn't start; no program is to blame for that.
        """
        played = self._play(job)
        if isinstance(job, Call):
            return _call_result(job, played)
        return _program_result(job, played)

    @overload
    def run_many(
        self, jobs: Sequence[Program], workers: int | None = None
    ) -> list[SandboxResult]: ...
    @overload
    def run_many(self, jobs: Sequence[Call], workers: int | None = None) -> list[CallResult]: ...
    def run_many(
        self, jobs: Sequence[Program] | Sequence[Call], workers: int | None = None
    ) -> list[SandboxResult] | list[CallResult]:
        """Run many, as many at once as there are workers (None: processors), and keep the order."""
        pool = ThreadPoolExecutor(workers or len(_processors()))
        try:
            return list(pool.map(self.run, jobs))
        finally:
            pool.shutdown(cancel_futures=True)

    def _play(self, job: Program | Call) -> Played:
        words = _words(job) | {
            "timeout": float(self.timeout if job.timeout is None else job.timeout),
            "memory": self.memory,
            "file": self.file,
            "most": RESULT_BYTES,
        }
        played = play(self.room, words, output=self.output)
        if not played.is_ready:
            played = play(self.room, words, output=self.output)  # a machine out of breath, perhaps
        if not played.is_ready:
            why = played.note.splitlines()[-1:] or ["it gave no reason in time"]
            raise IterunError(
                f"the sandbox of sandbox.level={self.level} did not start: {why[0]}",
                hint="try sandbox.level=auto, or look for a machine that is out of memory",
            )
        return played


def _words(job: Program | Call) -> dict[str, Any]:
    """What the guard and the candidate are told of a program."""
    tests: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    if isinstance(job, Call):
        inputs = tuple(encode(list(arguments)) for arguments in job.inputs)
    else:
        tests = tuple(job.tests)
    return {
        "code": job.code,
        "tests": tests,
        "entry": job.entry if isinstance(job, Call) else "",
        "inputs": inputs,
        "count": len(inputs) if isinstance(job, Call) else max(1, len(tests)),
        "seed": job.seed,
        "warm": tuple(name for name in WARM if name in job.code),
    }


def _processors() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


STATUSES: dict[str, Status] = {
    "pass": "pass", "value": "pass", "fail": "fail", "load-fail": "error", "error": "error",
    "memory": "memory", "load-memory": "memory", "timeout": "timeout",
    "forbidden": "forbidden", "load-forbidden": "forbidden",
}  # fmt: skip


def _all_outcomes(played: Played, count: int) -> list[tuple[str, str]]:
    """One for each test: those not reached share the fate of the last."""
    outcomes = played.outcomes[:count]
    if len(outcomes) < count:
        if played.is_late:
            rest = ("timeout", "stopped from outside, past the time limit")
        elif not played.is_whole:
            rest = ("error", "the program ended its guard")
        else:
            rest = outcomes[-1]
            if rest[0] in ("pass", "value"):
                rest = ("timeout", "not reached within the time limit")
        outcomes += [rest] * (count - len(outcomes))
    return outcomes


def _program_result(job: Program, played: Played) -> SandboxResult:
    outcomes = _all_outcomes(played, max(1, len(job.tests)))
    verdicts = tuple(kind == "pass" for kind, _ in outcomes)
    status: Status = "pass"
    error = first_error = ""
    if not all(verdicts):
        at = verdicts.index(False)
        kind, error = outcomes[at]
        status = STATUSES[kind]
        has_test = job.tests and status != "error"
        first_error = f"{job.tests[at]} -> {error}" if has_test else error
    passed = sum(verdicts) if job.tests else 0
    return SandboxResult(
        status=status,
        passed=passed,
        failed=len(job.tests) - passed,
        error=error,
        first_error=first_error,
        verdicts=verdicts if job.tests else (),
        stdout=played.stdout.decode(errors="replace"),
        seconds=played.seconds,
    )


def _call_result(job: Call, played: Played) -> CallResult:
    outputs = tuple(_output(*outcome) for outcome in _all_outcomes(played, len(job.inputs)))
    bad = [output.status for output in outputs if output.status != "pass"]
    return CallResult(
        status=bad[0] if bad else "pass",
        outputs=outputs,
        stdout=played.stdout.decode(errors="replace"),
        seconds=played.seconds,
    )


def _output(kind: str, text: str) -> Output:
    status = STATUSES[kind]
    if status != "pass":
        return Output(status=status, error=text)
    try:
        return Output(status="pass", value=decode(text))
    except NotPlainError as error:
        return Output(status="fail", error=str(error))
