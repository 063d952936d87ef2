"""Learning curves, modelled while they grow: train on ever more, and forecast the rest.

Paper: Modeling of learning curves with applications to POS tagging (arXiv 2402.02515).

    x_i = kernel + i slice                                       (levels: nested training sets)
    A(x) = -a x^-b + c,  a, b > 0, c <= 1                        (accuracy pattern)
    A_i: least squares over the first i observations; α_i = c    (learning trace)
    |α_j - α_{j-1}| <= ν for `lookahead` levels from i on        (working level)
    the first level from there on with α_i < 1                   (prediction level)
    ε_i = |A_i(q_i) - α_i|,  q_i: last crossing of A_i, A_{i-1}  (layer of convergence)
    ε_i <= τ, from the prediction level on                       (convergence)

One step is one level: every learner is trained anew on the same first x_i words of one shuffled
corpus, whose sentences are never split, and is tested on the same other sentences; levels that are
the same sentences in all folds are one. The metrics of `learner` have no suffix, those of the
others in `compare` their name. A level is named by the number of observations that are fitted. `pe`
is the error of the forecast that the level before had made of this one, in per cent, `mape` the
mean of its size so far. Forecasts before the prediction level are given too and labeled
provisional.

Departures: convergence before the prediction level does not count, since chance trends may cross
far out; the embedded language, corpus and slices are small; the slowdown of ν is left to ν
itself; `anchor` holds α_i to α_{i-1} by one more observation, whose weight grows to 1. `task.folds`
shuffles are averaged level by level before anything is fitted.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.data.tagged import TaggedSet, count
from iterun.errors import ConfigError, misset, too_small
from iterun.models.curve_levels import Levels, drawn
from iterun.models.nested import Nested, nested_pictures, nested_text
from iterun.models.taggers import SKLEARN, TAGGERS, Learner, check_text, learner
from iterun.ops.followed_curve import FollowedCurve, decisions, half, ordered_pairs
from iterun.ops.learning_curve_figures import learners_figure, trace_figure
from iterun.types import ImageDataset

AT_LEAST = {"kernel": 1, "slice": 1, "test_words": 1, "lookahead": 1, "folds": 1}
#: what a learner beside the run's own tells
COMPARED = {"accuracy", "accuracy_std", "forecast_full", "c", "layer", "pe", "mape"}


@dataclass(kw_only=True)
class Curve(Procedure):
    """Accuracy by the size of the training set, observed level by level and forecast."""

    threads: ClassVar = 1

    learner: str  #: mft, hmm, perceptron, logistic, or sklearn:CLASS
    compare: list[str]  #: learners beside it
    kernel: int  #: words of the first level
    slice: int  #: words from one level to the next
    max_words: int | None  #: words of the last level; null: what the test set leaves of the data
    test_words: int  #: words of the test set
    nu: float  #: change of the asymptote that is still (ν), > 0
    lookahead: int  #: levels in a row that it has to be
    tau: float  #: layer of convergence that is enough (τ), > 0
    target: float | None  #: accuracy whose words are asked for, in (0, 1); null: none
    anchor: bool  #: hold each asymptote to the last one
    folds: int  #: shuffles that are averaged

    def check(self) -> Iterator[ConfigError]:
        yield from too_small(vars(self), AT_LEAST)
        for name in ("nu", "tau"):
            if not 0 < getattr(self, name) < 1:
                yield misset(
                    name, getattr(self, name), "is not between 0 and 1", f"as in task.{name}=0.02"
                )
        if self.target is not None and not 0 < self.target < 1:
            yield misset("target", self.target, "is no accuracy below 1", "as in task.target=0.95")
        if len(set(self.compare)) < len(self.compare):
            yield misset("compare", self.compare, "names a learner twice", "each once")
        for setting, name in self._named():
            try:
                learner(name, setting)
            except ConfigError as error:
                yield error
        if self.max_words is not None and min(self.kernel, self.slice) > 0:
            yield from self._levels.check(self.max_words)

    def start(self, run: Run) -> None:
        self.run = run
        run.refuse("model", "task.learner names what is trained")
        self.data = list(self._nested(run))
        self.learners: dict[str, Learner] = {name: learner(name, at) for at, name in self._named()}
        folds = np.array([fold.sizes for fold in self.data], float)
        self.curves = {
            name: FollowedCurve(
                x=folds.mean(0).tolist(),
                nu=self.nu,
                lookahead=self.lookahead,
                tau=self.tau,
                anchor=self.anchor,
            )
            for name in self.learners
        }

    def length(self) -> int:
        return len(self.curves[self.learner].x)

    def step(self, i: int) -> Mapping[str, float]:
        left = [name for name, curve in self.curves.items() if len(curve.by_fold) < i]
        for name in self.run.progress(left, "learners"):
            self._observe(name, i)
            self.run.safe_point()
        own = self.curves[self.learner]
        metrics = {"words": own.x[i - 1]} | own.metrics(self.target)
        for name, curve in self.curves.items():
            if suffix := self._suffix(name):
                told = curve.metrics(self.target).items()
                metrics |= {f"{key}{suffix}": value for key, value in told if key in COMPARED}
        if own.levels:
            self.run.label(
                forecast="provisional"
                if own.prediction_level is None
                else "past the prediction level"
            )
        return metrics

    def state(self) -> dict[str, Any]:
        observed = {name: curve.by_fold for name, curve in self.curves.items()}
        n = max(map(len, observed.values()))
        return {"learner": self.learner, "observed": observed, "drawn": self._drawn(n)}

    def restore(self, state: dict[str, Any]) -> None:
        if set(state["observed"]) != set(self.curves):
            raise ConfigError(
                f"the state has the learners {', '.join(state['observed'])}",
                hint="leave task.learner and task.compare as they were, or begin a new run",
            )
        if state["learner"] != self.learner:
            raise ConfigError(
                f"task.learner={self.learner}: the metrics so far are of {state['learner']}",
                hint=f"task.learner={state['learner']}, or begin a new run",
            )
        was = state["drawn"]
        self._levels.check_same(was, self._drawn(len(was["sizes"][0])))
        for name, by_fold in state["observed"].items():
            for values in by_fold:
                self.curves[name].observe(values)

    def result(self) -> Mapping[str, Any]:
        own, run = self.curves[self.learner], self.run
        rows = decisions(self.curves)
        self._save_tables()
        run.save_table("decision.csv", [asdict(row) for row in rows])
        if own.y:
            self._save_pictures(own)
        found: dict[str, Any] = {"convergence_level": own.convergence_level}
        by_learner = {row.learner: row for row in rows}
        for name in self.curves:
            if (row := by_learner.get(name)) is not None and row.error is not None:
                found[f"error_half{self._suffix(name)}"] = row.error
                found[f"error_third{self._suffix(name)}"] = row.error_third
        found["pairs_right"], found["pairs"] = ordered_pairs(rows)
        return found

    def _observe(self, name: str, i: int) -> None:
        """Train a learner on level i in every fold, and observe it."""
        began, accuracies = time.perf_counter(), []
        for fold, data in enumerate(self.data):
            seed = self.run.seed_of("learner", name, fold, i)
            told = self.learners[name](data, i - 1, seed)
            for text in told.warnings:
                self.run.warn(f"{name}: {text}")
            accuracies.append(float((told.classes == data.test_classes).mean()))
        self.curves[name].observe(accuracies)
        self.run.cost(**{f"seconds{self._suffix(name)}": time.perf_counter() - began})
        if (why := self.curves[name].refused) is not None:
            self.run.warn(f"{name}, level {i}: no power law is fitted, {why}")

    def _save_tables(self) -> None:
        observed, traced = [], []
        for name, curve in self.curves.items():
            for x, y, values in zip(curve.x, curve.y, curve.by_fold, strict=False):
                folds = {f"fold_{k}": value for k, value in enumerate(values) if len(values) > 1}
                observed.append({"x": x, "y": y, "learner": name} | folds)
            for level in curve.levels:
                law = {"a": level.law.a, "b": level.law.b, "c": level.law.c}
                row = {"level": level.n} | law | {"layer": level.layer, "learner": name}
                traced.append(row)
        self.run.save_table("observations.csv", observed)
        self.run.save_table("trace.csv", traced)

    def _save_pictures(self, own: FollowedCurve) -> None:
        n = half(len(own.x)) if own.is_whole else len(own.y)
        unit = "words" if isinstance(self.run.data(), TaggedSet) else "pictures"
        self.run.save_image("curve.png", trace_figure(own, n, unit))
        if len(self.curves) > 1:
            self.run.save_image("learners.png", learners_figure(self.curves, n, unit))

    # Data.

    def _nested(self, run: Run) -> Iterable[Nested]:
        """The folds."""
        data = run.data()
        if isinstance(data, TaggedSet):
            return self._of_text(run, data)
        if isinstance(data, ImageDataset):
            return self._of_pictures(run, data)
        raise ConfigError(
            f"data={data.name} holds neither tagged words nor pictures",
            hint="data=toy-pos, data=conllu or tagged-text with data.path=FILE, or data=digits",
        )

    def _of_text(self, run: Run, data: TaggedSet) -> Iterable[Nested]:
        for setting, name in self._named():
            check_text(name, setting)
        wanted = None if self.max_words is None else self.max_words + self.test_words
        sentences = data.tagged(run.numpy("language", 0), wanted)
        levels = self._levels.sizes(self.max_words or self._levels.left(count(sentences)))
        orders = [
            run.numpy("shuffle", fold).permutation(len(sentences)) for fold in range(self.folds)
        ]
        return self._levels.distinct(
            [nested_text(sentences, order, levels, self.test_words) for order in orders]
        )

    def _of_pictures(self, run: Run, data: ImageDataset) -> Iterator[Nested]:
        for setting, name in self._named():
            if name in TAGGERS:
                raise ConfigError(
                    f"{setting}: {name} tags words, and data={data.name} holds pictures",
                    hint=f"logistic, or a classifier as in {SKLEARN}GaussianNB",
                )
        levels = self._levels.sizes(self.max_words or len(data.train))
        for fold in range(self.folds):
            yield nested_pictures(data, run.numpy("shuffle", fold), levels, self.test_words)

    def _drawn(self, n: int) -> dict[str, Any]:
        """What the first n levels are."""
        return drawn(self.run.data().fingerprint, self.data, n)

    @property
    def _levels(self) -> Levels:
        return Levels(
            kernel=self.kernel,
            slice=self.slice,
            max_words=self.max_words,
            test_words=self.test_words,
        )

    # Names.

    def _named(self) -> Iterator[tuple[str, str]]:
        """Each learner once, and the setting that names it."""
        yield "task.learner", self.learner
        yield from (("task.compare", name) for name in self.compare if name != self.learner)

    def _suffix(self, name: str) -> str:
        return "" if name == self.learner else f"_{name.removeprefix(SKLEARN)}"
