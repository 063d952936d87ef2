"""Protocols and small records that cross layers. No torch at import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

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
        """Put a ready adapter on: file:PATH, or OWNER/NAME on the hub.

        Raises:
            ConfigError: it cannot be had, or is made for another model.
        """


@dataclass(frozen=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a chat model is asked: a conversation so far, and how its next turn is to be drawn."""

    messages: tuple[Message, ...]
    max_tokens: int = 256
    temperature: float = 0.0  #: 0: the likeliest token each time
    top_p: float = 1.0  #: in (0, 1]: the smallest set of tokens with this much probability
    stop: tuple[str, ...] = ()  #: the reply ends before any of these
    seed: int | None = None  #: of this request's own generator; sample j of n has one of its own
    n: int = 1  #: samples wanted
    #: a reply made of pieces, each one of a few strings; a fixed piece is the only one of its kind
    choices: tuple[tuple[str, ...], ...] | None = None
    json_schema: Mapping[str, Any] | None = None  #: the reply is JSON of this schema
    prefix: str = ""  #: the reply begins with it; it is part of the text given back
    payload: object = None  #: the problem in structured form; programs alone may read it
    tag: Mapping[str, str | int] = field(default_factory=dict)  #: agent, instance, round


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back; one that could not be had has `finish` "error" and says why."""

    texts: tuple[str, ...]
    finish: tuple[Literal["stop", "length", "error"], ...]  #: by sample
    prompt_tokens: int = 0
    completion_tokens: int = 0  #: of all samples
    cached: bool = False
    retries: int = 0
    constrained: bool = False  #: `choices` or a schema held the model, not the prompt alone
    seconds: float = 0.0
    error: str = ""

    @property
    def text(self) -> str:
        """The first sample."""
        return self.texts[0]


@dataclass(kw_only=True)
class Usage:
    """What a chat model has done so far."""

    calls: int = 0  #: requests that were computed or sent, retries not counted
    calls_cached: int = 0  #: requests answered from the cache
    retries: int = 0
    errors: int = 0  #: requests that got no reply
    cut: int = 0  #: samples that ended at `max_tokens`
    tokens_prompt: int = 0  #: computed or paid for; of cached replies none
    tokens_completion: int = 0
    tokens_logical: int = 0  #: both kinds, cached replies included
    seconds: float = 0.0


@runtime_checkable
class ChatModel(Protocol):
    """Answers conversations: a language model here or on a server, a script, or a program."""

    name: str
    kind: Literal["llm", "scripted", "program"]

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """A reply to each, in order; batches or concurrent calls inside.

        A request that got none after all retries has a reply whose `finish` is "error".

        Raises:
            ConfigError: the model can't be used as it is set: a key refused, an unknown name.
        """

    def score(self, request: Request, continuations: Sequence[str]) -> list[float]:
        """Sums of the log-probabilities of each continuation's tokens, nats.

        Raises:
            ConfigError: this model can't tell.
        """

    def usage(self) -> Usage:
        """All that was done so far, in this attempt and those before it."""

    def state(self) -> dict[str, Any]:
        """The counts, for a checkpoint; the runner asks for it, a procedure need not."""

    def restore(self, state: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


Proposer = Callable[[Request, int], str]  # (request, seed of the sample) -> the reply's text


@runtime_checkable
class Programmed(Protocol):
    """A chat model that is a program: the system that uses it says what it answers."""

    def answer_with(self, proposer: Proposer) -> None: ...
