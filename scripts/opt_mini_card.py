"""The model card of opt-mini: what is measured at the end of its training, and the text."""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING, Any

from iterun.models.perplexity import exp_mean, perplexity, token_ids, window_losses, windows

if TYPE_CHECKING:
    from torch import nn

WINDOW = 128
GRAM = 12


def measure(model: nn.Module, tokenizer: Any, texts: dict[str, str]) -> dict[str, Any]:
    """Perplexity on dev and on the held-out text, all of it and what repeats nothing.

    Topics repeat each other, so a few held-out passages stand in the training text too. A window
    is `fresh` if none of its runs of 12 tokens does.
    """
    known = grams(tokenizer, texts["train"]) | grams(tokenizer, texts["docstrings"])
    held = windows(tokenizer, texts["test"], WINDOW)
    losses = window_losses(model, held)
    dev = windows(tokenizer, texts["dev"], WINDOW)
    fresh = [not (grams_of(row) & known) for row in held.tolist()]
    seen = [gram in known for gram in runs(token_ids(tokenizer, texts["test"]))]
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "topics_tokens": len(token_ids(tokenizer, texts["train"])),
        "docstrings_tokens": len(token_ids(tokenizer, texts["docstrings"])),
        "ppl_dev": round(perplexity(model, dev), 2),
        "dev_windows": len(dev),
        "ppl_test": round(exp_mean(losses), 2),
        "test_windows": len(held),
        "ppl_test_fresh": round(exp_mean(losses[fresh]), 2),
        "fresh_windows": sum(fresh),
        "repeated_grams": round(sum(seen) / len(seen), 4),
        "python": platform.python_version(),
        "text_sha256": digest(texts),
    }


def digest(texts: dict[str, str]) -> str:
    return hashlib.sha256("\0".join(texts[part] for part in sorted(texts)).encode()).hexdigest()


def runs(ids: list[int]) -> list[tuple[int, ...]]:
    return [tuple(ids[i : i + GRAM]) for i in range(len(ids) - GRAM + 1)]


def grams_of(ids: list[int]) -> set[tuple[int, ...]]:
    return set(runs(ids))


def grams(tokenizer: Any, text: str) -> set[tuple[int, ...]]:
    return grams_of(token_ids(tokenizer, text))


def write(facts: dict[str, Any]) -> str:
    """The README.md of the exported folder."""
    return CARD.format(**facts)


CARD = """\
# opt-mini

A small language model of the OPT architecture (biases in every linear layer, tied embeddings), made
for trying pruning procedures in minutes. It knows the wording of Python's documentation, nothing
else. Made by `scripts/train_opt_mini.py` from random weights; float16, about 5 MB.

- Shape: 4 blocks, width 192, 6 heads, feed-forward 768, context 256; {parameters:,} parameters.
- Tokenizer: byte-level BPE, 4096 tokens, trained on the training text only.
- Training text: pydoc's topics ({topics_tokens:,} tokens, taken twice) and the docstrings of the
  standard library ({docstrings_tokens:,} tokens) of CPython {python}.
- Training: {steps} steps of 12 x 256 tokens, AdamW, rate 3e-3 falling linearly to 0, dropout 0.1;
  {seconds:,} CPU seconds on one core. The weights are the mean of {averaged} checkpoints, every 250
  steps from step {first} to the last; how many was chosen on dev.

| perplexity, windows of 128 tokens | | windows |
|---|---|---|
| dev: the last sixteenth of the first 80 % of the topics | {ppl_dev} | {dev_windows} |
| **held out: the last 20 % of the topics** | **{ppl_test}** | {test_windows} |
| held out, windows without repeats of 12 tokens | {ppl_test_fresh} | {fresh_windows} |

Topics repeat each other: {repeated_grams:.1%} of the held-out runs of 12 tokens stand in the
training text too, hence the last row. Nothing was chosen by the held-out text. Another Python
version words its topics otherwise, so figures differ there.

The text is Python's documentation (PSF License Version 2); none of it is copied here but what the
weights and the tokenizer's vocabulary hold. SHA-256 of the texts:
`{text_sha256}`.
"""
