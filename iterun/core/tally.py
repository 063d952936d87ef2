"""What a run has come to so far: newest values, best one, time; the source of summary.json."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.core.numbers import is_finite
from iterun.store.schema import Summary

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUMS = ("seconds", "time_", "price")  # beginnings of the names of costs that add up


class Tally:
    """Kept while the run goes, saved with its checkpoints.

    `best` is over the iterations 1, 2, ...: the baseline is what they are compared with.

    Args:
        objective: {"metric", "goal"}, or None: then there is no best.
        parameters: flat, as the summary shows them.
    """

    def __init__(self, objective: Mapping[str, Any] | None, parameters: Mapping[str, Any]) -> None:
        self.objective = dict(objective) if objective else None
        self.parameters = dict(parameters)
        self.i = -1  #: the last iteration recorded
        self.last: dict[str, float] = {}
        self.costs: dict[str, float] = {}
        self.best: dict[str, Any] | None = None
        self.scores: dict[int, float] = {}  #: the objective at checkpoints, for those kept as best
        self.seconds = 0.0  #: of all attempts, at the last checkpoint
        self._least = math.inf  # of the objective, its sign turned if it is to be large
        self._metric = objective["metric"] if objective else None
        self._sign = -1 if objective and objective["goal"] == "max" else 1
        self._score: float | None = None  # of iteration i itself, smaller is better

    def add(self, i: int, metrics: Mapping[str, float], cost: Mapping[str, float]) -> float | None:
        """Take in a recorded iteration; the objective's value, if it has one."""
        self.i = i
        self.last.update(metrics)
        for name, value in cost.items():
            self.costs[name] = value + (self.costs.get(name, 0) if name.startswith(_SUMS) else 0)
        self._score = None
        if self._metric is None or self._metric not in metrics:
            return None
        value = metrics[self._metric]
        if i > 0 and is_finite(value):
            self._score = score = self._sign * value
            if score < self._least:
                self._least, self.best = score, {"i": i, "value": value}
        return value

    @property
    def lacks_objective(self) -> bool:
        """Whether no iteration so far has the objective's metric."""
        return self._metric is not None and self._metric not in self.last

    def score(self, i: int) -> None:
        """Note the objective's value at checkpoint i, if iteration i has a finite one."""
        if i == self.i and self._score is not None:
            self.scores[i] = self._score

    def summary(
        self,
        state: str,
        *,
        seconds: float,
        reason: str | None = None,
        result: Mapping[str, Any] = {},
        costs: Mapping[str, float] = {},
    ) -> Summary:
        """The record for summary.json; `costs` are those of the end, beside the iterations'."""
        return Summary(
            state=state,
            reason=reason,
            parameters=self.parameters,
            objective=self.objective,
            last=dict(self.last),
            best=self.best,
            result=dict(result),
            iterations=max(self.i, 0),
            seconds=round(seconds, 3),
            costs={**self.costs, **costs},
        )

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "i": self.i,
            "last": self.last,
            "costs": self.costs,
            "best": self.best,
            "scores": self.scores,
            "seconds": self.seconds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """From a checkpoint."""
        self.i = state["i"]
        self.last, self.costs = dict(state["last"]), dict(state["costs"])
        self.best, self.scores = state["best"], dict(state["scores"])
        self.seconds = state["seconds"]
        self._least = self._sign * self.best["value"] if self.best else math.inf


def parameters_of(config: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The task's parameters without `task.`, and what else tells runs apart."""
    task = config.get("task") or {}
    own = {
        k: v for k, v in task.items() if not k.startswith("_") and k not in ("about", "objective")
    }
    more["schedule"] = _schedule(config.get("schedule") or {})
    return own | {name: value for name, value in more.items() if value is not None}


def _schedule(node: Mapping[str, Any]) -> str | None:
    """What `schedule=` names, in a word: "cosine", "file:refined.csv"."""
    name, path = node.get("name"), node.get("path")
    return f"{name}:{Path(str(path)).name}" if path else name
