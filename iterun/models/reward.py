"""Reward models: a language model's body with one number read off an answer's last token.

They are transformers' ...ForSequenceClassification of one label, so that a reward model from the
hub, one trained here (`reward_training`) and one read from a folder are the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from iterun.data.hub import first_line
from iterun.errors import ConfigError
from iterun.models.lm import context_of, dtype_argument, quiet_loading
from iterun.models.snapshot import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from iterun.types import LanguageModel, Placement


@dataclass(kw_only=True)
class RewardModel:
    """Scores answers; the higher, the better."""

    name: str
    module: nn.Module  #: transformers' ...ForSequenceClassification with one label
    tokenizer: Any
    context: int  #: longest prompt and answer together, tokens

    @torch.inference_mode()
    def score(
        self, prompts: Sequence[str], answers: Sequence[str], batch_size: int = 64
    ) -> list[float]:
        """A score for each answer.

        Args:
            prompts: one for each answer.
            answers: whole, with whatever ends them.
            batch_size: scored at once; may change last bits.
        """
        rows = [self.encode(*both) for both in zip(prompts, answers, strict=True)]
        order = sorted(range(len(rows)), key=lambda k: len(rows[k]))  # little padding
        size = 1 if self.tokenizer.pad_token_id is None else batch_size
        found = [0.0] * len(rows)
        for begin in range(0, len(order), size):
            part = order[begin : begin + size]
            for k, value in zip(part, self.forward([rows[k] for k in part]).tolist(), strict=True):
                found[k] = value
        return found

    def encode(self, prompt: str, answer: str) -> list[int]:
        """Tokens of both, as a conversation where the model has a template for one.

        Of a text longer than the context the end is kept, where the score is read.
        """
        if getattr(self.tokenizer, "chat_template", None):
            turns = [
                {"role": "user", "content": prompt},
                {"role": "assistant", "content": answer},
            ]
            ids = self.tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True)
        else:
            ids = self.tokenizer(prompt + answer)
        return list(ids["input_ids"])[-self.context :]

    def forward(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Scores of rows of tokens, float32, (n,); gradients flow to the weights.

        Without a padding token rows have to be of one length.
        """
        device = next(self.module.parameters()).device
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.full((len(rows), int(lengths.max())), self.tokenizer.pad_token_id or 0)
        for k, row in enumerate(rows):
            ids[k, : len(row)] = torch.tensor(row)
        there = torch.arange(ids.shape[1]) < lengths[:, None]
        logits: Tensor = self.module(
            input_ids=ids.to(device), attention_mask=there.long().to(device), use_cache=False
        ).logits  # (n, 1)
        return logits[:, 0].float()

    def save(self, folder: Path) -> None:
        """A folder that `from_folder` and `from_pretrained` read."""
        with quiet_loading():
            self.module.save_pretrained(folder)  # type: ignore[operator]  # of transformers
            self.tokenizer.save_pretrained(folder)


def from_language_model(model: LanguageModel, generator: torch.Generator) -> RewardModel:
    """A copy of the model's body with a fresh head, in float32, ready to be trained.

    Args:
        model: left as it is.
        generator: draws the head.

    Raises:
        ConfigError: no reward model is known of this architecture.
    """
    from copy import deepcopy

    from transformers import AutoModelForSequenceClassification

    body: Any = model.module
    config = deepcopy(body.config)
    config.num_labels = 1
    config.pad_token_id = model.tokenizer.pad_token_id
    seed = int(torch.randint(2**31, (), generator=generator))
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = AutoModelForSequenceClassification.from_config(config).float()
    except ValueError as error:
        raise ConfigError(
            f"model={model.name}: no reward model can be made of it: {first_line(error)}",
            hint="a Llama, Qwen, Mistral or OPT can, as in model=tiny-math",
        ) from error
    module.base_model.load_state_dict(body.base_model.state_dict())
    module.to(next(body.parameters()).device)
    return RewardModel(
        name=f"reward of {model.name}",
        module=module.eval(),
        tokenizer=model.tokenizer,
        context=model.context,
    )


def load(
    source: str, place: Placement, *, setting: str, revision: str | None = None
) -> RewardModel:
    """A reward model from a folder, or OWNER/NAME on the hub.

    Args:
        source: a folder that is there or begins with `.`, `/` or `~`; anything else is on the hub.
        place: device and dtype.
        setting: what named it, as typed: "task.reward_model=./folder".
        revision: of the hub: branch or commit.

    Raises:
        ConfigError: it is not there, or no reward model of one score.
        UnavailableError: it cannot be had without network or permission.
    """
    path = Path(source).expanduser()
    if path.is_dir() or source.startswith((".", "/", "~")):
        return from_folder(whole(path, setting), place, setting)
    from iterun.models.fetch import fetched

    return replace(from_folder(fetched(setting, source, revision), place, setting), name=source)


def from_folder(folder: Path, place: Placement, setting: str) -> RewardModel:
    """The reward model in a folder, in eval mode, no parameter requiring a gradient.

    Raises:
        ConfigError: it holds no such model.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    safe: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    try:
        with quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
            module, found = AutoModelForSequenceClassification.from_pretrained(
                folder,
                use_safetensors=True,
                output_loading_info=True,
                **safe,
                **dtype_argument(getattr(torch, place.dtype)),
            )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ConfigError(
            f"{setting} cannot be loaded from {folder}: {first_line(error)}",
            hint="name a reward model: a ...ForSequenceClassification of transformers",
        ) from error
    if found["missing_keys"] or module.config.num_labels != 1:
        raise ConfigError(
            f"{setting}: {folder} is no reward model: "
            + (f"it lacks {min(found['missing_keys'])}" if found["missing_keys"]
               else f"it gives {module.config.num_labels} numbers, not one"),
            hint="name a ...ForSequenceClassification with one label; a language model has none",
        )  # fmt: skip
    if module.config.pad_token_id is None:
        module.config.pad_token_id = tokenizer.pad_token_id
    return RewardModel(
        name=str(folder),
        module=module.to(place.device).eval().requires_grad_(requires_grad=False),
        tokenizer=tokenizer,
        context=context_of(module.config, setting),
    )
