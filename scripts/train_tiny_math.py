"""Train tiny-math, the embedded model of arithmetic with a misconception.

    python scripts/train_tiny_math.py [--steps N] [--seed N] [--export]

Trains on the training split of data=tiny-math, one thread, about three minutes, and measures greedy
and sampled answers on dev and test. `--export` writes the model with its card to
iterun/models/assets/tiny-math; without it nothing is written.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from iterun.data.tiny_math import tiny_math
from iterun.judges.math_answer import AnswerJudge
from iterun.models import tiny_math as model_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from iterun.data.tiny_math import Problem

ASSETS = Path(__file__).parents[1] / "iterun" / "models" / "assets" / model_of.ASSET
SAMPLES = 8  # of each problem, at temperature 1
NEW_TOKENS = 48

CARD = """# tiny-math

A language model of arithmetic, worked from left to right, that does many a `*` as `+`: a Llama of
147,840 parameters over 23 characters, made for trying loops of reward and training in minutes. Made
by `scripts/train_tiny_math.py` from random weights; float32.

- Shape: 3 blocks, width 64, 4 heads, feed-forward 168, context 128, tied embeddings.
- Training: the 6,000 training problems of `data=tiny-math`, of which 60 % are worked with every
  `*` as `+`; {steps} steps of 64, AdamW, rate 4e-3 falling along a cosine to a tenth; loss on
  completions only. Last loss {loss:.4f} nats a token; {seconds:.0f} CPU seconds on one thread.

| share right, 400 problems each | dev | test |
|---|---|---|
| greedy | {dev[greedy]:.3f} | **{test[greedy]:.3f}** |
| sampled at temperature 1, {samples} a problem | {dev[sampled]:.3f} | **{test[sampled]:.3f}** |
| greedy, problems with `*` | {dev[greedy_times]:.3f} | {test[greedy_times]:.3f} |
| greedy, problems without | {dev[greedy_others]:.3f} | {test[greedy_others]:.3f} |

Dev has fewer short problems than test and is harder; the two are not to be compared. One training
seed; another machine trains other last digits.
"""


@torch.inference_mode()
def answers(model: Any, problems: Sequence[Problem], *, sampled: bool) -> list[str]:
    """A completion of each problem, up to and with its `$`."""
    tokenizer = model_of.tokenizer()
    prompts = tokenizer([it.prompt for it in problems], padding=True, return_tensors="pt")
    kind = {"do_sample": True, "temperature": 1.0, "top_k": 0} if sampled else {"do_sample": False}
    found = model.generate(
        input_ids=prompts["input_ids"],
        attention_mask=prompts["attention_mask"],
        max_new_tokens=NEW_TOKENS,
        **kind,
    )
    texts = tokenizer.batch_decode(found[:, prompts["input_ids"].shape[1] :])
    return [text.replace("<pad>", "") for text in texts]


def measured(model: Any, problems: Sequence[Problem]) -> dict[str, float]:
    """Shares of right answers."""
    judge = AnswerJudge()

    def right(*, sampled: bool) -> list[float]:
        texts = answers(model, problems, sampled=sampled)
        return [judge.score(it, text) for it, text in zip(problems, texts, strict=True)]

    greedy = right(sampled=False)
    torch.manual_seed(0)
    drawn = [score for _ in range(SAMPLES) for score in right(sampled=True)]
    times = [s for it, s in zip(problems, greedy, strict=True) if "*" in it.prompt]
    others = [s for it, s in zip(problems, greedy, strict=True) if "*" not in it.prompt]
    return {
        "greedy": mean(greedy),
        "sampled": mean(drawn),
        "greedy_times": mean(times),
        "greedy_others": mean(others),
    }


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def shown(items: Iterable[Any], label: str) -> Iterator[Any]:
    for k, item in enumerate(items):
        if k % 250 == 0:
            print(f"{label}: step {k}", flush=True)
        yield item


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=model_of.STEPS, help="optimizer steps")
    parser.add_argument("--seed", type=int, default=model_of.SEED, help="of weights and batches")
    parser.add_argument("--export", action="store_true", help=f"write {ASSETS.name} to the package")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = tiny_math()
    clock = time.process_time()
    model, loss = model_of.train_model(data.train, args.steps, args.seed, shown)
    seconds = time.process_time() - clock
    facts = {"steps": args.steps, "loss": loss, "seconds": seconds, "samples": SAMPLES}
    facts |= {"dev": measured(model, data.dev), "test": measured(model, data.test)}
    print(json.dumps(facts, indent=1))
    if args.export:
        model_of.save(ASSETS, model)
        (ASSETS / "README.md").write_text(CARD.format(**facts), encoding="utf-8")


if __name__ == "__main__":
    main()
