"""GGUF models through llama.cpp: quantized weights as they are, one request at a time.

`model=llamacpp model.path=FILE.gguf`, with the extra iterun[llamacpp]. llama.cpp computes logits;
prompts, drawing, stop strings and choices are those of `local`, so that a seed means the same.
Every request begins with an empty cache: what it gets does not depend on requests before it.
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from iterun.data.cache import file_digest
from iterun.errors import ConfigError, UnavailableError
from iterun.models.chat.counting import Counted, count
from iterun.models.forms import wrong_form
from iterun.types import ChatModel, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from iterun.models.chat.conversation import Conversation
    from iterun.models.chat.fitting import Asked
    from iterun.types import Placement, Request


def load(
    form: type,
    place: Placement,
    *,
    name: str,
    path: str | None,
    context: int,
    kinds: Sequence[str] | None = None,
) -> LlamaCpp:
    """The model of a GGUF file, on the GPU if `place` is there and llama.cpp was built for it.

    Args:
        form: `types.ChatModel`.
        place: device and threads.
        name: as typed after `model=`.
        path: the file.
        context: tokens of prompt and reply together.
        kinds: what the choice can be used as; judged before this is called.

    Raises:
        UnavailableError: llama-cpp-python is not installed.
        ConfigError: no such file, or llama.cpp can't load it.
    """
    if form is not ChatModel:
        raise wrong_form(name, "a chat model", form, kinds or ["chat"])
    if context < 1:
        raise ConfigError(
            f"model.context={context} holds no prompt", hint="tokens, as in model.context=4096"
        )
    file = _file(path)
    if importlib.util.find_spec("llama_cpp") is None:
        raise UnavailableError(
            f"model={name} needs the package llama-cpp-python",
            hint='pip install "iterun[llamacpp]" (compiles for minutes), or model=smollm2-135m',
        )
    return LlamaCpp(_opened(file, place, context), name)


def fingerprint(settings: Mapping[str, Any]) -> str:
    """What tells this file from another."""
    return "gguf:" + file_digest(_file(settings.get("path")))


class LlamaCpp(Counted):
    """A chat model that llama.cpp computes (types.ChatModel).

    Args:
        llama: a `llama_cpp.Llama` of a transformer.
        name: as typed after `model=`.
    """

    kind: Literal["llm", "scripted", "program"] = "llm"

    def __init__(self, llama: Any, name: str) -> None:
        from iterun.models.chat.conversation import Conversation
        from iterun.models.chat.llama_tokens import LlamaTokens

        super().__init__()
        tokens = LlamaTokens(llama)
        self.name, self.context = name, int(llama.n_ctx())
        self._llama = llama
        self._talk: Conversation = Conversation(
            name=name, tokenizer=tokens, config_ends=tokens.ends()
        )
        self.while_waiting: Callable[[], None] = lambda: None  #: before each token; may raise
        self._written: list[int] = []  # what the cache holds

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """A reply to each, one after the other; as `local`."""
        from iterun.models.chat.fitting import fitting

        found = []
        for asked in fitting(requests, self._talk, self.context):
            began = time.perf_counter()
            reply = self._reply(asked, began)
            count(self._usage, reply)
            self._usage.seconds += reply.seconds
            found.append(reply)
        return found

    def score(self, request: Request, continuations: Sequence[str]) -> list[float]:
        """Sums of log-probabilities, nats; as `local`."""
        from iterun.models.chat.fitting import fitting_scores

        began = time.perf_counter()
        shared, rests = fitting_scores(request, continuations, self._talk, self.context)
        self._empty()
        scores = self._scores(shared, rests)
        read = len(shared) + sum(map(len, rests))
        count(self._usage, Reply(texts=(), finish=(), prompt_tokens=read))
        self._usage.seconds += time.perf_counter() - began
        return [float(it) for it in scores]

    def close(self) -> None:
        self._llama.close()

    def _reply(self, asked: Asked, began: float) -> Reply:
        self._empty()
        request, n = asked.request, asked.request.n
        held = request.choices is not None
        found = [(self._form if held else self._free)(asked, j) for j in range(n)]
        return Reply(
            texts=tuple(request.prefix + text for text, _, _ in found),
            finish=tuple(["length" if cut else "stop" for _, _, cut in found]),
            prompt_tokens=len(asked.prompt),
            completion_tokens=sum(written for _, written, _ in found),
            constrained=held,
            seconds=time.perf_counter() - began,
        )

    def _free(self, asked: Asked, j: int) -> tuple[str, int, bool]:
        """(text, tokens, ended at max_tokens)."""
        from iterun.models.chat.decoding import Sample
        from iterun.models.chat.sampling import choose

        sample = Sample(
            prompt=asked.prompt,
            draw=asked.draw(j),
            max_tokens=asked.request.max_tokens,
            stops=(*asked.request.stop, *self._talk.stops),
        )
        while not sample.is_finished:
            logits = self._after([*asked.prompt, *sample.tokens])
            sample.add(choose(logits[None], [sample.draw])[0], self._talk)
        return sample.text, len(sample.tokens), sample.finish == "length"

    def _form(self, asked: Asked, j: int) -> tuple[str, int, bool]:
        from iterun.models.chat.constrained import Form
        from iterun.models.chat.continuations import shared_length
        from iterun.models.chat.sampling import pick

        assert asked.request.choices is not None
        form = Form(
            prompt_text=asked.text,
            prompt=asked.prompt,
            pieces=asked.request.choices,
            draw=asked.draw(j),
        )
        form.advance()
        while form.options:
            so_far = form.prompt_text + form.text
            texts = self._talk.tokens([so_far + option for option in form.options])
            shared = shared_length(texts)
            scores = self._scores(texts[0][:shared], [text[shared:] for text in texts])
            form.choose(pick(scores, form.draw))
        written = len(self._talk.tokens([form.prompt_text + form.text])[0]) - len(form.prompt)
        return form.text, written, False

    def _scores(self, shared: list[int], rests: Sequence[Sequence[int]]) -> Tensor:
        """Sums of log-probabilities of what may follow, float32, one for each."""
        import torch

        first, found = self._after(shared).log_softmax(-1), []
        for rest in rests:
            score = first[rest[0]]
            for k in range(1, len(rest)):
                score = score + self._after([*shared, *rest[:k]]).log_softmax(-1)[rest[k]]
            found.append(score)
        return torch.stack(found)

    def _empty(self) -> None:
        self._llama.reset()
        self._written = []

    def _after(self, tokens: list[int]) -> Tensor:
        """The logits after a text, float32, (vocabulary,); only what differs is computed."""
        import llama_cpp
        import numpy as np
        import torch

        from iterun.models.chat.continuations import shared_length

        self.while_waiting()
        # At least the last token is computed, since its logits are gone.
        kept = shared_length([[*self._written, -1], tokens]) if self._written else 0
        self._llama.n_tokens = kept  # `eval` drops what is beyond
        self._llama.eval(tokens[kept:])
        self._written = list(tokens)
        row = llama_cpp.llama_get_logits_ith(self._llama.ctx, -1)
        shape = (self._llama.n_vocab(),)
        return torch.from_numpy(np.ctypeslib.as_array(row, shape=shape).copy())


def _file(path: str | None) -> Path:
    if not path:
        raise ConfigError(
            "model.path is empty: it does not say which GGUF file",
            hint="name one, as in model=llamacpp model.path=./model.gguf",
        )
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigError(
            f"model.path={path}: there is no such file", hint="name a GGUF file that is here"
        )
    return file


def _opened(file: Path, place: Placement, context: int) -> Any:
    import llama_cpp

    try:
        llama = llama_cpp.Llama(
            model_path=str(file),
            n_ctx=context,
            n_threads=place.threads,
            n_threads_batch=place.threads,
            n_gpu_layers=0 if place.device == "cpu" else -1,
            verbose=False,
        )
    except (ValueError, RuntimeError, OSError) as error:
        raise ConfigError(
            f"model.path={file} cannot be loaded by llama.cpp: {error}",
            hint="name a whole GGUF file of a model that llama.cpp knows",
        ) from error
    model = llama.model
    if llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model):
        raise ConfigError(
            f"model.path={file} keeps a state in the place of keys and values, which chat needs",
            hint="choose a transformer",
        )
    return llama
