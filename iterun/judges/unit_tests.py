"""Programs tried in the sandbox against suites of asserts, and looked at line by line.

Each assert is run in a process of its own. That a program passes is what the designer's tests say
of it; what guards a figure is in `judges.hidden_tests`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, overload

from iterun.judges import line_trace
from iterun.judges.coding import Trial
from iterun.judges.sandbox import Call, Program
from iterun.judges.suites import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from iterun.judges.sandbox import CallResult, Output, Sandbox, SandboxResult
    from iterun.judges.suites import Suite

    Progress = Callable[[Iterable[Any], str], Iterator[Any]]
    Trace = tuple[tuple[int, ...], tuple[Outcome, ...]]

AT_ONCE = 16  # programs between two looks at signals
PATIENCE = 20.0  # seconds a start for what is no candidate: it ends by itself, after so many lines


class Bench:
    """Runs programs in a sandbox; of what was run before it knows the outcome.

    Args:
        sandbox: where.
        timeout: seconds for a candidate with all of its tests.
        progress: goes through jobs and gives way to signals.
    """

    def __init__(self, sandbox: Sandbox, timeout: float, progress: Progress) -> None:
        self.timeout = timeout
        self.seconds = 0.0  # that programs ran, all workers together
        self._sandbox, self._progress = sandbox, progress
        self._trials: dict[tuple[str, tuple[Suite, ...]], Trial] = {}
        self._traces: dict[tuple[str, Suite], Trace] = {}

    def trials(self, jobs: Sequence[tuple[str, tuple[Suite, ...]]]) -> list[Trial]:
        """Each program against its suites: all asserts in one start of the sandbox."""
        new = [job for job in dict.fromkeys(jobs) if job not in self._trials]
        results = self.run(
            [Program(code=code, tests=flat(suites), timeout=self.timeout) for code, suites in new],
            "programs",
        )
        for job, result in zip(new, results, strict=True):
            self._trials[job] = _trial(job[1], result)
        return [self._trials[job] for job in jobs]

    def traces(self, jobs: Sequence[tuple[Sequence[str], Suite]]) -> list[list[Trace]]:
        """Follow programs through the asserts to try on them.

        Returns:
            By job and program: the lines it has; and by assert how that went, and which lines it
            executed. Both are empty for a program that can't be followed, as one that hangs where
            it executes no line.
        """
        asked = [
            [
                (code, list(tests))
                for code in dict.fromkeys(codes)
                if (code, tests) not in self._traces
            ]
            for codes, tests in jobs
        ]
        outputs = self.line_by_line("traced", asked)
        for (_, tests), calls, found in zip(jobs, asked, outputs, strict=True):
            for (code, _), output in zip(calls, found, strict=True):
                self._traces[code, tests] = _trace(output)
        return [[self._traces[code, tests] for code in codes] for codes, tests in jobs]

    def line_by_line(
        self, function: str, jobs: Sequence[Sequence[tuple[Any, ...]]]
    ) -> list[tuple[Output, ...]]:
        """Call a function of `line_trace` inside the sandbox.

        Args:
            function: its name.
            jobs: arguments; each job is a start of the sandbox, each of its calls a process.
        """
        code = inspect.getsource(line_trace)
        calls = [
            Call(code=code, entry=function, inputs=job, timeout=PATIENCE) for job in jobs if job
        ]
        results = iter(self.run(calls, "references"))
        return [next(results).outputs if job else () for job in jobs]

    @overload
    def run(self, jobs: Sequence[Program], label: str) -> list[SandboxResult]: ...
    @overload
    def run(self, jobs: Sequence[Call], label: str) -> list[CallResult]: ...
    def run(self, jobs: Sequence[Any], label: str) -> list[Any]:
        """All of them, some at a time, in order."""
        parts = [jobs[k : k + AT_ONCE] for k in range(0, len(jobs), AT_ONCE)]
        found = [r for part in self._progress(parts, label) for r in self._sandbox.run_many(part)]
        self.seconds += sum(result.seconds for result in found)
        return found


def flat(suites: Iterable[Suite]) -> Suite:
    """The asserts of all suites, one after the other."""
    return tuple(test for suite in suites for test in suite)


def _trace(output: Output) -> Trace:
    if output.status != "pass":
        return (), ()
    lines, *outcomes = output.value
    found = (Outcome(passed=passed, lines=tuple(executed)) for passed, executed in outcomes)
    return tuple(lines), tuple(found)


def _trial(suites: tuple[Suite, ...], result: SandboxResult) -> Trial:
    """The verdicts by suite, which follow one another as the asserts did."""
    verdicts = iter(result.verdicts)
    passed = tuple(tuple(next(verdicts) for _ in suite) for suite in suites)
    return Trial(
        suites=suites,
        passed=passed,
        status=result.status,
        error=result.error,
        stdout=result.stdout,
    )
