"""Typed records of a run directory."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Self

from iterun.store.encoding import decode, encode

__all__ = [
    "Iteration", "Record", "RunRecord", "Status", "Summary", "decode", "encode",
]  # fmt: skip

SCHEMA = 1  #: version of the run directory's format, in run.json

RUNNING, COMPLETED, INTERRUPTED = "running", "completed", "interrupted"
FAILED, DIVERGED = "failed", "diverged"
PRUNED = "pruned"  #: reason of a completed run that a search ended early: not a whole one
LOST = "lost"  #: never written: said to run, but its process is gone
STATES = (RUNNING, COMPLETED, INTERRUPTED, FAILED, DIVERGED)

_LARGEST = 1 << 256  # of whole numbers: seeds may have some digits, clocks and counts never

_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "None": (type(None),),
    "dict": (dict,), "list": (list,), "Any": (object,),
}  # fmt: skip


class _Expected:
    """What a field may hold, from its annotation: types of the value and of a dict's items."""

    def __init__(self, annotation: str, default: Any) -> None:
        self.default = default
        self.optional = default is not MISSING
        self._kinds: tuple[type, ...] = ()
        self._items: tuple[type, ...] = ()
        for part in annotation.split(" | "):
            name, _, arguments = part.partition("[")
            self._kinds += _KINDS[name]
            item = arguments.rstrip("]").rpartition(", ")[2]
            if item and item != "Any":
                self._items = _KINDS[item]

    def check(self, name: str, value: object) -> None:
        """Raise ValueError if `value`, decoded from JSON, is of another type."""
        if not isinstance(value, self._kinds):
            raise ValueError(f"the key {name!r} has a {type(value).__name__}")
        if type(value) is int and not -_LARGEST < value < _LARGEST and object not in self._kinds:
            raise ValueError(f"the key {name!r} has a number that nothing here has")
        if self._items and isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                if not isinstance(item, self._items):
                    raise ValueError(f"the key {name!r} holds a {type(item).__name__}")


class Record:
    """A dataclass that goes to JSON and back: unknown keys are ignored, empty fields left out.

    repr and == stand here, once: dataclasses would write code for each class, which costs every
    start of the command line 3 ms.
    """

    _fields: ClassVar[dict[str, _Expected]]

    def __init_subclass__(cls) -> None:
        cls._fields = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # as dataclasses have it

    def to_json(self) -> dict[str, Any]:
        """A dict that `encode` takes."""
        written = {}
        for name, expected in self._expected().items():
            value = getattr(self, name)
            empty = value is None or (isinstance(value, str | list | dict) and not value)
            if not (empty and expected.optional and value == expected.default):
                written[name] = value
        return written

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The record of a decoded JSON object.

        Raises:
            ValueError: not an object, a field is missing or has another type.
        """
        if not isinstance(data, dict):
            raise ValueError("not a JSON object")
        found = {}
        for name, expected in cls._expected().items():
            if name in data:
                found[name] = value = data[name]
                expected.check(name, value)
            elif not expected.optional:
                raise ValueError(f"the key {name!r} is missing")
        return cls(**found)

    @classmethod
    def _expected(cls) -> dict[str, _Expected]:
        if not cls._fields:
            for item in fields(cls):  # type: ignore[arg-type]  # every subclass is a dataclass
                default = item.default
                if item.default_factory is not MISSING:
                    default = item.default_factory()
                cls._fields[item.name] = _Expected(str(item.type), default)
        return cls._fields


@dataclass(kw_only=True, repr=False, eq=False, match_args=False)
class RunRecord(Record):
    """run.json: what a run is and where it came from; written once."""

    id: str
    system: str  #: "prune/perp"
    family: str  #: "prune"
    signature: str  #: hash of everything that decides the numbers, but the seed
    seed: int
    created: str  #: ISO 8601, local time with zone
    parent: dict[str, Any] | None = None  #: {run, iteration} of a fork
    sweep: dict[str, Any] | None = None  #: {id, job}
    command: list[str] = field(default_factory=list)
    version: str = ""  #: iterun's
    git: dict[str, Any] | None = None  #: {commit, dirty, patch}
    python: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    host: str = ""
    cpu: str = ""  #: the processor's name; other ones may add in another order
    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 1
    environment: dict[str, str] = field(default_factory=dict)  #: by allow-list only
    objective: dict[str, Any] | None = None  #: {metric, goal: min|max}
    model: str | None = None
    data: str | None = None
    resolved: dict[str, Any] = field(default_factory=dict)  #: what parameters of null became

    def to_json(self) -> dict[str, Any]:
        """As `Record.to_json`, with the format's version in front."""
        return {"schema": SCHEMA, **super().to_json()}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """As `Record.from_json`; refuses a format newer than ours."""
        schema = data.get("schema", SCHEMA) if isinstance(data, dict) else SCHEMA
        if not isinstance(schema, int) or schema > SCHEMA:
            raise ValueError(f"written by a newer iterun (format {schema!r}, ours is {SCHEMA})")
        record = super().from_json(data)
        _check_time(record.created)
        _check_keys("objective", record.objective, metric=(str,), goal=(str,))
        _check_keys("parent", record.parent, run=(str,), iteration=(int,))
        return record


@dataclass(kw_only=True, repr=False, eq=False, match_args=False)
class Status(Record):
    """status.json: who runs it now, and how it ended."""

    state: str
    reason: str | None = None  #: the rule or signal that ended it
    error: str | None = None
    pid: int = 0
    host: str = ""
    boot_id: str = ""
    start_ticks: int = 0  #: of the process, in clock ticks since boot: tells a reused pid
    heartbeat: float = 0.0  #: seconds since the epoch
    iteration: int | None = None  #: the last one finished
    length: int | None = None  #: iterations in all, stop.iterations counted in; None: not known
    attempt: int = 1


@dataclass(kw_only=True, repr=False, eq=False, match_args=False)
class Iteration(Record):
    """One line of iterations.jsonl."""

    i: int
    time: float  #: when it was recorded, seconds since the epoch
    seconds: float  #: how long it took
    metrics: dict[str, float] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)  #: paths relative to the run directory


@dataclass(kw_only=True, repr=False, eq=False, match_args=False)
class Summary(Record):
    """summary.json: what lists and comparisons need; written at checkpoints and at the end."""

    state: str
    reason: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)  #: flat, without `task.`
    objective: dict[str, Any] | None = None
    last: dict[str, float] = field(default_factory=dict)  #: newest value of each metric
    best: dict[str, Any] | None = None  #: {i, value} of the objective
    result: dict[str, Any] = field(default_factory=dict)
    iterations: int = 0
    seconds: float = 0.0  #: of all attempts together
    costs: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: object) -> Self:
        """As `Record.from_json`; the parts have their keys."""
        summary = super().from_json(data)
        _check_keys("objective", summary.objective, metric=(str,), goal=(str,))
        _check_keys("best", summary.best, i=(int,), value=(int, float))
        return summary


def _check_time(created: str) -> None:
    from datetime import datetime

    try:
        datetime.fromisoformat(created).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"created={created!r} is no ISO time as 2026-11-24T10:15:00+01:00"
        ) from None


def _check_keys(name: str, part: dict[str, Any] | None, **kinds: tuple[type, ...]) -> None:
    """Raise ValueError if `part` is neither None nor has these keys with values of these types."""
    for key, kind in kinds.items() if part is not None else ():
        if part is None or not isinstance(part.get(key), kind):
            raise ValueError(f"the key {name!r} has no {key!r} of the right type")
