"""The course of runs: metrics over iterations, and the band of several seeds. No pandas here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from iterun.errors import StoreError
from iterun.ops import stats
from iterun.store.columns import SECONDS, read_columns
from iterun.store.reader import RunView
from iterun.store.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from iterun.store.schema import Iteration

    Floats = NDArray[np.float64]

# In brackets: no metric is called so.
ELAPSED = "(elapsed)"  #: seconds since the run began, over all attempts: the sum of `seconds`
ITERATION = "(i)"
_ASIDE = (ELAPSED, ITERATION)  #: made from what is always read


@dataclass
class Curve:
    """What one run recorded, iteration by iteration."""

    id: str
    i: NDArray[np.int64]  # (lines,), ascending
    seconds: Floats  #: of each iteration, (lines,)
    #: (lines,) each; as recorded, infinities too; NaN also where nothing was
    values: dict[str, Floats] = field(default_factory=dict)
    #: where a value was recorded, (lines,) each; NaN there is a recorded NaN
    recorded: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def elapsed(self) -> Floats:
        """Seconds of computing up to and with each iteration; (lines,)."""
        return np.cumsum(self.seconds)

    def column(self, name: str) -> Floats:
        """A value that was read, or `ITERATION`, `seconds`, `ELAPSED`; (lines,)."""
        if name in self.values:
            return self.values[name]
        if name == ELAPSED:
            return self.elapsed
        return self.seconds if name == SECONDS else self.i.astype(np.float64)

    def at(self, lines: NDArray[Any]) -> Curve:
        """These lines alone, by position or by which are true."""
        return replace(
            self, i=self.i[lines], seconds=self.seconds[lines],
            values={name: values[lines] for name, values in self.values.items()},
            recorded={name: values[lines] for name, values in self.recorded.items()},
        )  # fmt: skip

    def points(self, name: str) -> tuple[NDArray[np.int64], Floats]:
        """The iterations that recorded a value, and the values."""
        has = self.recorded.get(name)
        values = self.column(name)
        return (self.i, values) if has is None else (self.i[has], values[has])


@dataclass
class Band:
    """The mean of several seeds and its 95 % interval, iteration by iteration; (iterations,) each.

    A recorded NaN or infinity makes the mean one too: a seed that broke is not averaged away.
    """

    i: NDArray[np.int64]
    mean: Floats
    low: Floats  #: NaN where fewer than two seeds recorded something
    high: Floats
    n: NDArray[np.int64]  #: seeds that recorded something


def read(row_or_view: Row | RunView, names: Sequence[str]) -> Curve:
    """The course of metrics and costs of a run; iterations.jsonl is read once.

    Args:
        row_or_view: the run.
        names: metrics, costs, `seconds` (of each iteration), as `names` gives them; `metrics.lr`
            and `cost.lr` where both have one. What the run doesn't have is NaN throughout.

    Raises:
        StoreError: iterations.jsonl can't be read.
    """
    directory = row_or_view.path if isinstance(row_or_view, Row) else row_or_view.directory
    asked = [name for name in dict.fromkeys(names) if name not in _ASIDE]
    columns = read_columns(directory, asked)
    found = {name: np.array(column, float) for name, column in columns.values.items()}
    recorded = {
        name: np.array([x is not None for x in column], bool)
        for name, column in columns.values.items()
    }
    try:
        i = np.array(columns.i, np.int64)
    except OverflowError as error:
        raise StoreError(
            f"{directory} names an iteration that no machine counts up to",
            hint="iterations.jsonl was not written by iterun",
        ) from error
    seconds = np.array(columns.seconds, float)
    curve = Curve(row_or_view.id, i, seconds, found, recorded)
    if (np.diff(i) > 0).all():
        return curve
    # Not ours: we move lines away before an iteration is done again. The last one counts.
    _, at = np.unique(i[::-1], return_index=True)
    return curve.at(len(i) - 1 - at)


def names(rows: Iterable[Row]) -> list[str]:
    """What `read` finds in at least one of the runs: metrics, then costs, then `seconds`."""
    metrics: dict[str, None] = {}
    costs: dict[str, None] = {}
    for row in rows:
        metrics |= dict.fromkeys(row.last)
        costs |= dict.fromkeys(row.costs)
        if not row.last:  # before the first checkpoint only the lines know
            for line in _lines(row):
                metrics |= dict.fromkeys(line.metrics)
                costs |= dict.fromkeys(line.cost)
    return list(metrics | costs | {SECONDS: None})


def _lines(row: Row) -> Iterable[Iteration]:
    try:
        return RunView(row.path).iterations()
    except StoreError:
        return ()


def arms(row: Row, metric: str) -> list[str]:
    """The metrics that are the same measure as `metric` in other arms of the run, by `about.arms`.

    As in ["psnr_pinv", "pinv_psnr"] for "psnr", of which a run has one; empty if the system names
    none. What a control is measured at stands last in a name: `teacher_fd@4`.
    """
    try:
        task = RunView(row.path).config.get("task")
    except StoreError:
        return []
    about = task.get("about") if isinstance(task, dict) else None
    named = about.get("arms") if isinstance(about, dict) else None
    found = named.get(metric) if isinstance(named, dict) else None
    arms_of = found if isinstance(found, list) else []
    return [name for arm in arms_of for name in (f"{metric}_{arm}", f"{arm}_{metric}")]


def band(curves: Sequence[Curve], name: str, *, most: int | None = None) -> Band:
    """The mean over seeds with its interval, at each iteration that any seed recorded.

    Args:
        curves: the seeds of one setting.
        name: a name that was read, or `ELAPSED`.
        most: intervals, which take time, at so many iterations only, spread evenly, the last one
            among them; NaN elsewhere. None: at all.
    """
    parts = [curve.points(name) for curve in curves]
    at = np.concatenate([i for i, _ in parts]) if parts else np.empty(0, np.int64)
    values = np.concatenate([found for _, found in parts]) if parts else np.empty(0)
    i, group = np.unique(at, return_inverse=True)
    n = np.bincount(group, minlength=len(i))
    low, high = np.full(len(i), np.nan), np.full(len(i), np.nan)
    with np.errstate(all="ignore"):
        mean = np.bincount(group, weights=values, minlength=len(i)) / n
    chosen = np.arange(len(i)) if most is None or most >= len(i) else _spread(len(i), most)
    place = np.full(len(i), -1)
    place[chosen] = np.arange(len(chosen))
    taken = place[group] >= 0
    found = stats.mean_intervals(values[taken], place[group][taken], len(chosen))
    mean[chosen], low[chosen], high[chosen] = found.mean, found.low, found.high
    return Band(i, mean, low, high, n)


def _spread(n: int, most: int) -> NDArray[np.int64]:
    """`most` of n positions, the last one among them."""
    return np.unique(np.linspace(n - 1, 0, most).astype(np.int64))
