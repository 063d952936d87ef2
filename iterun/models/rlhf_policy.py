"""A language model as a policy: what of it is trained, what it was at first, how it reads prompts.

Trained are all parameters, in float32, or low-rank adapters. One module serves every arm and every
reference: it wears the values of whichever is asked. The model at first is the module with its
adapters off, or with its first values on.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError
from iterun.models import adapters
from iterun.models.lm import quiet_loading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import torch
    from torch import Tensor, nn

    from iterun.models.policy_sampling import Drawn
    from iterun.types import LanguageModel

ALPHA = 2  # scale of adapters: alpha = 2 x rank
SEPARATOR = "\n"  # between worked examples; ends an answer that follows such
PEFT_PREFIX = "base_model.model."


class Policy:
    """The module and its trained parameters.

    Args:
        model: its module is changed in place.
        lora_rank: of adapters; None: everything is trained.
        lora_targets: ends of the names of the layers that take adapters.
        generator: draws the adapters.

    Raises:
        ConfigError: no layer has such a name.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        lora_rank: int | None,
        lora_targets: Sequence[str],
        generator: torch.Generator,
    ) -> None:
        self.name = model.name
        self.module: nn.Module = model.module
        self.tokenizer = model.tokenizer
        self.lora_rank, self._targets = lora_rank, list(lora_targets)
        if lora_rank is None:
            self.module.float().requires_grad_(requires_grad=True)
            self.parameters = dict(self.module.named_parameters())
        else:
            self.parameters = self._adapters(model.name, lora_rank, generator)
        self.first = {name: p.detach().clone() for name, p in self.parameters.items()}

    def wear(self, values: Mapping[str, Tensor]) -> None:
        """Compute with these values from now on; an optimizer step changes them in place."""
        for name, parameter in self.parameters.items():
            parameter.data = values[name]

    @contextmanager
    def wearing(self, values: Mapping[str, Tensor]) -> Iterator[None]:
        """In here the module computes with these values."""
        before = {name: parameter.data for name, parameter in self.parameters.items()}
        self.wear(values)
        try:
            yield
        finally:
            self.wear(before)

    @contextmanager
    def as_at_first(self) -> Iterator[None]:
        """In here the module computes what it did before any training."""
        if self.lora_rank is None:
            with self.wearing(self.first):
                yield
        else:
            with adapters.off(self.module):
                yield

    def check(self, name: str, values: Mapping[str, Tensor]) -> None:
        """Refuse values of another model, or of other adapters.

        Args:
            name: of the model that they are of.
            values: of what was trained.

        Raises:
            ConfigError: a fork changed what is trained.
        """
        if name != self.name:
            raise ConfigError(
                f"model={self.name}: the state is of model={name}",
                hint="leave model= as it was, or begin a new run",
            )
        known = {name: tuple(p.shape) for name, p in self.parameters.items()}
        if {name: tuple(value.shape) for name, value in values.items()} != known:
            rank = "null" if self.lora_rank is None else self.lora_rank
            raise ConfigError(
                f"task.lora_rank={rank}: the state is of a run that trained other parameters",
                hint="keep model=, task.lora_rank and task.lora_targets as they were",
            )

    def save(self, folder: Path) -> None:
        """What the module wears now: a whole model with its tokenizer, or adapters for peft."""
        if self.lora_rank is None:
            with quiet_loading():
                self.module.save_pretrained(folder)  # type: ignore[operator]  # transformers'
                self.tokenizer.save_pretrained(folder)
            return
        from peft import LoraConfig
        from safetensors.torch import save_file

        base: Any = self.module.config
        config = LoraConfig(
            r=self.lora_rank,
            lora_alpha=ALPHA * self.lora_rank,
            target_modules=sorted(self._targets),
            task_type="CAUSAL_LM",
            base_model_name_or_path=str(base._name_or_path),
            inference_mode=True,
        )
        config.save_pretrained(str(folder))
        tensors = {
            PEFT_PREFIX + name.replace(f".{adapters.ADAPTER}.", "."): p.detach().cpu().contiguous()
            for name, p in self.parameters.items()
        }
        save_file(tensors, folder / "adapter_model.safetensors")

    def _adapters(
        self, name: str, rank: int, generator: torch.Generator
    ) -> dict[str, nn.Parameter]:
        ends = {module.rpartition(".")[2] for module, _ in self.module.named_modules()}
        if missing := [target for target in self._targets if target not in ends]:
            raise ConfigError(
                f"task.lora_targets: model={name} has no layer named {', '.join(missing)}",
                hint="name some that it has, as in task.lora_targets=[q_proj,v_proj]",
            )
        return adapters.put_on(self.module, self._targets, rank, ALPHA * rank, generator)


