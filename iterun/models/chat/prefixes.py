"""Prompts computed block by block, the blocks kept for prompts that begin alike.

A prompt is cut into blocks of a fixed number of tokens, the last one shorter, and each is computed
by itself, in a batch of one, after those before it. So a block's keys and values are a function of
its tokens and those before: the same bits whether it is computed now or was kept, in whatever batch
the reply is then decoded. A run that was resumed with nothing kept computes what the other did.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from transformers.cache_utils import Cache

from iterun.models.chat.rows import Layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from iterun.models.chat.network import Network

# Tokens, on the CPU. A pass of SmolLM2-135M on two cores takes 0.13 s and 1.7 ms a token. By
# these two numbers, prompts of 140 to 340 tokens that share 80 to 220 with earlier ones cost 0.48 s
# each in blocks of 128 and 0.50 s in blocks of 64; those that share nothing, 0.71 s and 0.94 s.
BLOCK = 128
BLOCK_ACCELERATOR = 512  # where a pass of few tokens costs as much as one of many

Layers = list[tuple["Tensor", "Tensor"]]  # keys and values, each (1, heads, tokens, head_dim)


@dataclass(frozen=True)
class Prefilled:
    """A prompt computed."""

    tokens: Sequence[int]
    layers: Layers
    logits: Tensor  #: of the token after it, (vocabulary,)


@dataclass(frozen=True)
class Block:
    """What is kept of one block."""

    layers: Layers
    logits: Tensor | None  #: of the token after it, if it ended a prompt

    @property
    def nbytes(self) -> int:
        kept = [tensor for pair in self.layers for tensor in pair]
        return sum(t.nbytes for t in kept) + (0 if self.logits is None else self.logits.nbytes)


class Prefixes:
    """Computes prompts and keeps what may be needed again.

    Args:
        network: computes.
        max_bytes: of all that is kept; the block asked for longest ago goes first. 0: nothing is.
    """

    def __init__(self, network: Network, max_bytes: int) -> None:
        self._network = network
        self._max_bytes = max_bytes
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()
        self._weights = 0
        self.nbytes = 0  #: kept now
        self.computed = 0  #: tokens that went through the network
        self.reused = 0  #: tokens that did not have to

    def clear(self) -> None:
        """Keep nothing of what was computed so far."""
        self._blocks.clear()
        self.nbytes = 0

    def forget_stale(self) -> None:
        """Drop everything if the network's weights were changed: before each round of prompts."""
        weights = self._network.fingerprint()
        if weights != self._weights:
            self.clear()
            self._weights = weights

    def prefill(self, tokens: Sequence[int]) -> Prefilled:
        """A prompt's keys, values and next logits, bit for bit the same each time.

        Args:
            tokens: at least one.
        """
        keys, cache, logits = [], _cache(len(tokens)), None
        for key, begin, end in self._cut(tokens):
            block = self._blocks.get(key)
            if block is None:
                block = self._compute(tokens[begin:end], cache, begin, is_last=end == len(tokens))
                self._keep(key, block)
                self.computed += end - begin
            else:
                for k, pair in enumerate(block.layers):
                    cache.update(*pair, k)
                self.reused += end - begin
            keys.append(key)
            logits = block.logits
        for key in reversed(keys):  # the beginning last: it serves most others
            if key in self._blocks:
                self._blocks.move_to_end(key)
        assert logits is not None
        n = len(tokens)
        layers = [(it.keys[:, :, :n], it.values[:, :, :n]) for it in cache.layers]
        return Prefilled(tokens, layers, logits)

    def _cut(self, tokens: Sequence[int]) -> Iterator[tuple[bytes, int, int]]:
        """(key, begin, end) of each block; a key stands for all tokens up to the block's end.

        The last block is never merely a first part: it comes with logits and has a key of its own.
        """
        size = BLOCK if self._network.device.type == "cpu" else BLOCK_ACCELERATOR
        digest = b""
        for begin in range(0, len(tokens), size):
            end = min(begin + size, len(tokens))
            ends = b"end" if end == len(tokens) else b""
            said = digest + array("q", tokens[begin:end]).tobytes() + ends
            digest = hashlib.sha256(said).digest()
            yield digest, begin, end

    def _compute(self, ids: Sequence[int], cache: Cache, begin: int, *, is_last: bool) -> Block:
        batch = torch.tensor([list(ids)], device=self._network.device)
        logits = None
        if is_last:
            found = self._network.logits(batch, cache, mask=None, positions=None, keep=1)
            logits = found[0, 0].clone()
        else:
            self._network.remember(batch, cache)
        end = begin + len(ids)
        layers = [
            (layer.keys[:, :, begin:end].clone(), layer.values[:, :, begin:end].clone())
            for layer in cache.layers
        ]
        return Block(layers, logits)

    def _keep(self, key: bytes, block: Block) -> None:
        if block.nbytes > self._max_bytes:
            return
        self._blocks[key] = block
        self.nbytes += block.nbytes
        while self.nbytes > self._max_bytes:
            _, oldest = self._blocks.popitem(last=False)
            self.nbytes -= oldest.nbytes


def _cache(capacity: int) -> Cache:
    return Cache(layer_class_to_replicate=lambda: Layer(capacity))
