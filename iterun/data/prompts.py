"""Prompts alone, without answers, from the hub: for loops that a reward model judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from iterun.data.cache import digest
from iterun.data.hub_text import rows
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Prompt:
    """What a policy is asked."""

    prompt: str


class Column(Sequence[Prompt]):
    """The prompts of some tables, one after another, read when they are asked for.

    Args:
        tables: `datasets.Dataset`s, or anything with a length that gives rows by number.
        column: holds a text, or a conversation whose last turn of the user is taken.
        numbers: the rows taken, counted through all tables.

    Raises:
        ConfigError: a table without the column.
    """

    def __init__(self, tables: Sequence[Any], column: str, numbers: range) -> None:
        self._tables, self._column, self._numbers = tables, column, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> Prompt: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Prompt]: ...
    def __getitem__(self, at: int | slice) -> Prompt | Sequence[Prompt]:
        if isinstance(at, slice):
            return Column(self._tables, self._column, self._numbers[at])
        number = self._numbers[at]
        for table in self._tables:
            if number < len(table):
                return Prompt(self._text(table[number]))
            number -= len(table)
        raise AssertionError

    def _text(self, row: Mapping[str, Any]) -> str:
        if self._column not in row:
            raise ConfigError(
                f"data.column={self._column}: the data set has {', '.join(row)}",
                hint=f"name one of them, as in data.column={next(iter(row), 'prompt')}",
            )
        value = row[self._column]
        if isinstance(value, str):
            return value.strip()
        asked = [turn["content"] for turn in value if turn["role"] == "user"]
        return str(asked[-1]).strip() if asked else ""


@dataclass(kw_only=True)
class HubPrompts:
    """Prompts for the loop (`pool`) and for evaluation (types.Dataset); none to train on."""

    name: str
    fingerprint: str
    ids: Sequence[str]
    column: str
    revision: str | None
    held_out: int

    @property
    def train(self) -> Sequence[Prompt]:
        return ()

    @property
    def pool(self) -> Sequence[Prompt]:
        """All but what is held out, the first repository's first."""
        return self._part(0, self._n - 2 * self.held_out)

    @property
    def dev(self) -> Sequence[Prompt]:
        return self._part(self._n - 2 * self.held_out, self._n - self.held_out)

    @property
    def test(self) -> Sequence[Prompt]:
        return self._part(self._n - self.held_out, self._n)

    @cached_property
    def _tables(self) -> list[Any]:
        return [rows(self.name, it, split="train", revision=self.revision) for it in self.ids]

    @property
    def _n(self) -> int:
        return sum(map(len, self._tables))

    def _part(self, begin: int, end: int) -> Sequence[Prompt]:
        if self._n <= 2 * self.held_out:
            raise ConfigError(
                f"data.held_out={self.held_out}, twice, leaves none of {self._n} prompts",
                hint=f"at most data.held_out={(self._n - 1) // 2}",
            )
        return Column(self._tables, self.column, range(begin, end))


def hub_prompts(
    *, name: str, ids: Sequence[str], column: str, revision: str | None = None, held_out: int = 500
) -> HubPrompts:
    """Prompts of one or several repositories; nothing is fetched before a split is asked for.

    Args:
        name: as typed after `data=`.
        ids: of the repositories, in the order in which loops take their prompts.
        column: a text, or a conversation.
        revision: of all of them; None: the newest.
        held_out: prompts at the end that are the test split, and as many before them dev.

    Raises:
        ConfigError: no repository, or nothing held out.
    """
    if not ids:
        raise ConfigError("data.ids=[] names no data set", hint="as in data.ids=[OWNER/NAME]")
    if held_out < 1:
        raise ConfigError(
            f"data.held_out={held_out} leaves nothing to evaluate on",
            hint="as in data.held_out=500",
        )
    return HubPrompts(
        name=name,
        fingerprint=digest(*ids, column, revision or "main", str(held_out)),
        ids=list(ids),
        column=column,
        revision=revision,
        held_out=held_out,
    )
