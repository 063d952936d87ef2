"""Batches to train on: documents cut to the context, drawn as a function of (seed, step)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import Tensor

_DRAWS = 1000  # documents looked at for one that has something to predict
_KEPT = 4096  # tokenized documents


class TrainingText:
    """Draws documents and cuts them.

    Args:
        documents: texts; one that is longer than `length` gives a window at a random place.
        tokenizer: of transformers.
        length: tokens, at most.
    """

    def __init__(self, documents: Sequence[str], tokenizer: Any, length: int) -> None:
        self._n_documents = len(documents)
        self._length = length

        @lru_cache(maxsize=_KEPT)
        def tokens(index: int) -> list[int]:
            ids: list[int] = tokenizer(documents[index], verbose=False)["input_ids"]
            return ids

        self._tokens = tokens

    def batch(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Ids and what of them is text: int64 and bool, (n, longest), padded with 0 on the right.

        Raises:
            ConfigError: the documents are empty.
        """
        import torch

        rows = [self._draw(generator) for _ in range(n)]
        longest = max(map(len, rows))
        ids = torch.zeros(n, longest, dtype=torch.long)
        is_text = torch.zeros(n, longest, dtype=torch.bool)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            is_text[i, : len(row)] = True
        return ids, is_text

    def _draw(self, generator: torch.Generator) -> list[int]:
        for _ in range(_DRAWS if self._n_documents else 0):
            row = self._tokens(_below(self._n_documents, generator))
            if len(row) >= 2:
                start = _below(max(1, len(row) - self._length + 1), generator)
                return row[start : start + self._length]
        raise ConfigError(
            "data: no document of the training split has two tokens",
            hint="choose another data set, as in data=pydoc",
        )


def _below(n: int, generator: torch.Generator) -> int:
    import torch

    return int(torch.randint(n, (1,), generator=generator))
