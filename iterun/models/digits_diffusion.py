"""The embedded diffusion model: a denoiser of 8x8 digits, and a classifier that judges samples.

A tuned model is the same denoiser trained on with digits of another style, as people tune a
published model; the classifier is of plain digits always. All are trained on first use (the recipes
are `digits_training`'s) and kept in the user's cache folder under a name that says how: two
processes don't train the same one, and another recipe or another major version of a library is
another file.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from iterun.data.digits_split import N_LABELS, SIDE, Style, load_digits_split
from iterun.errors import ConfigError
from iterun.models.forms import wrong_form
from iterun.models.trained_once import check_counts, kept, major_versions, recipe_key
from iterun.types import DiffusionModel, SampleJudge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from torch import Tensor, nn

    from iterun.types import Placement, Shown

#: every linear layer of the denoiser but that of the guidance
LAYERS = ("time_in", "time_out", "enter", "leave", "modulate", "up", "down")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What decides the weights."""

    train_steps: int  #: of the denoiser
    classifier_steps: int
    seed: int  #: of both; apart from the run's, so that all runs share one model
    style: Style = "plain"  #: of the digits that the denoiser is tuned to
    tune_steps: int = 0

    def key(self, part: str) -> str:
        """Of the constants and the libraries' major versions: 16 hex digits.

        Args:
            part: "denoiser", "tuned" or "classifier".
        """
        from iterun.models import digits_networks, digits_training

        sizes = [digits_networks.WIDTH, digits_networks.N_BLOCKS, digits_networks.CONDITION]
        majors = major_versions("torch", "scikit-learn")
        parts: list[object] = [part, self.seed, sizes, digits_training.BATCH, majors]
        if part == "classifier":
            parts += [self.classifier_steps, digits_training.CLASSIFIER]
        else:
            parts += [self.train_steps, digits_training.DENOISER]
        if part == "tuned":
            parts += [self.tune_steps, self.style, digits_training.TUNING]
        return recipe_key(parts)


@dataclass(kw_only=True)
class DigitsDiffusion:
    """The denoiser (types.DiffusionModel); a sample is (64,), pixels in [-1, 1] row by row."""

    name: str
    device: torch.device
    recipe: Recipe
    shape: tuple[int, ...] = (SIDE * SIDE,)
    n_labels: int = N_LABELS
    lora_targets: Sequence[str] = LAYERS
    module: nn.Module = field(init=False)
    alphas_bar: Tensor = field(init=False)

    def prepare(self, shown: Shown) -> None:
        from iterun.ops.diffusion import alphas_bar

        self.module = load_denoiser(self.recipe, shown).to(self.device)
        self.alphas_bar = alphas_bar().to(self.device)

    def eps(self, x: Tensor, t: Tensor, label: Tensor, w_embed: Tensor | None = None) -> Tensor:
        """As the protocol has it; `w_embed`, (n,): guidance that the network itself applies."""
        noise: Tensor = self.module(x, t, label, w_embed)
        return noise

    def training_samples(self) -> tuple[Tensor, Tensor]:
        split = load_digits_split(self.recipe.style)
        return split.x_train.to(self.device), split.y_train.to(self.device)

    def decode(self, x: Tensor) -> Tensor:
        return ((x + 1) / 2).clamp(0, 1).reshape(-1, 1, SIDE, SIDE).float()


@dataclass(kw_only=True)
class DigitsJudge:
    """The classifier (types.SampleJudge)."""

    device: torch.device
    recipe: Recipe
    n_labels: int = N_LABELS
    module: nn.Module = field(init=False)

    def prepare(self, shown: Shown) -> None:
        self.module = load_classifier(self.recipe, shown).to(self.device)

    def held_out(self) -> tuple[Tensor, Tensor]:
        split = load_digits_split(self.recipe.style)
        return split.x_test.to(self.device), split.y_test.to(self.device)

    def features(self, x: Tensor) -> Tensor:
        found: Tensor = self.module.features(x)  # type: ignore[operator]  # of Classifier
        return found

    def logits(self, x: Tensor) -> Tensor:
        found: Tensor = self.module(x)
        return found


def load(
    form: type,
    place: Placement,
    *,
    name: str,
    kinds: Sequence[str] | None = None,
    train_steps: int,
    classifier_steps: int,
    seed: int,
    style: Style = "plain",
    tune_steps: int = 0,
) -> DigitsDiffusion | DigitsJudge:
    """The denoiser, or the judge of its samples; neither is trained before `prepare`.

    Args:
        form: `types.DiffusionModel` or `types.SampleJudge`.
        place: device.
        name: as typed after `model=`.
        kinds: what the choice can be used as; judged before this is called.
        train_steps: of the denoiser.
        classifier_steps: of the judge.
        seed: of both.
        style: of the digits that the denoiser is tuned to: plain or bold.
        tune_steps: how long it is tuned.

    Raises:
        ConfigError: another form is asked for, or a recipe that trains nothing.
    """
    import torch

    recipe = Recipe(
        train_steps=train_steps,
        classifier_steps=classifier_steps,
        seed=seed,
        style=style,
        tune_steps=tune_steps,
    )
    _check(recipe)
    device = torch.device(place.device)
    if form is DiffusionModel:
        return DigitsDiffusion(name=name, device=device, recipe=recipe)
    if form is SampleJudge:
        return DigitsJudge(device=device, recipe=recipe)
    raise wrong_form(name, "a diffusion model", form, kinds or ["diffusion"])


def fingerprint(settings: Mapping[str, Any]) -> str:
    """What tells this model from another: its recipe."""
    known = {item.name for item in fields(Recipe)}
    recipe = Recipe(**{key: value for key, value in settings.items() if key in known})
    return f"recipe:{recipe.key('tuned')}{recipe.key('classifier')}"


def load_denoiser(recipe: Recipe, shown: Shown) -> nn.Module:
    """From the cache, else trained; on the CPU, in eval mode."""
    from iterun.models.digits_networks import Denoiser
    from iterun.models.digits_training import train_denoiser, tune_denoiser

    def base() -> nn.Module:
        name = f"digits-denoiser-{recipe.key('denoiser')}"
        return kept(name, Denoiser, lambda: train_denoiser(recipe.train_steps, recipe.seed, shown))

    if recipe.tune_steps == 0:
        return base()
    name = f"digits-tuned-{recipe.key('tuned')}"
    return kept(
        name,
        Denoiser,
        lambda: tune_denoiser(base(), recipe.style, recipe.tune_steps, recipe.seed, shown),
    )


def load_classifier(recipe: Recipe, shown: Shown) -> nn.Module:
    """From the cache, else trained; on the CPU, in eval mode."""
    from iterun.models.digits_networks import Classifier
    from iterun.models.digits_training import train_classifier

    return kept(
        f"digits-classifier-{recipe.key('classifier')}",
        Classifier,
        lambda: train_classifier(recipe.classifier_steps, recipe.seed, shown),
    )


def _check(recipe: Recipe) -> None:
    """Refuse a recipe that trains nothing."""
    check_counts(1, train_steps=recipe.train_steps, classifier_steps=recipe.classifier_steps)
    check_counts(0, seed=recipe.seed, tune_steps=recipe.tune_steps)
    if recipe.style not in ("plain", "bold"):
        raise ConfigError(
            f"model.style={recipe.style} is neither plain nor bold",
            hint="model=digits-bold is tuned to bold digits",
        )
