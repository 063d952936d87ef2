"""Small runs of learn/curve in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from task_runs import done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iterun.store.reader import RunView

TEXT = [
    "task=learn/curve", "task.kernel=200", "task.slice=200", "task.max_words=1200",
    "task.test_words=600",
]  # fmt: skip
DIGITS = [
    "experiment=learn/curve-digits", "task.max_words=300", "task.test_words=100",
    "task.learner=logistic", "task.compare=[sklearn:GaussianNB]",
]  # fmt: skip
RUNS = {
    "text": TEXT,
    "folds": [*TEXT, "task.folds=2", "task.compare=[mft]", "task.anchor=true", "task.target=0.8"],
    "digits": DIGITS,
}


def run(
    directory: Path,
    name: str,
    *overrides: str,
    listener: Callable[[Any], None] = lambda event: None,
) -> RunView:
    """A run of `RUNS` with changes."""
    line = [*RUNS[name], "backend=cpu", "backend.threads=1", *overrides]
    return done(directory, line, listener)
