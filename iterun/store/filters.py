"""The filter words of `iterun ls`: `task=prune*  sparsity>0.5  status=completed  since=2d`."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import isclose
from typing import TYPE_CHECKING, Any, Final

from iterun.errors import ConfigError, nearest, raise_all
from iterun.store import expressions
from iterun.store.rows import ALIASES, COLUMNS, MISSING, Row
from iterun.store.schema import LOST, RUNNING, STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_WORD = r"(?P<name>[\w.@/+-]+?)\s*(?P<op>!=|>=|<=|=|>|<|~)\s*(?P<value>.*)"
_AGE = r"(\d+(?:\.\d+)?)\s*([smhdw])"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_TIMES = ("since", "before")
TOLERANCE = 1e-9  #: relative: range(0.1,0.8,0.1) is recorded as 0.30000000000000004
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
}  # fmt: skip
_IN_SQL = {"id", "family", "model", "data"}


@dataclass(repr=False, eq=False)
class Condition:
    """One word: a name, an operator, a value."""

    name: str
    op: str  #: = != > >= < <= ~
    value: str
    number: float | None  #: the value as a number; of since and before: seconds since the epoch

    def holds(self, row: Row) -> bool:
        """Whether the run fits. A run without the name fits no condition on it but `name=null`."""
        if self.name in _TIMES:
            return row.stamp >= (self.number or 0) if self.name == "since" else self._is_before(row)
        found = row.get(self.name)
        if self.name == "tags" or (self.name == "system" and self.op != "~"):
            return self._holds_for_one_of(row.tags if self.name == "tags" else [found, row.family])
        if found is MISSING:
            return self.op == "=" and self.value == "null"
        if self.op in ("=", "!="):
            return self._equals(found) == (self.op == "=")
        if self.op == "~":
            return self.value.casefold() in _text(found).casefold()
        return self._compares(found)

    def _is_before(self, row: Row) -> bool:
        return self.number is not None and bool(row.stamp < self.number)

    def _holds_for_one_of(self, values: Sequence[Any]) -> bool:
        if self.op == "~":
            return any(self.value.casefold() in _text(value).casefold() for value in values)
        return any(self._equals(value) for value in values) == (self.op == "=")

    def _equals(self, found: Any) -> bool:
        return any(_is_like(found, value) for value in self.value.split(","))

    def _compares(self, found: Any) -> bool:
        order = _ORDER[self.op]
        if isinstance(found, int | float) and not isinstance(found, bool):
            return self.number is not None and order(found, self.number)
        return isinstance(found, str) and self.number is None and order(found, self.value)

    def sql(self) -> tuple[str, list[Any]] | None:
        """A condition in SQL that lets through at least what fits; None: there is no simple one."""
        if self.name in _TIMES:
            return ("stamp >= ?" if self.name == "since" else "stamp < ?"), [self.number]
        values = self.value.split(",")
        if self.name not in COLUMNS or self.name in ("seconds", "iterations", "seed"):
            numbers = [_number(v) for v in values] if self.op == "=" else [self.number]
            condition = (
                None if self.op == "~" else expressions.compared(self.name, self.op, numbers)
            )
            return (condition, []) if condition else None
        if self.op != "=" or any(c in self.value for c in "[]") or "null" in values:
            return None
        if self.name in ("tags", "sweep"):  # plain words stand in the body as they are typed
            return _any("instr(body, ?)", values, 1) if all(map(_is_plain, values)) else None
        if self.name == "state" and not any(c in self.value for c in "*?"):
            return _any("state = ?", [RUNNING if v == LOST else v for v in values], 1)
        if self.name == "system":
            return _any("(system GLOB ? OR family GLOB ?)", values, 2)
        if self.name in _IN_SQL:
            return _any(f"{self.name} GLOB ?", values, 1)
        return None


def _any(condition: str, values: Sequence[str], slots: int) -> tuple[str, list[Any]]:
    parts = " OR ".join([condition] * len(values))
    return f"({parts})", [value for value in values for _ in range(slots)]


def _is_plain(value: str) -> bool:
    return value.isascii() and value.replace("-", "").replace("_", "").isalnum()


def _is_like(found: Any, value: str) -> bool:
    """Whether a value is what was typed: a number by its size, a text by glob."""
    if found is None:
        return value == "null"
    if isinstance(found, bool):
        return value.lower() == str(found).lower()
    if isinstance(found, int | float):
        number = _number(value)
        return number is not None and _is_equal(found, number)
    return fnmatchcase(_text(found), value)


def _is_equal(found: float, number: float) -> bool:
    """Floats up to rounding, as 0.1 + 0.2 and 0.3; whole numbers exactly, as of seeds."""
    if found == number or isinstance(found, int):
        return found == number
    return isclose(found, number, rel_tol=TOLERANCE) or (found != found and number != number)


def _text(found: Any) -> str:
    return "" if found is None else str(found)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


@dataclass(repr=False, eq=False)
class Filter:
    """All conditions of a line; a run fits if it fits every one."""

    conditions: tuple[Condition, ...]

    def __call__(self, row: Row) -> bool:
        return all(condition.holds(row) for condition in self.conditions)

    def sql(self) -> tuple[str, list[Any]]:
        """A condition and its values, which lets through at least the runs that fit."""
        parts = [part for condition in self.conditions if (part := condition.sql())]
        return " AND ".join(sql for sql, _ in parts) or "1", [v for _, vs in parts for v in vs]

    def check_names(self, rows: Iterable[Row]) -> None:
        """Refuse names that none of the runs has; without runs every name may be right.

        Raises:
            ConfigError: with the nearest names; several as one.
        """
        asked = {c.name for c in self.conditions if c.name not in (*COLUMNS, *_TIMES, "best")}
        if not asked:
            return
        known: set[str] = set()
        for row in rows:
            known |= row.names()
            asked = {name for name in asked if row.get(name) is MISSING}
        if known:
            raise_all(_unknown(name, known) for name in sorted(asked))


def parse(words: Sequence[str], *, now: float | None = None) -> Filter:
    """The filter of a command line.

    Operators: = != > >= < <= and ~ (holds the text); `*` and `?` in the value of = stand for any
    text; `seed=1,2,3` is any of them. Names: id, task, status, seed, model, data, tag, since and
    before (an age, 45m 3h 2d 1w, or an ISO date), and every parameter, metric, result and cost.

    Args:
        words: one condition each.
        now: seconds since the epoch, for ages; None: the clock.

    Raises:
        ConfigError: a word is no condition, or its value can't be; several as one.
    """
    faults: list[ConfigError] = []
    conditions: list[Condition] = []
    for word in words:
        try:
            conditions.append(_condition(word, time.time() if now is None else now))
        except ConfigError as error:
            faults.append(error)
    raise_all(faults)
    return Filter(tuple(conditions))


def _condition(word: str, now: float) -> Condition:
    match = re.fullmatch(_WORD, word.strip(), re.DOTALL)
    if match is None:
        raise ConfigError(
            f"{word!r} is no filter",
            hint="write NAME=VALUE, as in task=prune*, sparsity>0.5, status=completed, since=2d",
        )
    name, op, value = ALIASES.get(match["name"], match["name"]), match["op"], match["value"].strip()
    if name in _TIMES:
        if op != "=":
            raise ConfigError(f"{word!r}: {name} takes only =", hint=f"as in {name}=2d")
        return Condition(name, op, value, moment(word, value, now))
    known = (*STATES, LOST, "null")
    if name == "state" and op in ("=", "!=") and not any(c in value for c in "*?["):
        for state in value.split(","):
            if state not in known:
                close = nearest(state, known) or known
                raise ConfigError(
                    f"{word!r}: no state {state!r}", hint=f"there is {', '.join(close)}"
                )
    return Condition(name, op, value, _number(value))


def moment(word: str, value: str, now: float) -> float:
    """Seconds since the epoch of an age or a date.

    Args:
        word: what was typed, for the message.
        value: "45m", "3h", "2d", "1w", "2026-11-24".
        now: seconds since the epoch.

    Raises:
        ConfigError: it is neither.
    """
    if match := re.fullmatch(_AGE, value):
        return now - float(match[1]) * _UNITS[match[2]]
    from datetime import datetime

    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ConfigError(
            f"{word!r} names no time",
            hint="write an age, as 45m, 3h, 2d, 1w, or a date, as 2026-11-24 or 2026-11-24T10:15",
        ) from None


def _unknown(name: str, known: Iterable[str]) -> ConfigError:
    close = nearest(name, sorted(known)) or nearest(name.rpartition(".")[2], sorted(known))
    return ConfigError(
        f"no run has a column, parameter, metric, result or cost called {name!r}",
        hint=f"did you mean {' or '.join(close)}?" if close else "`iterun show RUN` lists them",
    )


def order(values: Sequence[Any], *, descending: bool) -> list[int]:
    """The positions of values in their order: numbers, then texts, then the rest as they stood."""
    numbers = [k for k, v in enumerate(values) if isinstance(v, int | float) and v == v]
    texts = [k for k, v in enumerate(values) if isinstance(v, str)]
    for part in (numbers, texts):
        part.sort(key=values.__getitem__, reverse=descending)
    placed = {*numbers, *texts}
    return [*numbers, *texts, *(k for k in range(len(values)) if k not in placed)]


def unknown(name: str, rows: Iterable[Row]) -> ConfigError:
    """The error for a name that none of the rows has."""
    return _unknown(name, set[str]().union(*(row.names() for row in rows)))
