"""One run as a row of a list: what `ls`, filters and comparisons look at."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from iterun.errors import StoreError
from iterun.store import marks
from iterun.store.reader import RunView, true_state
from iterun.store.schema import COMPLETED, PRUNED, RUNNING, Status, Summary, decode, encode

if TYPE_CHECKING:
    from pathlib import Path

MISSING: Final = object()  #: what `Row.get` gives for a name that the run doesn't have

#: names that every row has, in the order of a listing
COLUMNS = (
    "id", "system", "family", "state", "reason", "created", "seconds", "iterations", "seed",
    "model", "data", "signature", "tags", "note", "sweep", "path", "error", "attempt", "host",
)  # fmt: skip
#: of the body, which is the second half of a row's JSON as `ls --json` writes it
_BODY = (
    "reason", "seconds", "iterations", "signature", "tags", "note", "error", "attempt", "host",
    "parameters", "last", "result", "costs", "objective", "best", "parent", "sweep",
)  # fmt: skip
#: other words for them
ALIASES = {"status": "state", "task": "system", "tag": "tags"}
#: where a bare name is looked for, in this order, and the prefix that picks one place
_NO_PARAMETERS = ("about", "objective")  # of the node `task`
PLACES = {"task": "parameters", "metrics": "last", "result": "result", "cost": "costs"}


class Row:
    """A run in the index. Its JSON is parsed when something beyond the columns is asked for."""

    def __init__(self, outputs: Path, path: str, columns: tuple[Any, ...], body: str) -> None:
        self._where = outputs, path
        self.id: str
        (self.id, self.system, self.family, self._state, self.created, self.stamp, seed,
         self.model, self.data) = columns  # fmt: skip
        self.seed = int(seed)
        self.raw = body  #: JSON, an object with the names of `_BODY`

    @property
    def place(self) -> str:
        """The run directory below `outputs`: what tells rows of one folder apart."""
        return self._where[1]

    @cached_property
    def path(self) -> Path:
        """The run directory."""
        outputs, path = self._where
        return outputs / path

    @cached_property
    def body(self) -> dict[str, Any]:
        """What the run directory said when the index last looked."""
        body: dict[str, Any] = decode(self.raw.encode())
        return body

    @cached_property
    def state(self) -> str:
        """How the run stands now: a run said to be running is looked after."""
        if self._state != RUNNING:
            return str(self._state)
        return true_state(Status.from_json(self.body["status"]))

    @property
    def is_whole(self) -> bool:
        """Whether it completed by itself: no search ended it early."""
        return self.state == COMPLETED and self.reason != PRUNED

    @property
    def reason(self) -> str | None:
        """The rule or signal that ended it."""
        return self._text("reason")

    @property
    def error(self) -> str | None:
        """What it failed of."""
        return self._text("error")

    @property
    def host(self) -> str | None:
        """Where it runs or ran last."""
        return self._text("host")

    @property
    def attempt(self) -> int:
        """1, and one more for each resume."""
        return int(self.body["attempt"])

    @property
    def iterations(self) -> int | None:
        """The last iteration that was recorded."""
        found: int | None = self.body.get("iterations")
        return found

    @property
    def seconds(self) -> float | None:
        """Time spent, over all attempts; None before the first checkpoint."""
        found: float | None = self.body.get("seconds")
        return found

    @property
    def signature(self) -> str:
        """What groups the seeds of one setting."""
        return str(self.body["signature"])

    @property
    def parameters(self) -> dict[str, Any]:
        """Flat, without `task.`."""
        return self._dict("parameters")

    @property
    def last(self) -> dict[str, Any]:
        """Newest value of each metric."""
        return self._dict("last")

    @property
    def result(self) -> dict[str, Any]:
        """The run's summary of itself."""
        return self._dict("result")

    @property
    def costs(self) -> dict[str, Any]:
        """Timings, memory, throughput."""
        return self._dict("costs")

    @property
    def best(self) -> dict[str, Any] | None:
        """{i, value} of the objective."""
        found: dict[str, Any] | None = self.body.get("best")
        return found

    @property
    def objective(self) -> dict[str, Any] | None:
        """{metric, goal}."""
        found: dict[str, Any] | None = self.body.get("objective")
        return found

    @property
    def tags(self) -> list[str]:
        """Words that the user gave."""
        found: list[str] = self.body.get("tags", [])
        return found

    @property
    def note(self) -> str | None:
        """The user's remark."""
        found: str | None = self.body.get("note")
        return found

    @property
    def sweep(self) -> dict[str, Any] | None:
        """{id, job} of the sweep that it belongs to."""
        found: dict[str, Any] | None = self.body.get("sweep")
        return found

    @property
    def parent(self) -> dict[str, Any] | None:
        """{run, iteration} of a fork."""
        found: dict[str, Any] | None = self.body.get("parent")
        return found

    def get(self, name: str) -> Any:
        """The value of a column, parameter, metric, result or cost by its bare name, or `MISSING`.

        `best` is the best value of the objective, `sweep` a sweep's id. A prefix picks one place:
        `task.lr`, `metrics.lr`, `result.lr`, `cost.lr`.
        """
        name = ALIASES.get(name, name)
        if name == "sweep":
            return (self.sweep or {}).get("id")
        if name in COLUMNS:
            return getattr(self, name)
        if name == "best":
            return (self.best or {}).get("value", MISSING)
        place, _, rest = name.partition(".")
        if rest and place in PLACES:
            found = self._dict(PLACES[place]).get(rest, MISSING)
            if found is not MISSING:
                return found
        for key in PLACES.values():
            values = self._dict(key)
            if name in values:
                return values[name]
        return MISSING

    def names(self) -> set[str]:
        """All names that `get` knows here, but the prefixed ones."""
        found = {*COLUMNS, *ALIASES, "best"}
        return found.union(*(self._dict(key) for key in PLACES.values()))

    def to_json(self) -> dict[str, Any]:
        """The whole row, for `ls --json`."""
        return {**self._head(), **{name: self.body.get(name) for name in _BODY}}

    def json(self) -> str:
        """`to_json` as text; of a run that has ended without parsing what the index holds."""
        if self._state == RUNNING:
            return encode(self.to_json()).decode()
        return f"{encode(self._head()).decode()[:-1]},{self.raw[1:]}"

    def _head(self) -> dict[str, Any]:
        return {
            "id": self.id, "system": self.system, "family": self.family, "state": self.state,
            "created": self.created, "seed": self.seed, "model": self.model, "data": self.data,
            "path": str(self.path),
        }  # fmt: skip

    def _dict(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.body.get(key) or {}
        return found

    def _text(self, key: str) -> str | None:
        found: str | None = self.body.get(key)
        return found


def row_of(directory: Path) -> Row:
    """The row of one run directory, wherever it is.

    Raises:
        StoreError: a file that a row needs can't be read.
    """
    columns, body = read_row(directory)
    return Row(directory.parent, directory.name, columns, body)


def read_row(directory: Path, view: RunView | None = None) -> tuple[tuple[Any, ...], str]:
    """The columns and the body of a row, from the run directory.

    Raises:
        StoreError: a file that a row needs can't be read.
    """
    view = view or RunView(directory)
    record, status = view.record, view.status
    summary = view.summary or Summary(state=status.state, parameters=_parameters(view))
    marked = _marks(view)
    body = {
        "reason": status.reason, "seconds": summary.seconds if view.summary else None,
        "iterations": max(summary.iterations, status.iteration or 0),
        "signature": record.signature, "tags": marked.with_config(marks.of_config(view.config)),
        "note": marked.note or None, "error": status.error, "attempt": status.attempt,
        "host": status.host or None, "parameters": summary.parameters, "last": summary.last,
        "result": summary.result, "costs": summary.costs,
        "objective": summary.objective or record.objective, "best": summary.best,
        "parent": record.parent, "sweep": record.sweep,
    }  # fmt: skip
    if status.state == RUNNING:
        body["status"] = status.to_json()  # tells whether it still does
    columns = (
        record.id, record.system, record.family, status.state, record.created,
        _stamp(record.created), _seed(record.seed), record.model, record.data,
    )  # fmt: skip
    if not all(is_utf8(text) for text in columns if isinstance(text, str)):
        raise StoreError(
            f"{directory / 'run.json'} can't be read: a name in it holds half a character",
            hint="put it back from a copy, or remove the folder",
        )
    return columns, encode(body).decode()


def _marks(view: RunView) -> marks.Marks:
    """The user's marks; `iterun doctor --runs` tells of those that can't be read."""
    try:
        return marks.of(view)
    except StoreError:
        return marks.Marks()


def _seed(seed: int) -> int | str:
    """As sqlite can hold it."""
    return seed if -(1 << 63) <= seed < 1 << 63 else str(seed)


def is_utf8(text: str) -> bool:
    """Whether a text has no half characters, which sqlite can't hold."""
    return text.isascii() or not any(0xD800 <= ord(c) < 0xE000 for c in text)


def _parameters(view: RunView) -> dict[str, Any]:
    """What the summary will say, before there is one."""
    task, record = view.config.get("task"), view.record
    own = task if isinstance(task, dict) else {}
    flat = {k: x for k, x in own.items() if k[:1] != "_" and k not in _NO_PARAMETERS}
    chosen = {"model": record.model, "data": record.data, "seed": record.seed}
    return {**flat, **{k: x for k, x in chosen.items() if x is not None}, **record.resolved}


def _stamp(created: str) -> float:
    """Seconds since the epoch; `RunRecord.from_json` has seen that it is a time."""
    from datetime import datetime

    return datetime.fromisoformat(created).timestamp()
