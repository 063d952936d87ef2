"""What another tool is told of a run: how it is set up, its iterations, its pictures, its end.

A run is told from its directory, never out of the process that computes it: `follow.py` reads the
lines that are recorded, `serve.py` does so in a process of its own. So a mirror can neither slow a
run nor change its numbers, and a finished run is exported in the same way as one that goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from iterun.errors import ConfigError
from iterun.store.encoding import as_float, encode
from iterun.trackers.names import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from iterun.store.rows import Row
    from iterun.store.schema import Iteration

LATEST = 4102444800.0  #: the year 2100: a later time is none that a run has
_EXACT = 2**53  # whole numbers below are the same as floats
LONGEST_WAIT = 86400.0  #: seconds: a day
NOTHING_YET = -1  #: what `begin` gives for a run that the tool doesn't have


@dataclass(kw_only=True)
class Tracker:
    """One tool, at one place; a class of your own derives from it. One run at a time.

    Its package is imported in `begin`, not before: the class is looked at wherever a run starts.
    """

    place: str | None  #: where it keeps runs; None: `.trackers/<tool>` beside the run's family
    wait: float  #: seconds that the end of a run may wait for the rest to be written

    tool: ClassVar[str]  #: as in logger=mlflow
    package: ClassVar[str]  #: what has to be importable
    takes_address: ClassVar[bool] = False  #: whether `place` may be one instead of a folder

    def check(self) -> Iterator[ConfigError]:
        """Every fault of the settings, without the tool's package."""
        if not 0 <= self.wait <= LONGEST_WAIT:
            key = f"logger.{self.tool}.wait"
            yield ConfigError(
                f"{key}={self.wait:g} is no time from 0 seconds to a day",
                hint=f"as in {key}=20",
            )
        if not self.takes_address and "://" in str(self.place):
            yield ConfigError(
                f"{self.place} is no folder, and {self.tool} keeps runs in one",
                hint=f"as in logger.{self.tool}.place=FOLDER, or --out FOLDER of iterun export",
            )

    def environment(self) -> dict[str, str]:
        """Variables of its process, set where the user has not: no telemetry, no long waits."""
        return {}

    def begin(self, run: Row) -> int:
        """Open the run, new or known.

        Returns:
            The last iteration that the tool has already; -1: all of them are wanted.
        """
        raise NotImplementedError

    def iterations(self, lines: Sequence[Iteration]) -> None:
        """Write iterations, in order; when it returns, they outlive a killed process."""
        raise NotImplementedError

    def picture(self, name: str, i: int | None, path: Path) -> None:
        """Keep a PNG that the run delivered; of iteration i, or of the run."""

    def end(self, run: Row) -> None:
        """Write state and summary and close the run; it may be gone on with another time."""
        raise NotImplementedError

    def look(self) -> str:
        """The line that shows what is kept at the place."""
        return str(self.place)

    def settings(self) -> dict[str, Any]:
        """What it is built from, for the process that it works in."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def numbers(line: Iteration) -> dict[str, float]:
    """All numbers of an iteration: metrics by their names, the rest below `cost/`."""
    found = {text(name): as_float(value) for name, value in line.metrics.items()}
    found |= {f"cost/{text(name)}": as_float(value) for name, value in line.cost.items()}
    return {**found, "cost/seconds": line.seconds}


def labels(line: Iteration) -> dict[str, str]:
    """Its words, below `label/`."""
    return {f"label/{text(name)}": text(word) for name, word in line.labels.items()}


def results(run: Row) -> dict[str, float]:
    """The numbers of the run's own summary, below `result/`."""
    found = {
        f"result/{text(name)}": as_float(value)
        for name, value in run.result.items()
        if is_number(value)
    }
    if run.best is not None:
        found["result/best"] = as_float(run.best["value"])
    return found


def is_number(value: object) -> bool:
    """Whether a value can be drawn as a curve's point."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def ended_at(run: Row) -> float:
    """When it came to its end, as far as its own times say: seconds since the epoch."""
    return float(min(run.stamp + max(run.seconds or 0.0, 0.0), LATEST))


def about(run: Row) -> dict[str, str]:
    """What is said of a run beside its parameters, by names of ours; what is not there is left out.

    `parent` is RUN@ITERATION of a fork, `sweep` the sweep's id.
    """
    parent, sweep = run.parent, run.sweep
    found = {
        "id": run.id, "system": run.system, "signature": run.signature, "created": run.created,
        "path": run.path, "tags": ", ".join(run.tags), "note": run.note,
        "parent": f"{parent['run']}@{parent['iteration']}" if parent else None,
        "sweep": sweep["id"] if sweep and sweep.get("id") else None,
    }  # fmt: skip
    return {name: text(word) for name, word in found.items() if word}


def ended(run: Row) -> dict[str, str]:
    """State and reason."""
    return {"state": run.state} | ({"reason": text(run.reason)} if run.reason else {})


def plain(parameters: Mapping[str, Any]) -> dict[str, bool | float | str]:
    """Parameters as every tool takes them: a list or dict as JSON, null as the word."""
    return {text(name): _plain(value) for name, value in parameters.items()}


def _plain(value: Any) -> bool | float | str:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < _EXACT:
        return value
    if isinstance(value, int | float):
        return as_float(value)
    return text(value if isinstance(value, str) else encode(value).decode())
