"""A chat model on this machine: any causal language model, with its own decoding.

What a request gets depends on the request, its seed, and in the last bits of the logits on the
other requests of the same call; never on calls before it. So a resumed run repeats its rounds bit
for bit on the CPU. Prompts are kept between calls (`prefixes`), which changes no bit either.

A departure from servers: `json_schema` does not hold a model here; the prompt alone asks for it.
"""

from __future__ import annotations

import time
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal

import torch

from iterun.models.chat.checks import check_settings
from iterun.models.chat.constrained import Form, FormFiller
from iterun.models.chat.continuations import continuation_logprobs
from iterun.models.chat.conversation import Conversation
from iterun.models.chat.counting import Counted, all_stopped, count
from iterun.models.chat.decoding import Decoder, Sample
from iterun.models.chat.fitting import fitting, fitting_scores
from iterun.models.chat.network import Network
from iterun.models.chat.prefixes import Prefixes
from iterun.models.chat.rows import Rows
from iterun.types import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterun.models.chat.fitting import Asked
    from iterun.models.lm import CausalLM
    from iterun.types import Request


class LocalChat(Counted):
    """A causal language model that answers conversations (types.ChatModel).

    Args:
        model: in memory.
        batch_size: replies decoded at once.
        prefix_cache_mb: megabytes of prompts kept between calls; 0: none.

    Raises:
        ConfigError: a setting is out of range, or the model isn't a transformer.
    """

    kind: Literal["llm", "scripted", "program"] = "llm"

    def __init__(self, model: CausalLM, *, batch_size: int, prefix_cache_mb: float) -> None:
        super().__init__()
        check_settings(batch_size, prefix_cache_mb)
        self.name, self.module, self.context = model.name, model.module, model.context
        self._model, self._batch_size, self._cache_mb = model, batch_size, prefix_cache_mb
        self._talk = Conversation(
            name=model.name, tokenizer=model.tokenizer, config_ends=_config_ends(model.module)
        )
        self._network = Network(model.module, model.name)
        self.prefixes = Prefixes(self._network, int(prefix_cache_mb * 1e6))

    @property
    def while_waiting(self) -> Callable[[], None]:
        """Called before each pass through the network; may raise."""
        return self._network.before_pass

    @while_waiting.setter
    def while_waiting(self, call: Callable[[], None]) -> None:
        self._network.before_pass = call

    def __deepcopy__(self, memo: dict[int, Any]) -> LocalChat:
        """With weights of its own and the same counts; the prompts that were kept stay here."""
        copied = LocalChat(
            deepcopy(self._model, memo), batch_size=self._batch_size, prefix_cache_mb=self._cache_mb
        )
        copied.restore(self.state())
        return copied

    @torch.inference_mode()
    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """A reply to each; prompt tokens are counted whole, whether they were kept or not.

        Raises:
            ConfigError: a field that no model could work with, or a reply that doesn't fit.
            DivergedError: the model's logits are not numbers.
        """
        began = time.perf_counter()
        asked = fitting(requests, self._talk, self.context)
        self.prefixes.forget_stale()
        replies = self._free(asked) | self._constrained(asked)
        self._usage.seconds += time.perf_counter() - began
        found = [replies[k] for k in range(len(requests))]
        for reply in found:
            count(self._usage, reply)
        return found

    @torch.inference_mode()
    def score(self, request: Request, continuations: Sequence[str]) -> list[float]:
        """Sums of log-probabilities, nats, of what follows the prompt and the request's prefix.

        A continuation is tokenized together with what it continues. If that merges its beginning
        into the prompt's last token, the sum is of all tokens from there on, for all of them.

        Raises:
            ConfigError: an empty continuation, no messages, or a text beyond the model's context.
        """
        began = time.perf_counter()
        shared, rests = fitting_scores(request, continuations, self._talk, self.context)
        self.prefixes.forget_stale()
        head = self.prefixes.prefill(shared)
        (scores,) = continuation_logprobs(
            Rows(self._network, [head]), head.logits[None], [rests], self._batch_size
        )
        read = len(shared) + sum(map(len, rests))
        count(self._usage, Reply(texts=(), finish=(), prompt_tokens=read))
        self._usage.seconds += time.perf_counter() - began
        return [float(it) for it in scores]

    def close(self) -> None:
        self.prefixes.clear()

    def _free(self, asked: Sequence[Asked]) -> dict[int, Reply]:
        began = time.perf_counter()
        samples = {
            k: [self._sample(it, j) for j in range(it.request.n)]
            for k, it in enumerate(asked)
            if it.request.choices is None
        }
        decoder = Decoder(self._network, self.prefixes, self._talk, self._batch_size)
        decoder.finish([sample for several in samples.values() for sample in several])
        seconds = (time.perf_counter() - began) / max(len(samples), 1)
        return {
            k: Reply(
                texts=tuple(asked[k].request.prefix + sample.text for sample in several),
                finish=tuple(sample.finish for sample in several),
                prompt_tokens=len(asked[k].prompt),
                completion_tokens=sum(len(sample.tokens) for sample in several),
                seconds=seconds,
            )
            for k, several in samples.items()
        }

    def _sample(self, asked: Asked, j: int) -> Sample:
        request = asked.request
        return Sample(
            prompt=asked.prompt,
            draw=asked.draw(j),
            max_tokens=request.max_tokens,
            stops=(*request.stop, *self._talk.stops),
        )

    def _constrained(self, asked: Sequence[Asked]) -> dict[int, Reply]:
        began = time.perf_counter()
        forms = {
            k: [self._form(it, it.request.choices, j) for j in range(it.request.n)]
            for k, it in enumerate(asked)
            if it.request.choices is not None
        }
        filler = FormFiller(self._network, self.prefixes, self._talk, self._batch_size)
        filler.fill([form for several in forms.values() for form in several])
        seconds = (time.perf_counter() - began) / max(len(forms), 1)
        return {
            k: Reply(
                texts=tuple(asked[k].request.prefix + form.text for form in several),
                finish=all_stopped(len(several)),
                prompt_tokens=len(asked[k].prompt),
                completion_tokens=self._written(several),
                constrained=True,
                seconds=seconds,
            )
            for k, several in forms.items()
        }

    def _form(self, asked: Asked, choices: Sequence[Sequence[str]], j: int) -> Form:
        return Form(
            prompt_text=asked.text,
            prompt=asked.prompt,
            pieces=choices,
            draw=asked.draw(j),
        )

    def _written(self, forms: Sequence[Form]) -> int:
        whole = self._talk.tokens([form.prompt_text + form.text for form in forms])
        return sum(len(ids) - len(form.prompt) for ids, form in zip(whole, forms, strict=True))


def _config_ends(module: Any) -> list[int]:
    ends = getattr(getattr(module, "generation_config", None), "eos_token_id", None)
    if ends is None:
        ends = module.config.eos_token_id
    return list(ends) if isinstance(ends, list | tuple) else [] if ends is None else [int(ends)]
