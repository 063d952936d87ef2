"""Keys and values of several texts at once, in buffers with room at their end.

Texts stand in rows, right-aligned: row r fills the columns start_r ... end - 1, what is before is
masked. A step writes one column (or a few) for all rows. transformers' own cache is copied whole at
every step to add a column; at 16 rows of SmolLM2-135M that was a quarter of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from iterun.models.chat.network import Network
    from iterun.models.chat.prefixes import Prefilled

ROOM = 64  # columns added when a buffer is full
ALIGN = 16  # capacities are multiples: rows of keys stay aligned to 64 bytes


class Layer(DynamicLayer):  # type: ignore[misc]  # untyped library
    """One layer's keys and values: (rows, heads, capacity, head_dim), the first `length` used."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = -(-capacity // ALIGN) * ALIGN
        self.length = 0

    def reserve(self, keys: Tensor, values: Tensor, rows: int) -> None:
        """Make the buffers; zeros, since what is masked is still multiplied."""
        for name, like in (("keys", keys), ("values", values)):
            shape = (rows, like.shape[1], self.capacity, like.shape[3])
            setattr(self, name, like.new_zeros(shape))
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append; gives all keys and values so far, (rows, heads, length, head_dim)."""
        if not self.is_initialized:
            self.reserve(key_states, value_states, key_states.shape[0])
        end = self.length + key_states.shape[2]
        assert end <= self.capacity
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.length


class Rows:
    """Texts that go on together.

    Args:
        network: computes.
        heads: the prompt of each row, already computed.
        room: columns beyond the longest prompt's.
    """

    def __init__(self, network: Network, heads: Sequence[Prefilled], *, room: int = ROOM) -> None:
        self.end = max(len(head.tokens) for head in heads)
        self._network = network
        self._layers = [Layer(self.end + room) for _ in heads[0].layers]
        for layer, like in zip(self._layers, heads[0].layers, strict=True):
            layer.reserve(*like, rows=len(heads))
        self._open(len(heads))
        for row, head in enumerate(heads):
            self.place(row, head)

    def _open(self, n: int) -> None:
        device = self._network.device
        self.capacity = self._layers[0].capacity
        self._mask = torch.zeros(n, self.capacity, dtype=torch.long, device=device)
        self._lengths = [0] * n
        self._align()

    def __len__(self) -> int:
        return len(self._lengths)

    def place(self, row: int, head: Prefilled) -> None:
        """Put a computed prompt, no longer than `end`, into a row; what was there is gone."""
        n = len(head.tokens)
        for layer, (keys, values) in zip(self._layers, head.layers, strict=True):
            layer.keys[row, :, self.end - n : self.end] = keys[0]
            layer.values[row, :, self.end - n : self.end] = values[0]
        self._mask[row] = 0
        self._mask[row, self.end - n : self.end] = 1
        self._lengths[row] = n

    def feed(self, chunks: Sequence[Sequence[int]], keep: int = 1) -> Tensor:
        """Append tokens to each row, at the right; a row may get none.

        Args:
            chunks: of each row.
            keep: positions whose logits are wanted, counted from the last.

        Returns:
            (rows, keep, vocabulary).
        """
        width = max(map(len, chunks))
        if self.end + width > self.capacity:
            self._replace(self.taken(range(len(self)), room=max(width, ROOM)))
        ids, valid, positions = [], [], []
        for chunk, length in zip(chunks, self._lengths, strict=True):
            padding = [0] * (width - len(chunk))
            ids.append([*padding, *chunk])
            valid.append([*padding, *[1] * len(chunk)])
            positions.append([*padding, *range(length, length + len(chunk))])
        device, begin = self._network.device, self.end
        self.end += width
        self._mask[:, begin : self.end] = torch.tensor(valid, device=device)
        logits = self._network.logits(
            torch.tensor(ids, device=device),
            Cache(layers=self._layers),
            mask=self._mask[:, : self.end],
            positions=torch.tensor(positions, device=device),
            keep=keep,
        )
        self._lengths = [n + len(c) for n, c in zip(self._lengths, chunks, strict=True)]
        return logits

    def crop(self, row: int, length: int) -> None:
        """Forget a row's tokens from `length` on: their columns are masked and stay empty."""
        columns = self._mask[row, : self.end].nonzero()[:, 0]
        self._mask[row, columns[length:]] = 0
        self._lengths[row] = length

    def taken(self, rows: Sequence[int], *, room: int = ROOM) -> Rows:
        """A copy of these rows, possibly repeated, without columns that all of them leave empty.

        Args:
            rows: their numbers.
            room: further columns.
        """
        device = self._network.device
        index = torch.tensor(list(rows), device=device)
        mask = self._mask[index, : self.end]
        start = int(mask.amax(0).nonzero()[0, 0])
        span = self.end - start
        copy = Rows.__new__(Rows)
        copy._network = self._network
        copy.end = span
        copy._layers = [Layer(copy.end + room) for _ in self._layers]
        for new, old in zip(copy._layers, self._layers, strict=True):
            new.reserve(old.keys, old.values, rows=len(rows))
            chosen = index.to(old.keys.device)
            for name in ("keys", "values"):
                source = getattr(old, name)[:, :, start : self.end].index_select(0, chosen)
                getattr(new, name)[:, :, :span] = source
        copy._open(len(rows))
        copy._mask[:, :span] = mask[:, start:]
        copy._lengths = [self._lengths[row] for row in rows]
        return copy

    def _replace(self, other: Rows) -> None:
        self._layers, self._mask = other._layers, other._mask
        self.end, self.capacity = other.end, other.capacity

    def _align(self) -> None:
        for layer in self._layers:
            layer.length = self.end
