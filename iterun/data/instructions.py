"""Instructions with their responses, as texts to train on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from iterun.data.cache import digest
from iterun.data.hub_text import rows
from iterun.data.text import Texts
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

LAMINI = "MBZUAI/LaMini-instruction"


class Answered(Sequence[str]):
    """One document a row, the instruction and then its response; read when it is asked for.

    Args:
        table: a `datasets.Dataset`, or anything with a length that gives rows by number.
        numbers: the rows taken.
    """

    def __init__(self, table: Any, numbers: range) -> None:
        self._table, self._numbers = table, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return Answered(self._table, self._numbers[at])
        row: Mapping[str, str] = self._table[self._numbers[at]]
        return f"{row['instruction'].strip()}\n\n{row['response'].strip()}"


def lamini(*, name: str = "lamini", revision: str | None = None, held_out: int = 1000) -> Texts:
    """LaMini-instruction: 2.6 million instructions with the answers of a large model.

    It comes as one split: its last `held_out` documents are `test`, as many before them `dev`.

    Args:
        name: as typed after `data=`.
        revision: of the hub's repository; None: the newest.
        held_out: documents.

    Raises:
        ConfigError: nothing would be held out; or, once it is read, nothing left to train on.
    """
    if held_out < 1:
        raise ConfigError(
            f"data.held_out={held_out} leaves nothing to evaluate on",
            hint="as in data.held_out=1000",
        )

    def read(split: str) -> Sequence[str]:
        table = rows(name, LAMINI, split="train", revision=revision)
        n = len(table)
        if n <= 2 * held_out:
            raise ConfigError(
                f"data.held_out={held_out}, twice, leaves none of {n} documents to train on",
                hint=f"at most data.held_out={(n - 1) // 2}",
            )
        end = {"train": n - 2 * held_out, "dev": n - held_out, "test": n}[split]
        return Answered(table, range(0 if split == "train" else end - held_out, end))

    fingerprint = digest(LAMINI, revision or "main", str(held_out))
    return Texts(name=name, fingerprint=fingerprint, read=read)
