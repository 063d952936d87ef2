"""Two runs held against each other: settings, code, packages, machine, iterations, results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iterun.analysis import replay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.store.reader import RunView
    from iterun.store.schema import Iteration, RunRecord

ABSENT: Final = object()  #: in a `Change`: this run has nothing of that name


@dataclass(frozen=True)
class Change:
    """What two runs don't agree on."""

    name: str
    a: Any
    b: Any

    def to_json(self) -> dict[str, Any]:
        """What a run doesn't have is left out."""
        return {key: x for key, x in (("a", self.a), ("b", self.b)) if x is not ABSENT}


@dataclass(kw_only=True)
class Course:
    """What two runs recorded in their iterations: metrics and labels, bit for bit."""

    common: int  #: iterations that both have
    only_a: int
    only_b: int
    first: replay.Difference | None
    largest: replay.Difference | None  #: by its share of the first run's value; of numbers alone
    n_different: int  #: values that aren't the same

    @property
    def is_equal(self) -> bool:
        """Whether both recorded the same, and equally much."""
        return self.first is None and not (self.only_a or self.only_b)


@dataclass(kw_only=True)
class Differences:
    """Everything two runs differ in; empty lists where they don't."""

    settings: list[Change]
    code: list[Change]
    packages: list[Change]
    machine: list[Change]
    course: Course
    results: list[Change]

    @property
    def parts(self) -> dict[str, list[Change]]:
        """The lists by their names."""
        return {
            "settings": self.settings, "code": self.code, "packages": self.packages,
            "machine": self.machine, "results": self.results,
        }  # fmt: skip

    @property
    def is_identical(self) -> bool:
        """Whether there is nothing at all that differs."""
        return self.course.is_equal and not any(self.parts.values())

    def to_json(self) -> dict[str, Any]:
        """As `iterun diff --json` writes it."""
        course = self.course
        parts = {
            part: {change.name: change.to_json() for change in changes}
            for part, changes in self.parts.items()
        }
        return {
            "identical": self.is_identical, **parts,
            "iterations": {
                "equal": course.is_equal, "common": course.common, "only_a": course.only_a,
                "only_b": course.only_b, "different_values": course.n_different,
                "first": _value(course.first), "largest": _value(course.largest),
            },
        }  # fmt: skip


def _value(found: replay.Difference | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "i": found.i, "name": found.name, "kind": found.kind, "a": found.was, "b": found.now,
        "relative": found.relative,
    }  # fmt: skip


def differences(a: RunView, b: RunView) -> Differences:
    """What two runs differ in.

    Raises:
        StoreError: a file of a run can't be read.
    """
    was, now = a.record, b.record
    return Differences(
        settings=_settings(a, b),
        code=_changes(_code(a), _code(b)),
        packages=_changes(was.packages, now.packages),
        machine=_changes(_machine(was), _machine(now)),
        course=course(a.iterations(), b.iterations()),
        results=_changes(_results(a), _results(b)),
    )


def course(a: Sequence[Iteration], b: Sequence[Iteration]) -> Course:
    """What two runs recorded in the iterations that both have."""
    second = {line.i: line for line in b}
    common = [(line, second[line.i]) for line in a if line.i in second]
    found = [one for pair in common for one in replay.between(*pair)]
    measured = [one for one in found if one.relative is not None]
    return Course(
        common=len(common),
        only_a=len(a) - len(common),
        only_b=len(b) - len(common),
        first=found[0] if found else None,
        largest=max(measured, key=lambda one: one.relative or 0.0, default=None),
        n_different=len(found),
    )


def _changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Change]:
    """Where two mappings differ, in the order of their names."""
    pairs = [(name, a.get(name, ABSENT), b.get(name, ABSENT)) for name in dict.fromkeys([*a, *b])]
    return [Change(*pair) for pair in pairs if not _same(pair[1], pair[2])]


def _same(a: Any, b: Any) -> bool:
    """Equal values of equal types: 1 and 1.0 are typed differently, but are one number."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return replay.same(a, b) or (a == b and a == 0)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _settings(a: RunView, b: RunView) -> list[Change]:
    """Of config.json; the signature, where it alone knows of another model's or text's content."""
    found = [{"seed": view.record.seed, **_flat(view.config)} for view in (a, b)]
    changes = _changes(*found)
    signatures = a.record.signature, b.record.signature
    if all(change.name == "seed" for change in changes) and signatures[0] != signatures[1]:
        changes.append(Change("content of model or data", *signatures))
    return changes


def _flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings as they are typed: task.sparsity, stop.iterations."""
    found: dict[str, Any] = {}
    for name, value in node.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _code(view: RunView) -> dict[str, Any]:
    record = view.record
    git = record.git or {}
    found: dict[str, Any] = {"iterun": record.version}
    found |= {f"git {name}": git[name] for name in ("commit", "dirty", "untracked") if name in git}
    if patch := view.patch():
        found["patch"] = f"{patch.count(chr(10))} lines, sha256 {_hash(patch)}"
    return found


def _hash(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _machine(record: RunRecord) -> dict[str, Any]:
    """Where a run computed, and what it made of settings that were left to it."""
    return {
        "python": record.python, "host": record.host, "device": record.device,
        "dtype": record.dtype, "threads": record.threads, **record.resolved, **record.environment,
    }  # fmt: skip


def _results(view: RunView) -> dict[str, Any]:
    """What the run delivered, and how it ended."""
    summary, status = view.summary, view.status
    found: dict[str, Any] = {"state": view.state, "reason": status.reason}
    if summary is not None:
        found |= {"iterations": summary.iterations, "best": (summary.best or {}).get("value")}
        found |= _flat(summary.result)
    return found


def patch_lines(a: RunView, b: RunView) -> list[str]:
    """A unified diff from one run's patch of the code to the other's; empty if they are equal."""
    import difflib

    was, now = (view.patch().splitlines(keepends=True) for view in (a, b))
    return list(difflib.unified_diff(was, now, f"{a.id}/code.patch", f"{b.id}/code.patch"))
