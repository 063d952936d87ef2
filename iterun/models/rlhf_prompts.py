"""The prompts of a loop: fresh ones from a pool, and those that it is evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from iterun.models.rlhf_answers import Problem


class Host(Protocol):
    """What the prompts need of a run."""

    def data(self, role: str = "data") -> Any: ...
    def warn(self, text: str) -> None: ...


class Prompts:
    """What the run's data sets ask.

    Args:
        run: gives the data sets.
        n_test: how many of the test split are evaluated; None: all.

    Raises:
        ConfigError: data without fresh prompts, or evaluated data that can't be answered or judged.
    """

    def __init__(self, run: Host, n_test: int | None) -> None:
        self._run, self.data = run, run.data()
        if not hasattr(self.data, "pool") or not hasattr(self.data.pool[0], "prompt"):
            raise ConfigError(
                f"data={self.data.name} has no pool of fresh prompts",
                hint="these have one: data=tiny-math, data=ultrafeedback",
            )
        self.checkable = hasattr(self.data.pool[0], "answer")  #: right answers are known
        evaluated = run.data("eval_data")
        test = getattr(evaluated, "test", ())
        self.test: Sequence[Problem] = test[:n_test] if isinstance(test, Sequence) else ()
        needed = {"prompt": "prompts"} | ({"answer": "right answers"} if self.checkable else {})
        for name, what in needed.items():
            if not self.test or not hasattr(self.test[0], name):
                raise ConfigError(
                    f"data@eval_data={evaluated.name} has no {what}",
                    hint="leave data@eval_data away: the test split of data= is taken",
                )
        self.position = 0  #: in the pool, of the next fresh one

    def worked(self, n: int) -> list[tuple[str, str]]:
        """Prompts of the dev split with their completions.

        Raises:
            ConfigError: the data has no completions.
        """
        found = self.data.dev[:n] if n else ()
        if found and not hasattr(found[0], "completion"):
            raise ConfigError(
                f"task.shots={n}: data={self.data.name} has no worked examples",
                hint="task.shots=0",
            )
        return [(it.prompt, it.completion) for it in found]

    def fresh(self, n: int) -> list[Problem]:
        """The next prompts of the pool, around."""
        found = self.between(self.position, self.position + n)
        self.position += n
        if self.position > len(self.data.pool):
            self._run.warn(
                f"data={self.data.name}: all {len(self.data.pool)} prompts were used; again"
            )
        return found

    def between(self, first: int, last: int) -> list[Problem]:
        """The prompts that are fresh at these positions."""
        pool = self.data.pool
        return [pool[k % len(pool)] for k in range(first, last)]

    def once(self, first: int, last: int) -> list[Problem]:
        """As `between`, none of them again."""
        return self.between(first, min(last, first + len(self.data.pool)))