@dataclass(kw_only=True)
class Reading:
    """How a policy reads prompts and where its answers end.

    Args:
        tokenizer: the policy's.
        template: `plain` text, or the tokenizer's `chat` template.
        examples: prompts with completions, put before every prompt.
        end: what ends every completion of the data: "$"; "": nothing does.

    Raises:
        ConfigError: the tokenizer has no template.
    """

    tokenizer: Any
    template: str
    examples: Sequence[tuple[str, str]]
    end: str

    def __post_init__(self) -> None:
        if self.template == "chat" and not getattr(self.tokenizer, "chat_template", None):
            raise ConfigError(
                "task.template=chat: the tokenizer of this model has no chat template",
                hint="task.template=plain",
            )
        self._eos: int | None = self.tokenizer.eos_token_id
        shots = [f"{p}{c.removesuffix(self.end)}{SEPARATOR}" for p, c in self.examples]
        self._before = "".join(shots)
        self.ends = self._ends()

    def tokens(self, prompts: Sequence[str]) -> list[tuple[int, ...]]:
        """What the policy is given for each prompt."""
        texts = [self._before + prompt for prompt in prompts]
        if self.template == "chat":
            return [self._turn(text) for text in texts]
        rows: list[list[int]] = self.tokenizer(texts)["input_ids"] if texts else []
        # Some tokenizers end every text.
        return [tuple(ids[:-1] if len(ids) > 1 and ids[-1] == self._eos else ids) for ids in rows]

    def completions(self, texts: Sequence[str]) -> list[list[int]]:
        """Completions of the data as the policy would write them, their ends included."""
        bare = [text.removesuffix(self.end) for text in texts]
        rows: list[list[int]] = self.tokenizer(bare, add_special_tokens=False)["input_ids"]
        if self.examples:
            end = self.tokenizer(SEPARATOR, add_special_tokens=False)["input_ids"]
        else:
            end = [self._eos]
        return [[*ids, *end] for ids in rows]

    def texts(self, answers: Sequence[Drawn]) -> list[str]:
        """What a judge reads: with the data's end where an answer has one."""
        rows = [[token for token in it.tokens if token != self._eos] for it in answers]
        said = self.tokenizer.batch_decode(rows, clean_up_tokenization_spaces=False)
        if self.examples:
            said = [text.partition(SEPARATOR)[0].strip() for text in said]
        ended = zip(said, answers, strict=True)
        return [f"{text}{self.end}" if it.has_ended else text for text, it in ended]

    def _turn(self, text: str) -> tuple[int, ...]:
        turns = [{"role": "user", "content": text}]
        found = self.tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        return tuple(found["input_ids"])

    def _ends(self) -> list[int]:
        """The tokenizer's end; behind worked examples also every token with a line's end."""
        ends = set() if self._eos is None else {self._eos}
        if self.examples:
            texts = ((k, self.tokenizer.decode([k])) for k in range(len(self.tokenizer)))
            ends |= {k for k, text in texts if SEPARATOR in text}
        if not ends:
            raise ConfigError(
                "task.shots=0: the tokenizer of this model has no token that ends an answer",
                hint="worked examples end answers by lines: task.shots=4",
            )
        return sorted(ends)
