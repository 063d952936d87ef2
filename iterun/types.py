"""Protocols and small records that cross layers. No torch at import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn

Metrics = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where and how a run computes, resolved from `backend`; recorded in run.json."""

    device: str  #: "cpu" or "cuda:0"
    dtype: str  #: "float32", "bfloat16" or "float16": of frozen weights; trained ones are float32
    threads: int  #: torch's intra-op threads
    device_map: str | None = None  #: accelerate's, for models larger than a card; None: one device
    tf32: bool = False
    deterministic: bool = False


@dataclass(frozen=True)
class Ref:
    """A file that a run wrote, known by its content; may stand in `Procedure.state()`."""

    path: str  #: relative to the run directory, with forward slashes
    sha256: str


@runtime_checkable
class Dataset(Protocol):
    """Three disjoint splits; settings are chosen on `dev`, effects claimed on `test`."""

    name: str
    fingerprint: str  #: SHA-256 (hex) of the content, or of source and revision

    @property
    def train(self) -> Sequence[Any]: ...
    @property
    def dev(self) -> Sequence[Any]: ...
    @property
    def test(self) -> Sequence[Any]: ...


@runtime_checkable
class TextDataset(Protocol):
    """Documents as strings. `text(split)` is the whole split as one string, joined as published."""

    name: str
    fingerprint: str

    @property
    def train(self) -> Sequence[str]: ...
    @property
    def dev(self) -> Sequence[str]: ...
    @property
    def test(self) -> Sequence[str]: ...

    def text(self, split: str) -> str: ...

    @property
    def max_windows(self) -> int | None:
        """How many evaluation windows the published protocol takes (C4: 256); None: all."""


@runtime_checkable
class ImageSplit(Protocol):
    """Pictures with a class each, fetched by their numbers."""

    def __len__(self) -> int: ...

    def batch(
        self, index: torch.Tensor, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures, float32 (n, channels, height, width), and classes, int64 (n,), on the CPU.

        Args:
            index: int64, (n,), from 0.
            generator: draws the data set's training augmentation; None: as for evaluation.
        """


@runtime_checkable
class ImageDataset(Protocol):
    """Labelled pictures of one size in three disjoint splits."""

    name: str
    fingerprint: str
    shape: tuple[int, int, int]  #: channels, height, width
    n_classes: int

    @property
    def train(self) -> ImageSplit: ...
    @property
    def dev(self) -> ImageSplit: ...
    @property
    def test(self) -> ImageSplit: ...


@runtime_checkable
class Architecture(Protocol):
    """An image classifier that nobody has trained: what `model=resnet20` names."""

    name: str
    output_layer: str | None  #: name of the last linear layer where papers leave it unpruned

    def build(
        self, shape: tuple[int, int, int], n_classes: int, generator: torch.Generator
    ) -> nn.Module:
        """A module on the CPU, float32 (n, *shape) -> logits (n, n_classes), freshly drawn.

        Raises:
            ConfigError: pictures of this shape don't fit.
        """


@runtime_checkable
class LanguageModel(Protocol):
    """A causal language model in memory, in eval mode, its parameters not requiring gradients."""

    name: str  #: as typed: "opt-mini", "facebook/opt-125m"
    module: nn.Module  #: transformers' ...ForCausalLM on the run's device
    tokenizer: Any
    context: int  #: longest window, tokens
    folder: Path  #: local folder with config, tokenizer and safetensors that it was read from

    @property
    def blocks(self) -> Mapping[str, nn.Module]:
        """Transformer blocks by their full module name, in order."""


@runtime_checkable
class StreamedLanguageModel(Protocol):
    """The same model left on disk: one block in memory at a time."""

    name: str
    tokenizer: Any
    context: int
    folder: Path

    @property
    def n_blocks(self) -> int: ...


ModelBuilder = Callable[..., Any]  # (form: type, place: Placement, **settings) -> the form


class Generators(Protocol):
    """Named random generators, each a pure function of (seed, name, key) at its first use."""

    def torch(self, name: str, *key: object) -> torch.Generator: ...


Shown = Callable[[Iterable[Any], str], Iterator[Any]]  # run.progress: (items, label) -> items


@runtime_checkable
class DiffusionModel(Protocol):
    """A frozen network that predicts the noise in pictures, or in latents of them."""

    name: str
    module: nn.Module  #: what predicts; in eval mode, its parameters not requiring gradients
    shape: tuple[int, ...]  #: of one sample x
    n_labels: int  #: conditions are 0 ... n_labels - 1; n_labels itself is "no condition"
    lora_targets: Sequence[str]  #: ends of the names of the layers that take adapters
    alphas_bar: torch.Tensor  #: share of the signal by timestep, float32, (1000,), on the device

    def prepare(self, shown: Shown) -> None:
        """Train or load what is not here yet; before the first use, in `start`.

        Args:
            shown: `run.progress`: a bar, and ears for signals.

        Raises:
            ConfigError: it cannot be had here.
        """

    def eps(self, x: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The noise in x at timestep t, as x is shaped; gradients flow to x where it asks for them.

        Args:
            x: (n, *shape).
            t: int64, (n,), from 0 (clean) on.
            label: int64, (n,).
        """

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """Samples x of pictures as `decode` gives them."""

    def decode(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures in [0, 1], float32 (n, channels, height, width)."""


@runtime_checkable
class SampleJudge(Protocol):
    """Tells of samples of a `DiffusionModel` what they show: asked for as another form of it."""

    n_labels: int

    def prepare(self, shown: Shown) -> None:
        """As `DiffusionModel.prepare`."""

    def held_out(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Samples that the model was not trained on, and their labels."""

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(n, n_features), for distances between sets of samples."""

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """(n, n_labels); gradients flow to x where it asks for them."""


@runtime_checkable
class SelfTaught(Protocol):
    """A diffusion model that brings what it was trained on."""

    def training_samples(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Clean samples x, (n, *shape), and their labels, int64 (n,), on the model's device."""


@runtime_checkable
class WordConditioned(Protocol):
    """A diffusion model whose conditions are words."""

    lcm_lora: str | None  #: the published adapter for few steps, on the hub

    def describe(self, prompts: Sequence[str]) -> None:
        """Make these the conditions 0 ... n - 1."""

    def adapter(self, tensors: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Adapters of the module under the names that they are published with."""

    def load_lora(self, source: str) -> None:
        """Put a ready adapter on: a file, a folder, or OWNER/NAME on the hub.

        Raises:
            ConfigError: it cannot be had, or is made for another model.
        """
