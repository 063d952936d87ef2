"""The runs that a command's words mean: names of runs, or conditions that runs fit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from iterun.errors import ConfigError
from iterun.store import filters
from iterun.store.rows import Row, row_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.store.index import Index


class Picked(NamedTuple):
    """A run, and the iteration that was named with it (RUN@7)."""

    row: Row
    iteration: int | None = None


def is_condition(word: str) -> bool:
    """Whether a word is a condition on runs and not the name of one."""
    return any(sign in word for sign in "=<>~") and not os.path.isdir(word)


def runs(index: Index, words: Sequence[str], *, limit: int | None = None) -> list[Picked]:
    """The runs named, in the order of the words; then those that fit all conditions, newest first.

    A run that is meant twice is there once. No word: no run.

    Args:
        index: over the folder with the runs.
        words: ids, prefixes, tags, directories, @-1, RUN@7; conditions as `ls` takes them.
        limit: at most so many that fit the conditions.

    Raises:
        StoreError: a name is no run's, or several runs'.
        ConfigError: a condition can't be read, or no run fits; two iterations of one run.
    """
    conditions = [word for word in words if is_condition(word)]
    found: dict[str, Picked] = {}
    for word in words:
        if word not in conditions:
            path, iteration = index.resolve(word)
            one = found.setdefault(os.path.realpath(path), Picked(row_of(path), iteration))
            if one.iteration != iteration:
                raise ConfigError(
                    f"{word}: run {one.row.id} is named twice, with different iterations",
                    hint="name it once",
                )
    if conditions:
        fitting = index.rows(filters.parse(conditions), limit=limit)
        if not fitting:
            raise ConfigError(
                f"no run fits {' '.join(conditions)}", hint="`iterun ls` lists the runs"
            )
        if not found:
            return [Picked(row) for row in fitting]
        for row in fitting:
            found.setdefault(os.path.realpath(row.path), Picked(row))
    return list(found.values())


def whole(found: Sequence[Picked], taker: str) -> list[Row]:
    """The rows, for a command or option that takes no single iterations.

    Raises:
        ConfigError: an iteration is named.
    """
    for row, iteration in found:
        if iteration is not None:
            raise ConfigError(
                f"{row.id}@{iteration} names an iteration, and {taker} takes whole runs",
                hint=f"as in {taker} {row.id}",
            )
    return [row for row, _ in found]
