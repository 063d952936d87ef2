"""A diffusion model of pixels, its samples shaped as pictures (n, channels, height, width)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.errors import ConfigError
from iterun.ops.restoration import Prior, times
from iterun.types import WordConditioned

if TYPE_CHECKING:
    from torch import Tensor

    from iterun.types import DiffusionModel, ImageDataset


@dataclass(frozen=True)
class Pixels:
    """The model without a condition, for pictures of one shape in [-1, 1]."""

    model: DiffusionModel
    shape: tuple[int, int, int]

    def predict(self, z: Tensor, t: int) -> Tensor:
        """The noise in z at timestep t."""
        import torch

        n = len(z)
        at = torch.full((n,), t, device=z.device)
        free = torch.full((n,), self.model.n_labels, device=z.device)
        return self.model.eps(z.reshape(n, *self.model.shape), at, free).reshape(z.shape)

    def prior(self, steps: int) -> Prior:
        abar = self.model.alphas_bar
        return Prior(self.predict, abar, times(steps, len(abar)))


def pixels(model: DiffusionModel, data: ImageDataset) -> Pixels:
    """The model for the data set's pictures.

    Raises:
        ConfigError: the model is of other pictures, or of latents.
    """
    if isinstance(model, WordConditioned):
        raise ConfigError(
            f"model={model.name} works on latents, and pictures are measured in pixels",
            hint="model=digits-diffusion, model=pictures-diffusion, or a UNet2DModel: model=unet",
        )
    own = " x ".join(str(n) for n in model.shape)
    if math.prod(model.shape) != math.prod(data.shape) or (
        len(model.shape) == len(data.shape) and tuple(model.shape) != tuple(data.shape)
    ):
        raise ConfigError(
            f"data={data.name}: pictures of {' x '.join(str(n) for n in data.shape)} "
            f"are none of model={model.name}, whose samples are {own}",
            hint="model=digits-diffusion data=digits-pictures, or model=pictures-diffusion "
            "data=ellipses",
        )
    return Pixels(model, data.shape)
