"""What the rule `stop=forecast` does to curves that were recorded whole: saved, lost, covered.

    python scripts/bench/forecast_curves.py [CURVE.json|RUN-DIRECTORY|FOLDER…] [--make-nets FOLDER]

A curve is a JSON object {"task", "metric", "goal", "seed", "x", "y"} (and "name"), or a run, whose
objective it is then; folders are walked for both. Each is shown to the rule value by value, the
horizon its last iteration. A stop was too early where the best value up to the end is better than
the best at the stop by more than the gain. `unreachable` is asked for targets 0.01 below the best
value, in the metric's unit 2 gains, which a stop must never give up, and 4 and 10 gains above.

The interval is looked at after every third of
each curve and half of it, against the last value that was recorded.

--make-nets trains 18 scikit-learn nets on digits into a folder first: 80 epochs, three nets, three
seeds, held-out accuracy and log loss; a minute on one core.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from iterun.analysis import curves
from iterun.analysis.forecast import Replayed, replay
from iterun.ops import forecast, learning_curve
from iterun.ops.forecast import Rule, usual_gain
from iterun.store.rows import row_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterun.ops.learning_curve import Level

_fits: dict[tuple[object, ...], Level] = {}  # by what they are of


def _once(levels: Sequence[Level], x: Sequence[float], y: Sequence[float], **how: Any) -> Level:
    """The same fit for every variant, computed once: it takes nearly all of the time."""
    key = (tuple(x), tuple(y), *how.values())
    if key not in _fits:
        _fits[key] = learning_curve.extended(levels, x, y, **how)
    return _fits[key]


vars(forecast)["extended"] = _once
EPOCHS = 80
NETS = {
    "adam64": {"hidden_layer_sizes": (64,), "solver": "adam", "learning_rate_init": 1e-3},
    "sgd64": {"hidden_layer_sizes": (64,), "solver": "sgd", "learning_rate_init": 0.02},
    "linear": {"hidden_layer_sizes": (), "solver": "sgd", "learning_rate_init": 0.02},
}
SHARES = (1 / 3, 1 / 2, 2 / 3)  #: of a curve, after which its interval is looked at


@dataclass
class Curve:
    """One series, whole."""

    series: str  #: of which task
    seed: int
    rising: bool
    i: list[int]
    x: list[float]
    y: list[float]

    @property
    def gain(self) -> float:
        """What the rule takes: 0.005 of a share, half a percent of the range of anything else."""
        return usual_gain(self.y)

    @property
    def best(self) -> float:
        return max(self.y) if self.rising else min(self.y)


def main() -> None:
    warnings.simplefilter("ignore", category=UserWarning)  # of nets that have not converged yet
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("places", nargs="*", type=Path)
    parser.add_argument("--make-nets", type=Path, metavar="FOLDER")
    parser.add_argument("--gain", type=float, help="the same for all, in each metric's unit")
    parser.add_argument("--each", action="store_true", help="a line a curve, too")
    asked = parser.parse_args()
    if asked.make_nets:
        make_nets(asked.make_nets)
        asked.places.append(asked.make_nets)
    found = [curve for place in asked.places for curve in read(place)]
    if not found:
        sys.exit("no curve: name JSON files, run directories or folders of them")
    rules(found, asked.gain, each=asked.each)
    targets(found, asked.gain)
    coverage(found)


def read(place: Path) -> Iterator[Curve]:
    """All curves at a place."""
    if place.is_file():
        yield from of_json(place)
    elif (place / "run.json").is_file():
        yield from of_run(place)
    else:
        for inner in sorted(place.rglob("*.json")):
            if inner.name == "run.json":
                yield from of_run(inner.parent)
            elif inner.parent == place:
                yield from of_json(inner)


def of_json(file: Path) -> Iterator[Curve]:
    one = json.loads(file.read_text())
    y, x = [float(v) for v in one["y"]], [float(v) for v in one["x"]]
    name = one.get("name") or file.stem.replace(f"-{one['seed']}", "")
    yield Curve(name, one["seed"], one["goal"] == "max", list(range(1, len(y) + 1)), x, y)


def of_run(directory: Path) -> Iterator[Curve]:
    row = row_of(directory)
    objective = row.objective
    if row.state != "completed" or not objective:
        return
    curve = curves.read(row, [objective["metric"]])
    curve = curve.at((curve.i > 0) & np.isfinite(curve.column(objective["metric"])))
    y = [float(v) for v in curve.column(objective["metric"])]
    i = [int(v) for v in curve.i]
    name = f"{row.system} {objective['metric']}"
    yield Curve(name, row.seed, objective["goal"] == "max", i, [float(v) for v in i], y)


def make_nets(folder: Path) -> None:
    """Train, and leave a curve a net, metric and seed."""
    from sklearn.datasets import load_digits
    from sklearn.metrics import log_loss
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    folder.mkdir(parents=True, exist_ok=True)
    images, labels = load_digits(return_X_y=True)
    for name, settings in NETS.items():
        for seed in range(3):
            train, test, y_train, y_test = train_test_split(
                images / 16, labels, test_size=0.3, random_state=seed, stratify=labels
            )
            net = MLPClassifier(random_state=seed, **settings)
            values: dict[str, list[float]] = {"accuracy": [], "logloss": []}
            for _ in range(EPOCHS):
                net.partial_fit(train, y_train, classes=range(10))
                values["accuracy"].append(float(net.score(test, y_test)))
                values["logloss"].append(float(log_loss(y_test, net.predict_proba(test))))
            for metric, y in values.items():
                one = {
                    "name": f"{name} {metric}", "task": "digits", "metric": metric, "seed": seed,
                    "goal": "max" if metric == "accuracy" else "min",
                    "x": list(range(1, EPOCHS + 1)), "y": y,
                }  # fmt: skip
                (folder / f"{name}-{metric}-{seed}.json").write_text(json.dumps(one))


def shown(curve: Curve, rule: Rule) -> Replayed:
    """The curve under a rule, its end the horizon."""
    return replay(curve.i, curve.x, curve.y, curve.i[-1], rule, rising=curve.rising)


def rules(found: list[Curve], gain: float | None, *, each: bool) -> None:
    """What was saved and lost, by series."""
    replays = [(c, shown(c, Rule(gain=gain or c.gain))) for c in found]
    print(f"{'series':<34}{'curves':>7}{'off':>5}{'stopped':>9}{'saved':>7}"
          f"{'loss/gain mean':>16}{'max':>7}{'too early':>11}")  # fmt: skip
    for series in [*dict.fromkeys(c.series for c in found), ""]:
        some = [(c, r) for c, r in replays if series in ("", c.series)]
        print(f"{series or 'all':<34}{line(some, gain)}")
        for curve, made in some if each and series else []:
            end = f"stopped {made.stopped.i}, lost {made.stopped.lost:.4g}" if made.stopped else ""
            print(f"    seed {curve.seed}: {len(curve.y)} values, {made.forecaster.fault or end}")
    print("loss and gain in the metric's unit; gain: 0.005 of a share, else 0.5 % of the range")


def line(some: list[tuple[Curve, Replayed]], gain: float | None) -> str:
    stops = [(c, r.stopped) for c, r in some if r.stopped and r.stopped.verdict == "forecast"]
    off = sum(r.forecaster.fault is not None for _, r in some)
    saved = sum(s.saved for _, s in stops) / sum(c.i[-1] for c, _ in some)
    losses = [(s.lost or 0.0) / (gain or c.gain) for c, s in stops]
    text = f"{len(some):>7}{off:>5}{len(stops):>9}{saved:>7.0%}"
    if not losses:
        return text
    early = sum(loss > 1 for loss in losses)
    return f"{text}{statistics.mean(losses):>16.2f}{max(losses):>7.2f}{early:>11}"


def targets(found: list[Curve], gain: float | None) -> None:
    """`unreachable`, for targets that the curve reached and such that it did not."""
    print("\nunreachable, by target in gains from the best value that came")
    for off, is_reached in ((-2, True), (4, False), (10, False)):
        said, at = 0, []
        for curve in found:
            one = gain or curve.gain
            sign = 1 if curve.rising else -1
            rule = Rule(gain=one, target=curve.best + sign * off * one)
            made = shown(curve, rule).stopped
            if made is not None and made.verdict == "unreachable":
                said += 1
                at.append(made.i / curve.i[-1])
        kind = "reached" if is_reached else "not reached"
        mean = f", after {statistics.mean(at):.0%} of the curve" if at else ""
        print(f"  {off:+d} gains ({kind}): given up {said} of {len(found)}{mean}")


def coverage(found: list[Curve]) -> None:
    """How often the last value lay in the interval, by series, share and width."""
    print("\nlast value inside the interval; half its width, in shares of the range seen, median")
    before = forecast.WIDENED
    for widened in (0.0, 1.0, 2.0):
        forecast.WIDENED = widened
        made = [(c, shown(c, replace(Rule(), gain=c.gain))) for c in found]
        for kind, keep in (("all", False), ("past the prediction level", True)):
            cells = []
            for share in SHARES:
                hits, halves = [], []
                for curve, replayed in made:
                    one = at(replayed, share * curve.i[-1])
                    if one is None or (keep and one.provisional):
                        continue
                    hits.append(one.low <= curve.y[-1] <= one.high)
                    halves.append((one.high - one.low) / 2 / np.ptp(curve.y))
                if hits:
                    text = f"{sum(hits)}/{len(hits)} {statistics.mean(hits):.0%}"
                    cells.append(f"{text} ±{statistics.median(halves):.1%}")
                else:
                    cells.append("none")
            print(f"  ± {widened:g} residuals, {kind:<26}" + "".join(f"{c:>22}" for c in cells))
    forecast.WIDENED = before
    print("  after a third, a half and two thirds of each curve")


def at(replayed: Replayed, i: float) -> forecast.Forecast | None:
    """The last forecast up to an iteration."""
    return next((one for one in reversed(replayed.forecasts) if one.i <= i), None)


if __name__ == "__main__":
    main()
