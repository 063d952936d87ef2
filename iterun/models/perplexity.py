"""Perplexity as pruning papers measure it.

The whole test text is tokenized at once and cut into windows; the rest is dropped. A window's loss
is the mean over its tokens but the first, which has no prediction; the windows' losses are averaged
and exponentiated. Figures of different window lengths are not comparable.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor, nn

    #: `run.progress`: iterates and shows a bar under the label
    Progress = Callable[[Sequence[Tensor], str], Iterable[Tensor]]


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """All of `text`, with the tokenizer's own start token as in published code; any length."""
    ids: list[int] = tokenizer(text, verbose=False)["input_ids"]
    return ids


def windows(tokenizer: Any, text: str, length: int, limit: int | None = None) -> Tensor:
    """Consecutive windows of `text`.

    Args:
        tokenizer: of transformers.
        text: the whole split, joined as published.
        length: tokens a window, at least 2.
        limit: at most so many windows; None: all.

    Returns:
        int64, (n, length) with n >= 1.

    Raises:
        ConfigError: the text does not fill one window.
    """
    import torch

    if length < 2:
        raise ConfigError(
            f"task.eval_seqlen={length} leaves nothing to predict",
            hint="take at least 2 tokens, as in task.eval_seqlen=128",
        )
    ids = token_ids(tokenizer, text)
    count = len(ids) // length
    if count == 0:
        raise ConfigError(
            f"task.eval_seqlen={length}: the text to evaluate on has only {len(ids)} tokens",
            hint=f"take a longer text, or task.eval_seqlen={max(2, len(ids))} at most",
        )
    count = min(count, limit or count)
    return torch.tensor(ids[: count * length], dtype=torch.long).view(count, length)


def window_losses(
    module: nn.Module, windows: Tensor, batch_size: int = 8, progress: Progress | None = None
) -> Tensor:
    """Mean token loss of each window, nats: float64, (n,), on the CPU.

    Args:
        module: transformers' ...ForCausalLM; its mode (train, eval) is put back afterwards.
        windows: int64, (n, length).
        batch_size: windows a forward pass; the logits take batch x length x vocabulary floats.
        progress: such as `run.progress`.
    """
    import torch

    batches: tuple[Tensor, ...] = torch.split(windows, batch_size)
    shown = batches if progress is None else progress(batches, "perplexity")
    device = next(module.parameters()).device
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            losses = [_batch_losses(module, batch.to(device)).cpu() for batch in shown]
    finally:
        module.train(was_training)
    return torch.cat(losses).double()


def perplexity(
    module: nn.Module, windows: Tensor, batch_size: int = 8, progress: Progress | None = None
) -> float:
    """Exp of the windows' mean loss; infinite where the exponential overflows, NaN stays NaN."""
    return exp_mean(window_losses(module, windows, batch_size, progress))


def exp_mean(losses: Tensor) -> float:
    """Perplexity from the losses of windows, (n,), nats."""
    mean = float(losses.double().mean())
    return math.inf if mean > 709 else math.exp(mean)


def _batch_losses(module: nn.Module, ids: Tensor) -> Tensor:
    """Mean token loss of each window of a batch; (batch,), nats."""
    import torch
    from torch.nn.functional import cross_entropy

    logits = module(input_ids=ids, use_cache=False).logits[:, :-1]  # (batch, length - 1, vocab)
    targets = ids[:, 1:].to(logits.device)
    # Window by window in float32: the whole batch at once would double the peak.
    pairs = zip(logits, targets, strict=True)
    return torch.stack([cross_entropy(row.float(), target) for row, target in pairs])
