"""Rows of instructions as documents, read one by one."""

from __future__ import annotations

import pytest

from iterun.data.instructions import Answered, lamini
from iterun.errors import ConfigError


class Table:
    """Notes which rows were read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __len__(self) -> int:
        return 10

    def __getitem__(self, at: int) -> dict[str, str]:
        self.read.append(at)
        return {"instruction": f" ask {at}", "response": f"say {at}\n"}


def test_a_row_is_read_when_it_is_asked_for():
    table = Table()

    documents = Answered(table, range(2, 8))

    assert len(documents) == 6
    assert documents[-1] == "ask 7\n\nsay 7"
    assert table.read == [7]
    assert list(documents[1:3]) == ["ask 3\n\nsay 3", "ask 4\n\nsay 4"]


def test_nothing_held_out_is_refused():
    with pytest.raises(ConfigError, match=r"data.held_out=0 leaves nothing to evaluate on"):
        lamini(held_out=0)
