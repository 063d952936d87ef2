"""The line below the filter: how many runs there are, what was done, or what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.cli.console import Part, Span
from iterun.cli.ui.painted import Bar
from iterun.cli.ui.paper import cleaned
from iterun.errors import ConfigErrors, IterunError

if TYPE_CHECKING:
    from iterun.cli.ui.runs import Runs


class Status(Bar):
    """One line."""

    is_said = False  #: whether it holds what was done, or a fault

    def counts(self, runs: Runs) -> None:
        """How many are shown, in which order, how many are marked."""
        shown, total = len(runs.shown), len(runs.all)
        noun = "run" if total == 1 else "runs"
        parts: list[Part] = [
            f"{total:,} {noun}" if shown == total else f"{shown:,} of {total:,} {noun}"
        ]
        parts.append(Span(f", {runs.sort.label}", "dim"))
        if runs.n_marked:
            hidden = f", {n} of them not shown" if (n := runs.n_hidden()) else ""
            parts.append(Span(f"   ● {runs.n_marked:,} marked{hidden}", "warn"))
        if runs.problems:
            parts.append(Span(f"   {runs.problems} can't be read: iterun doctor --runs", "bad"))
        self.is_said = False
        self.show([cleaned(*parts)])

    def say(self, *parts: Part) -> None:
        """What was done."""
        self.is_said = True
        self.show([cleaned(*parts)])

    def fault(self, error: IterunError | OSError) -> None:
        """What is wrong, and what to do about it; the first of several."""
        first = error.errors[0] if isinstance(error, ConfigErrors) else error
        if isinstance(first, IterunError):
            hint = f"  {first.hint}" if first.hint else ""
            self.say(Span(first.message, "bad"), Span(hint, "accent"))
        else:
            self.say(Span(str(first), "bad"))
