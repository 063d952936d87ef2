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
LOST = "lost"  #: never written: said to run, but its process is gone
STATES = (RUNNING, COMPLETED, INTERRUPTED, FAILED, DIVERGED)

_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "None": (type(None),),
    "dict": (dict,), "list": (list,), "Any": (object,),
}  # fmt: skip
_Kinds = tuple[type, ...]


def _kinds(annotation: str) -> tuple[_Kinds, _Kinds | None]:
    """The types that an annotation allows for a value and, of a dict or list, for its items."""
    outer: _Kinds = ()
    inner: _Kinds | None = None
    for part in annotation.split(" | "):
        name, _, arguments = part.partition("[")
        outer += _KINDS[name]
        item = arguments.rstrip("]").rpartition(", ")[2]
        if item and item != "Any":
            inner = _KINDS[item]
    return outer, inner


class Record:
    """A dataclass that goes to JSON and back: unknown keys are ignored, empty fields left out."""

    _checks: ClassVar[dict[str, tuple[_Kinds, _Kinds | None, bool]]]

    def __init_subclass__(cls) -> None:
        cls._checks = {}

    def to_json(self) -> dict[str, Any]:
        """A dict that `encode` takes."""
        written = {}
        for name, (_, _, optional) in self._expected().items():
            value = getattr(self, name)
            empty = value is None or (isinstance(value, str | list | dict) and not value)
            if not (optional and empty):
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
        for name, (kinds, items, optional) in cls._expected().items():
            if name not in data:
                if not optional:
                    raise ValueError(f"the key {name!r} is missing")
                continue
            found[name] = value = data[name]
            if not isinstance(value, kinds):
                raise ValueError(f"the key {name!r} has a {type(value).__name__}")
            if items and isinstance(value, dict | list):
                for item in value.values() if isinstance(value, dict) else value:
                    if not isinstance(item, items):
                        raise ValueError(f"the key {name!r} holds a {type(item).__name__}")
        return cls(**found)

    @classmethod
    def _expected(cls) -> dict[str, tuple[_Kinds, _Kinds | None, bool]]:
        if not cls._checks:
            for item in fields(cls):  # type: ignore[arg-type]  # every subclass is a dataclass
                has_default = item.default is not MISSING or item.default_factory is not MISSING
                cls._checks[item.name] = (*_kinds(str(item.type)), has_default)
        return cls._checks


@dataclass(kw_only=True)
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
        return super().from_json(data)


@dataclass(kw_only=True)
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
    attempt: int = 1


@dataclass(kw_only=True)
class Iteration(Record):
    """One line of iterations.jsonl."""

    i: int
    time: float  #: when it was recorded, seconds since the epoch
    seconds: float  #: how long it took
    metrics: dict[str, float] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)  #: paths relative to the run directory


@dataclass(kw_only=True)
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
