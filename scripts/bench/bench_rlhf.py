"""Answers a second of rlhf/online_dpo's sampler beside the same loop written bare in PyTorch.

    python scripts/bench/bench_rlhf.py [--repeats N] [--device cuda] [--folder MODEL]

Both draw eight answers to each of 128 prompts of tiny arithmetic from the same weights, on one
thread, in turn; medians of answers a second. The bar is 0.9 of the bare loop. That one pads all
prompts to one batch, keeps transformers' own cache, draws with torch.multinomial from one generator
and goes on until the last answer has ended. Ours draws each answer by a generator of its own, takes
out what has ended and tells log-probabilities.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from iterun.data.tiny_math import tiny_math
from iterun.models import lm
from iterun.models import tiny_math as tiny
from iterun.models.policy_sampling import Ask, Sampler
from iterun.types import LanguageModel, Placement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROMPTS, SAMPLES, MAX_TOKENS = 128, 8, 40
BAR = 0.9


def ours(model: Any, prompts: Sequence[str], seed: int) -> int:
    sampler = Sampler(
        model.module,
        model.name,
        ends=[model.tokenizer.eos_token_id],
        max_tokens=MAX_TOKENS,
        rows=PROMPTS * SAMPLES,
    )
    asks = [
        Ask(prompt=tuple(model.tokenizer(it)["input_ids"]), seed=seed + k, temperature=1.0)
        for k, it in enumerate(prompts)
    ]
    return sum(len(it.tokens) for it in sampler.draw(asks))


@torch.inference_mode()
def bare(model: Any, prompts: Sequence[str], seed: int) -> int:
    device = next(model.module.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    batch = model.tokenizer(list(prompts), return_tensors="pt", padding=True).to(device)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    ended = torch.zeros(len(ids), dtype=torch.bool, device=device)
    cache, n_tokens = None, 0
    for _ in range(MAX_TOKENS):
        out = model.module(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache = out.past_key_values
        probabilities = torch.softmax(out.logits[:, -1].float(), dim=-1)
        ids = torch.multinomial(probabilities, 1, generator=generator)
        n_tokens += int((~ended).sum())
        ended |= ids[:, 0] == model.tokenizer.eos_token_id
        if bool(ended.all()):
            break
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        positions = positions[:, -1:] + 1
    return n_tokens


def timed(draw: Callable[[Any, Sequence[str], int], int], *arguments: Any) -> float:
    """Answers a second."""
    began = time.perf_counter()
    draw(*arguments)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return PROMPTS * SAMPLES / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description="Answers a second, beside a bare loop.")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", type=Path, help="of the model; the embedded one otherwise")
    options = parser.parse_args()
    torch.set_num_threads(1)
    place = Placement(device=options.device, dtype="float32", threads=1)
    model: Any = (
        lm.load_folder(options.folder, "bench", place)
        if options.folder
        else tiny.load(LanguageModel, place, name="tiny-math")
    )
    prompts = [it.prompt for it in tiny_math().pool[:PROMPTS] for _ in range(SAMPLES)]
    found: dict[str, list[float]] = {"ours": [], "bare": []}
    for k in range(options.repeats + 1):
        for name, draw in (("ours", ours), ("bare", bare)):
            speed = timed(draw, model, prompts, 1000 * k)
            if k:  # the first is to warm up
                found[name].append(speed)
    medians = {name: statistics.median(speeds) for name, speeds in found.items()}
    share = medians["ours"] / medians["bare"]
    print(f"ours {medians['ours']:.0f}, bare {medians['bare']:.0f} answers a second: {share:.2f}")
    print("ok" if share >= BAR else f"below the bar of {BAR}")


if __name__ == "__main__":
    main()
