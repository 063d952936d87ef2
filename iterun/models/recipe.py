"""What of a pruned model is retrained, and how: the subsets of PERP (arXiv 2312.15230).

biases       of all linear layers
norm         weights and biases of all norms
embeddings   the token embedding (not in the paper)
head         a plain LoRA on the output head, untied from the embedding first
lora         an adapter on each pruned layer
full         everything, the masks applied again after each step
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from iterun.errors import ConfigError, nearest
from iterun.models.sequential import tied_head
from iterun.ops.lora import FORMS, Form

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: peak rates by subset where none is given; found on opt-mini. Adapters come last: they change the
#: names of what is inside.
PEAKS = {
    "biases": 5e-3,
    "norm": 5e-3,
    "embeddings": 1e-3,
    "full": 1e-3,
    "head": 1e-3,
    "lora": 1e-3,
}
SUBSETS = tuple(PEAKS)
WARMUP = 0.1  # of the steps


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is trained, and how; fields as a procedure's settings name them."""

    train: Sequence[str]  #: of SUBSETS
    lora_type: Form
    lora_r: int
    lora_alpha: float
    merge: bool  #: adapters into the weights at the end; only those of `lora` may stay outside
    lr: float | None  #: peak; None: PEAKS of each subset
    steps: int

    def check(self) -> Iterator[ConfigError]:
        """Yield every fault of the settings."""
        for subset in self.train:
            if subset not in SUBSETS:
                names = nearest(subset, SUBSETS) or SUBSETS
                yield ConfigError(
                    f"task.train={subset} is unknown", hint=f"choose {', '.join(names)}"
                )
        if not self.train:
            yield ConfigError("task.train=[] trains nothing", hint="as in task.train=[biases,norm]")
        if "full" in self.train and len(set(self.train)) > 1:
            yield ConfigError(
                f"task.train=[{','.join(self.train)}]: full holds all the others",
                hint="task.train=[full] alone, or without full",
            )
        if self.lora_type not in FORMS:
            names = nearest(self.lora_type, FORMS) or FORMS
            yield ConfigError(
                f"task.lora_type={self.lora_type} is unknown", hint=f"choose {', '.join(names)}"
            )
        if self.lora_r < 1:
            yield ConfigError(
                f"task.lora_r={self.lora_r} is no rank", hint="at least 1, as in task.lora_r=16"
            )
        for name, value, good in (("lr", self.lr, "1e-3"), ("lora_alpha", self.lora_alpha, "32")):
            if value is not None and not (value > 0 and math.isfinite(value)):
                yield ConfigError(
                    f"task.{name}={value} is not above 0", hint=f"as in task.{name}={good}"
                )
        yield from self._check_merge()

    def _check_merge(self) -> Iterator[ConfigError]:
        plain = "lora" in self.train and self.lora_type == "lora"
        if plain and self.merge:
            yield ConfigError(
                "task.lora_type=lora cannot be merged (task.merge=true): it would fill the zeros",
                hint="keep it as an adapter, task.merge=false; or task.lora_type=mask_lora",
            )
        if not plain and not self.merge:
            yield ConfigError(
                "task.merge=false is for plain LoRA on the pruned layers alone",
                hint="task.train=[lora] task.lora_type=lora task.merge=false",
            )

    def check_model(self, module: nn.Module) -> None:
        """Hold the subsets against a model; it may be without weights.

        Raises:
            ConfigError: it has no parameter of any of them.
        """
        always = {"head", "lora"} & set(self.train)
        if not always and not any(small_parameters(module, subset) for subset in self.train):
            raise ConfigError(
                f"task.train=[{','.join(self.train)}] trains nothing: the model has none of these",
                hint="Llama-like models have no biases; add norm, as in task.train=[biases,norm]",
            )

    def as_text(self) -> dict[str, str]:
        """What a file of trained values says of its adapters."""
        return {
            "lora_type": self.lora_type,
            "lora_r": str(self.lora_r),
            "lora_alpha": str(self.lora_alpha),
        }

    def peak(self, subset: str) -> float:
        """The subset's highest rate."""
        return PEAKS[subset] if self.lr is None else self.lr

    def peaks(self) -> float | str:
        """The peak rate, or "biases 0.005, lora 0.001" where it isn't one for all."""
        found = {subset: self.peak(subset) for subset in self.train}
        if len(set(found.values())) == 1:
            return next(iter(found.values()))
        return ", ".join(f"{subset} {peak:g}" for subset, peak in found.items())


def rate(step: int, steps: int) -> float:
    """The rate's multiplier at a step 0 ... steps - 1: up over a tenth of them, then down to 0."""
    warm = max(1, int(WARMUP * steps))
    if step < warm:
        return (step + 1) / warm
    return (steps - step) / (steps - warm + 1)


def small_parameters(module: Any, subset: str) -> dict[str, nn.Parameter]:
    """The parameters of `biases`, `norm`, `embeddings` or `full`, by name; possibly none."""
    if subset == "full":
        return dict(module.named_parameters())
    embedding = module.get_input_embeddings() if subset == "embeddings" else None
    found = {}
    for name, child in module.named_modules():
        own: dict[str, nn.Parameter] = {}
        if subset == "biases" and isinstance(child, nn.Linear):
            own = {key: p for key, p in child.named_parameters() if key == "bias"}
        elif (subset == "norm" and is_norm(child)) or child is embedding:
            own = dict(child.named_parameters(recurse=False))
        found.update({f"{name}.{key}": parameter for key, parameter in own.items()})
    return found


def is_norm(module: nn.Module) -> bool:
    """Whether this is a LayerNorm or an RMSNorm of whatever family."""
    return type(module).__name__.endswith(("LayerNorm", "RMSNorm"))


def untie_head(module: Any) -> None:
    """Give the output head its own weight, so that training it leaves the embedding alone."""
    if tied_head(module):
        head = module.get_output_embeddings()
        head.weight = nn.Parameter(head.weight.detach().clone(), requires_grad=False)
        module.config.tie_word_embeddings = False


def name_of_head(module: Any) -> str:
    """Where the output head sits in the model."""
    head = module.get_output_embeddings()
    return str(next(name for name, child in module.named_modules() if child is head))
