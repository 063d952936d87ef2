"""Small chat models, and what transformers itself makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from iterun.models import lm
from iterun.models.chat.local import LocalChat
from iterun.models.snapshot import ASSETS
from iterun.types import ChatModel, Message, Placement, Request

if TYPE_CHECKING:
    from pathlib import Path

PLACE = Placement(device="cpu", dtype="float32", threads=1)
CHATML = (
    "{% for m in messages %}<s>{{ m['role'] }}\n{{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)
QUESTIONS = (
    "Name a list.",
    "What does the with statement do when an exception is raised inside of it?",
    "def f(x): return",
    "Explain import, then explain what a module is, and what a package is, in a few words each.",
    "yield",
    "Why?",
)


def mini(**settings: Any) -> LocalChat:
    """opt-mini: trained, without a chat template, 256 tokens of context."""
    model = lm.load(ChatModel, PLACE, name="opt-mini", asset="opt-mini", **settings)
    assert isinstance(model, LocalChat)
    return model


def llama_folder(folder: Path) -> Path:
    """A random Llama with grouped queries and a chat template, as `save_pretrained` writes it."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(ASSETS / "opt-mini")
    tokenizer.chat_template = CHATML
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=4096, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
            initializer_range=0.3, bos_token_id=1, eos_token_id=1,
        )  # fmt: skip
        LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def llama(folder: Path, **settings: Any) -> LocalChat:
    model = lm.load(ChatModel, PLACE, name="./llama", folder=str(folder), **settings)
    assert isinstance(model, LocalChat)
    return model


def ask(content: str, **fields: Any) -> Request:
    return Request(messages=(Message(role="user", content=content),), **fields)


def texts(model: LocalChat, requests: list[Request]) -> list[str]:
    return [text for reply in model.generate(requests) for text in reply.texts]


def tokens(model: LocalChat, text: str) -> list[int]:
    (ids,) = model._talk.tokens([text])
    return ids


def prompt(model: LocalChat, request: Request) -> str:
    return model._talk.prompt(request.messages) + request.prefix


@torch.no_grad()
def generated(model: LocalChat, request: Request) -> str:
    """The greedy reply by transformers' own `generate`, alone."""
    ids = torch.tensor([tokens(model, prompt(model, request))])
    out = model.module.generate(  # type: ignore[operator]  # GenerationMixin's
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=request.max_tokens,
        do_sample=False, eos_token_id=sorted(model._talk.ends), pad_token_id=0,
    )  # fmt: skip
    reply = [token for token in out[0, ids.shape[1] :].tolist() if token not in model._talk.ends]
    return model._talk.text(ids[0].tolist(), reply)


@torch.no_grad()
def logprob(model: LocalChat, context: str, continuation: str) -> float:
    """By one pass over the whole text: from the first token that the context alone lacks."""
    before, whole = tokens(model, context), tokens(model, context + continuation)
    shared = next(
        (k for k, (a, b) in enumerate(zip(before, whole, strict=False)) if a != b), len(before)
    )
    logprobs = model.module(torch.tensor([whole])).logits[0].log_softmax(-1)
    return float(sum(logprobs[k - 1, whole[k]] for k in range(shared, len(whole))))
