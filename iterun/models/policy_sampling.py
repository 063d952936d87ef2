"""Answers drawn from a causal language model, many rows at once.

A row's numbers come from a generator of its own: which rows share a batch changes no more than the
last bits of its logits. Prompts are padded on the left; keys and values of a prompt that several
rows share are computed once. Rows that have ended are taken out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import torch
from transformers.cache_utils import Cache

from iterun.errors import DivergedError
from iterun.models.chat.network import Network
from iterun.models.chat.rows import Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

SPARSE = 0.75  # share of rows still going on below which the others are taken out


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One answer that is wanted."""

    prompt: tuple[int, ...]  #: tokens, at least one
    seed: int  #: of its own generator
    temperature: float  #: 0: the likeliest token each time


@dataclass(kw_only=True)
class Drawn:
    """An answer."""

    tokens: list[int] = field(default_factory=list)  #: the one that ended it included
    logprobs: list[float] = field(default_factory=list)  #: of what each was drawn from, nats
    has_ended: bool = False  #: False: cut at the longest length


class Engine(Protocol):
    """Draws answers of the policy as it is now."""

    def draw(self, asks: Sequence[Ask]) -> list[Drawn]:
        """An answer to each, in order."""


class Sampler:
    """Draws answers in this process (`Engine`).

    Args:
        module: transformers' ...ForCausalLM.
        name: as typed after `model=`.
        ends: tokens that end an answer.
        max_tokens: of an answer.
        rows: answers drawn at once; may change last bits of logits.
        tick: called before each token: signals are heard.
    """

    def __init__(
        self,
        module: nn.Module,
        name: str,
        *,
        ends: Sequence[int],
        max_tokens: int,
        rows: int,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._network = Network(module, name)
        self._ends, self._max_tokens, self._rows, self._tick = ends, max_tokens, rows, tick

    @torch.inference_mode()
    def draw(self, asks: Sequence[Ask]) -> list[Drawn]:
        """An answer to each, in order.

        Raises:
            DivergedError: the network's logits are not numbers.
        """
        order = sorted(range(len(asks)), key=lambda k: (len(asks[k].prompt), asks[k].prompt))
        found = [Drawn() for _ in asks]
        for begin in range(0, len(order), self._rows):
            part = order[begin : begin + self._rows]
            self._finish([asks[k] for k in part], [found[k] for k in part])
        return found

    def _finish(self, asks: Sequence[Ask], drawn: Sequence[Drawn]) -> None:
        """Draw one batch to its end."""
        device = self._network.device
        ends = torch.tensor(list(self._ends), device=device)
        uniform = torch.stack([uniforms(ask, self._max_tokens) for ask in asks]).to(device)
        heat = torch.tensor([ask.temperature for ask in asks], device=device)[:, None]
        batch = _Batch(self._network, [ask.prompt for ask in asks], self._max_tokens)
        going = torch.arange(len(asks), device=device)  # the rows' numbers, those left over first
        ended = torch.zeros(len(asks), dtype=torch.bool, device=device)
        tokens = torch.zeros(len(asks), self._max_tokens, dtype=torch.long, device=device)
        logprobs = torch.zeros(len(asks), self._max_tokens, device=device)
        lengths = torch.zeros(len(asks), dtype=torch.long, device=device)
        for t in range(self._max_tokens):
            self._tick()
            token, logprob = choose(batch.logits, heat[going], uniform[going, t : t + 1])
            is_open = ~ended[going]
            tokens[going, t], logprobs[going, t] = token, logprob
            lengths[going] += is_open.long()
            ended[going] |= torch.isin(token, ends)
            is_open = ~ended[going]
            n_open = int(is_open.sum())
            if n_open == 0 or t + 1 == self._max_tokens:
                break
            if n_open <= SPARSE * len(going):
                kept = is_open.nonzero()[:, 0]
                batch.keep(kept)
                going, token = going[kept], token[kept]
            batch.feed(token)
        rows = zip(
            drawn, tokens.tolist(), logprobs.tolist(), lengths.tolist(), ended.tolist(), strict=True
        )
        for answer, ids, values, n, has_ended in rows:
            answer.tokens, answer.logprobs, answer.has_ended = ids[:n], values[:n], has_ended


def uniforms(ask: Ask, n: int) -> Tensor:
    """The numbers in [0, 1) that decide an answer's tokens, float64, (n,)."""
    if ask.temperature == 0:
        return torch.zeros(n, dtype=torch.float64)
    generator = torch.Generator().manual_seed(ask.seed)
    return torch.rand(n, generator=generator, dtype=torch.float64)


def choose(logits: Tensor, temperature: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """The next token of each row, found in the cumulated probabilities in the vocabulary's order.

    Args:
        logits: (rows, vocabulary).
        temperature: (rows, 1); 0: the likeliest token, with log-probability 0.
        uniform: float64, (rows, 1), in [0, 1).

    Returns:
        Tokens and their log-probabilities, nats, (rows,) each.

    Raises:
        DivergedError: logits that are no numbers.
    """
    logits = logits.float()
    best, likeliest = logits.max(dim=-1, keepdim=True)
    if not bool(torch.isfinite(best).all()):
        raise DivergedError(
            "the policy's logits are not numbers", hint="a lower rate, as in task.lr=1e-5"
        )
    is_greedy = temperature == 0
    # Shifted first: a tiny temperature must not make infinities.
    scaled = (logits - best) / temperature.masked_fill(is_greedy, 1.0)
    logprobs = torch.log_softmax(scaled, dim=-1)
    cumulated = logprobs.exp().cumsum(dim=-1, dtype=torch.float64)
    total = cumulated[:, -1:]
    # The product may round up to the whole, beyond which there is no token.
    place = torch.minimum(uniform * total, torch.nextafter(total, torch.zeros_like(total)))
    token = torch.searchsorted(cumulated, place, right=True)
    token = torch.where(is_greedy, likeliest, token)
    logprob = logprobs.gather(1, token).masked_fill(is_greedy, 0.0)
    return token[:, 0], logprob[:, 0]


class _Batch:
    """Rows that go on together, right-aligned; `logits` are those of their next token."""

    def __init__(
        self, network: Network, prompts: Sequence[tuple[int, ...]], max_tokens: int
    ) -> None:
        self._network = network
        unique = list(dict.fromkeys(prompts))
        self._end = max(map(len, unique))
        self._capacity = self._end + max_tokens
        device = network.device
        ids = torch.tensor([[0] * (self._end - len(p)) + list(p) for p in unique], device=device)
        self._lengths = torch.tensor([len(p) for p in unique], device=device)
        columns = torch.arange(self._end, device=device)
        self._mask = (columns >= self._end - self._lengths[:, None]).long()
        self._is_even = bool(self._mask.all())  # no padding: no mask is needed at any step
        end = self._end
        self._cache = Cache(layer_class_to_replicate=lambda: Layer(end))
        positions = (self._mask.cumsum(-1) - 1).clamp(min=0)
        self.logits = self._computed(ids, positions)
        number = {prompt: k for k, prompt in enumerate(unique)}
        self.keep(torch.tensor([number[p] for p in prompts], device=device))

    def feed(self, token: Tensor) -> None:
        """Append one token to each row, (rows,)."""
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(token), 1)], dim=1)
        self._end += 1
        self.logits = self._computed(token[:, None], self._lengths[:, None])
        self._lengths = self._lengths + 1

    def keep(self, rows: Tensor) -> None:
        """Take these rows, possibly repeated, in this order."""
        old = self._cache.layers
        self._cache = Cache(layers=[Layer(self._capacity) for _ in old])
        for new, layer in zip(self._cache.layers, old, strict=True):
            new.reserve(layer.keys, layer.values, rows=len(rows))
            chosen = rows.to(layer.keys.device)
            for name in ("keys", "values"):
                source = getattr(layer, name)[:, :, : self._end]
                getattr(new, name)[:, :, : self._end] = source.index_select(0, chosen)
            new.length = self._end
        self._mask, self._lengths = self._mask[rows], self._lengths[rows]
        self.logits = self.logits[rows]

    def _computed(self, ids: Tensor, positions: Tensor) -> Tensor:
        return self._network.logits(
            ids,
            self._cache,
            mask=None if self._is_even else self._mask,
            positions=positions,
            keep=1,
        )[:, -1]
