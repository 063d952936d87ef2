"""What becomes of a problem under one arm: the best program so far, and how its tests judge it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterun.judges.suites import Suite

Status = Literal["pass", "fail", "timeout", "memory", "forbidden", "error"]
Rule = Literal["suites", "all_tests"]

MOST = 400  # characters of feedback


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One program against all suites of its problem."""

    suites: tuple[Suite, ...]
    passed: tuple[tuple[bool, ...], ...]  #: by suite and assert
    status: Status  #: of the program as a whole
    error: str = ""  #: of the first assert that failed
    stdout: str = ""

    @property
    def n_passed(self) -> int:
        """Suites of which every assert passes; one that has not been written isn't passed."""
        return sum(bool(suite) and all(suite) for suite in self.passed)

    @property
    def failing(self) -> str:
        """The first assert that failed; empty: none did."""
        for suite, passed in zip(self.suites, self.passed, strict=True):
            for test, ok in zip(suite, passed, strict=True):
                if not ok:
                    return test
        return ""

    def accepted(self, rule: Rule, enough: int) -> bool:
        """Whether its suites let it through.

        Args:
            rule: `suites`: at least `enough` of them pass; `all_tests`: all of all pass.
            enough: suites.
        """
        if rule == "all_tests":
            written = [passed for passed in self.passed if passed]
            return bool(written) and all(all(passed) for passed in written)
        return self.n_passed >= enough


def failure(test: str, error: str) -> str:
    """Feedback on a program: the assert that failed, and the error's last line."""
    last = error.strip().splitlines()[-1].strip() if error.strip() else "AssertionError"
    text = f"This test failed:\n{test}\n{last}"
    if len(text) <= MOST:
        return text
    tail = f" ...\n{last}"[:MOST]  # both ends tell something: the call, and what was raised
    return text[: MOST - len(tail)] + tail


def unreadable(entry: str) -> str:
    """Feedback on replies that hold no program."""
    return f"Your reply had no ```python block that can be parsed and defines `{entry}`."


@dataclass(kw_only=True)
class Attempt:
    """One problem under one arm."""

    program: str = ""  #: the best so far; empty: none could be read
    first: str = ""  #: the first that was the best
    accepted: bool = False
    right: bool = False  #: passes the hidden tests
    feedback: str = ""  #: for the next round
    rounds: int = 0  #: used until it was accepted, or so far
    n_tried: int = 0  #: programs tried, the same one twice counts twice
    marks: list[str] = field(default_factory=list)  #: of those tried: digests

    def state(self) -> dict[str, Any]:
        return asdict(self)

    def restore(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
