"""Answers by way of vLLM: what it is asked, and what is made of what it says.

The package needs a GPU; what stands in for it here answers as the model in the folder it is given.
"""

from __future__ import annotations

import sys
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
import tiny_policy
from transformers import AutoModelForCausalLM

from iterun.models import vllm_engine
from iterun.models.policy_sampling import Ask, Sampler


@dataclass
class SamplingParams:
    temperature: float
    seed: int
    max_tokens: int
    stop_token_ids: list[int]
    logprobs: int
    detokenize: bool


@dataclass
class LoRARequest:
    name: str
    number: int
    path: str


class LLM:
    """Draws with our own sampler from the model in a folder."""

    started: ClassVar[list[str]] = []

    def __init__(self, *, model: str, **settings: Any) -> None:
        self.started.append(model)
        self._module = AutoModelForCausalLM.from_pretrained(model)

    def generate(
        self,
        prompts: list[dict[str, list[int]]],
        params: list[SamplingParams],
        *,
        use_tqdm: bool,
        lora_request: LoRARequest | None = None,
    ) -> list[Any]:
        module = self._module
        if lora_request is not None:
            from peft import PeftModel

            module = PeftModel.from_pretrained(deepcopy(module), lora_request.path)
        found = []
        for prompt, it in zip(prompts, params, strict=True):
            ask = Ask(
                prompt=tuple(prompt["prompt_token_ids"]), seed=it.seed, temperature=it.temperature
            )
            sampler = Sampler(
                module, "fake", ends=it.stop_token_ids, max_tokens=it.max_tokens, rows=1
            )
            (drawn,) = sampler.draw([ask])
            chosen = zip(drawn.tokens, drawn.logprobs, strict=True)
            output = SimpleNamespace(
                token_ids=tuple(drawn.tokens),
                logprobs=[{token: SimpleNamespace(logprob=value)} for token, value in chosen],
                finish_reason="stop" if drawn.has_ended else "length",
            )
            found.append(SimpleNamespace(outputs=[output]))
        return found


@pytest.fixture
def vllm(monkeypatch):
    """The package's names, and the folders that models were started from."""
    package, lora, request = (ModuleType(n) for n in ("vllm", "vllm.lora", "vllm.lora.request"))
    package.LLM, package.SamplingParams, request.LoRARequest = LLM, SamplingParams, LoRARequest
    for module in (package, lora, request):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(LLM, "started", [])
    return LLM.started


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks for it
@pytest.mark.parametrize("rank", [None, 2])
def test_it_draws_from_what_the_policy_wears(rank, vllm, tmp_path):
    base = tiny_policy.policy()
    base.save(tmp_path)
    policy = tiny_policy.policy(rank)
    end = policy.tokenizer.eos_token_id
    engine = vllm_engine.VllmEngine(policy, tmp_path, ends=[end], max_tokens=6)
    asks = [Ask(prompt=tiny_policy.encoded("7+5?")[0], seed=k, temperature=1.0) for k in range(9)]
    changed = {name: value + 0.05 for name, value in policy.first.items()}

    drawn = []
    for values in (policy.first, changed):
        policy.wear(values)
        drawn.append(engine.draw(asks))

        own = tiny_policy.sampler(policy.module, max_tokens=6).draw(asks)
        assert [it.tokens for it in drawn[-1]] == [it.tokens for it in own]
        assert [it.has_ended for it in drawn[-1]] == [it.has_ended for it in own]

    assert drawn[0] != drawn[1]
    assert len(vllm) == (2 if rank is None else 1)  # a base with adapters stays
    assert not any(Path(it).exists() for it in vllm if it != str(tmp_path))


def test_where_the_package_is_missing_the_error_says_how_to_get_it():
    error = vllm_engine.missing()

    assert error is not None
    assert error.message == "task.engine=vllm needs the package vllm"
    assert error.hint.startswith("pip install vllm")
