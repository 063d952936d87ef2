"""Answers drawn by vLLM: for large models on a GPU; its package is not among those installed here.

The weights go by way of a folder: a whole model is loaded anew for every drawing, adapters are
handed to a base that stays. Seeds are a request's own, but vLLM's numbers depend on what shares a
batch: a resumed run draws other answers from the same place on.
"""

from __future__ import annotations

import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.errors import UnavailableError
from iterun.models.policy_sampling import Drawn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.models.policy_sampling import Ask
    from iterun.models.rlhf_policy import Policy

SHARE = 0.4  # of the card's memory: the policy's own module, with its gradients, has the rest


def missing() -> UnavailableError | None:
    """The error to raise where the package is not there."""
    if find_spec("vllm") is not None:
        return None
    return UnavailableError(
        "task.engine=vllm needs the package vllm", hint="pip install vllm; or task.engine=hf"
    )


class VllmEngine:
    """Draws answers by vLLM (`policy_sampling.Engine`).

    Args:
        policy: what it wears is written out for each drawing.
        base: folder of the model that adapters belong to.
        ends: tokens that end an answer.
        max_tokens: of an answer.
    """

    def __init__(self, policy: Policy, base: Path, *, ends: Sequence[int], max_tokens: int) -> None:
        self._policy, self._base = policy, base
        self._ends, self._max_tokens = list(ends), max_tokens
        self._llm: Any = None
        self._n_drawings = 0

    def draw(self, asks: Sequence[Ask]) -> list[Drawn]:
        """An answer to each, in order."""
        self._n_drawings += 1
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self._policy.save(folder)
            outputs = self._generated(asks, folder)
        return [_drawn(it.outputs[0]) for it in outputs]

    def _generated(self, asks: Sequence[Ask], folder: Path) -> Any:
        prompts = [{"prompt_token_ids": list(ask.prompt)} for ask in asks]
        params = [self._params(ask) for ask in asks]
        if self._policy.lora_rank is None:
            self._llm = None  # the old weights first: there is no room for both
            llm = self._started(folder)
            return llm.generate(prompts, params, use_tqdm=False)
        if self._llm is None:
            more = {"enable_lora": True, "max_lora_rank": self._policy.lora_rank}
            self._llm = self._started(self._base, **more)
        adapter = import_module("vllm.lora.request").LoRARequest(
            f"policy-{self._n_drawings}", self._n_drawings, str(folder)
        )
        return self._llm.generate(prompts, params, use_tqdm=False, lora_request=adapter)

    def _started(self, folder: Path, **more: Any) -> Any:
        return import_module("vllm").LLM(
            model=str(folder),
            skip_tokenizer_init=True,
            gpu_memory_utilization=SHARE,
            logprobs_mode="processed_logprobs",  # of what a token was drawn from
            **more,
        )

    def _params(self, ask: Ask) -> Any:
        return import_module("vllm").SamplingParams(
            temperature=ask.temperature,
            seed=ask.seed,
            max_tokens=self._max_tokens,
            stop_token_ids=self._ends,
            logprobs=0,  # of the token drawn alone
            detokenize=False,
        )


def _drawn(output: Any) -> Drawn:
    tokens = list(output.token_ids)
    logprobs = [found[t].logprob for t, found in zip(tokens, output.logprobs, strict=True)]
    return Drawn(tokens=tokens, logprobs=logprobs, has_ended=output.finish_reason == "stop")
