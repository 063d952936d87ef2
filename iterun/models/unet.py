"""Unconditional diffusion models of pixels: diffusers' UNet2DModel, with its noise schedule.

A folder holds the network (config.json, diffusion_pytorch_model.safetensors) and beside it
scheduler_config.json; or both in `unet/` and `scheduler/`, as pipelines are saved. Samples are
pictures in [-1, 1]; networks that also predict a variance are asked for the noise alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.data import hub
from iterun.data.cache import file_digest
from iterun.errors import ConfigError
from iterun.models import hub_files
from iterun.models.forms import wrong_form
from iterun.models.snapshot import ASSETS, no_safetensors
from iterun.types import DiffusionModel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from torch import Tensor, nn

    from iterun.types import Placement, Shown

CONFIG = "config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
SCHEDULE = "scheduler_config.json"
#: layers of the U-Net that may take adapters
LAYERS = ("to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2", "conv_shortcut", "time_emb_proj")
OFFLINE = "model=pictures-diffusion, model=digits-diffusion"


@dataclass(kw_only=True)
class PixelDiffusion:
    """The network (types.DiffusionModel) without conditions."""

    name: str
    module: nn.Module
    shape: tuple[int, ...]  #: channels, height, width
    alphas_bar: Tensor
    dtype: torch.dtype
    n_labels: int = 0
    lora_targets: Sequence[str] = LAYERS

    def prepare(self, shown: Shown) -> None:
        """Nothing: it is whole when it is loaded."""

    def eps(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """As the protocol has it; there is no label to tell."""
        noise: Tensor = self.module(x.to(self.dtype), t).sample
        return noise[:, : self.shape[0]].float()

    def decode(self, x: Tensor) -> Tensor:
        return ((x + 1) / 2).clamp(0, 1).float()


def load(
    form: type,
    place: Placement,
    *,
    name: str,
    kinds: Sequence[str] | None = None,
    **settings: Any,
) -> PixelDiffusion:
    """Build the model of a `conf/model/*.yaml`.

    Args:
        form: `types.DiffusionModel`.
        place: device and dtype.
        name: as typed after `model=`.
        kinds: what the choice can be used as; judged before this is called.
        **settings: one of `asset` (in the package), `folder`, `id` on the hub with `revision`.

    Raises:
        ConfigError: it is not there, not whole, or no such network.
    """
    import torch
    from diffusers import UNet2DModel
    from safetensors import SafetensorError

    if form is not DiffusionModel:
        raise wrong_form(name, "a diffusion model", form, kinds or ["diffusion"])
    network, schedule = parts(located({"name": name, **settings}), f"model={name}")
    dtype = getattr(torch, place.dtype)
    try:
        module: Any = UNet2DModel.from_pretrained(network, use_safetensors=True, torch_dtype=dtype)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ConfigError(
            f"model={name} cannot be loaded from {network}: {hub.first_line(error)}",
            hint=f"fetch or save it anew, or use {OFFLINE}",
        ) from error
    if (side := module.config.sample_size) is None:
        raise ConfigError(
            f"model={name}: {network / CONFIG} has no sample_size, the pixels of a side",
            hint=f'write it there, as in "sample_size": 32, or use {OFFLINE}',
        )
    height, width = (side, side) if isinstance(side, int) else side
    module.eval().requires_grad_(requires_grad=False).to(place.device)
    return PixelDiffusion(
        name=name,
        module=module,
        shape=(module.config.in_channels, height, width),
        alphas_bar=alphas_bar(schedule, f"model={name}").to(place.device),
        dtype=dtype,
    )


def fingerprint(settings: Mapping[str, Any]) -> str:
    """What tells this model from another: SHA-256 of its files, or hub id and revision."""
    if not settings.get("asset") and not settings.get("folder") and settings.get("id"):
        return f"hub:{settings['id']}@{settings.get('revision') or 'main'}"
    network, schedule = parts(located(settings), f"model={settings.get('name')}")
    sha = hashlib.sha256()
    for path in (network / CONFIG, network / WEIGHTS, schedule):
        sha.update(f"{path.name}\0{file_digest(path)}\n".encode())
    return "files:" + sha.hexdigest()


def alphas_bar(schedule: Path, setting: str) -> Tensor:
    """The share of the signal by timestep, of a scheduler's config.

    Raises:
        ConfigError: it can't be read, or is of a network that predicts something but the noise.
    """
    from diffusers import DDPMScheduler

    config = _parsed(schedule, setting)
    if (kind := config.get("prediction_type", "epsilon")) != "epsilon":
        raise ConfigError(
            f"{setting} predicts {kind}, not the noise", hint=f"take another, as in {OFFLINE}"
        )
    scheduler: Any = DDPMScheduler.from_config(config)
    values: Tensor = scheduler.alphas_cumprod.float()
    return values


def parts(folder: Path, setting: str) -> tuple[Path, Path]:
    """Where the network lies, and the file of its schedule.

    Raises:
        ConfigError: one of them is missing, or it is another network.
    """
    network = folder / "unet" if (folder / "unet" / CONFIG).is_file() else folder
    if not (network / CONFIG).is_file():
        raise ConfigError(
            f"{setting}: {folder} has no {CONFIG}, so it is no folder of a diffusion model",
            hint="name a folder that diffusers wrote with save_pretrained",
        )
    kind = _parsed(network / CONFIG, setting).get("_class_name")
    if kind != "UNet2DModel":
        raise ConfigError(
            f"{setting}: {network} holds a {kind}, not an unconditional UNet2DModel of pixels",
            hint=f"take one such as google/ddpm-cifar10-32, or use {OFFLINE}",
        )
    if not (network / WEIGHTS).is_file():
        raise no_safetensors(f"{setting}: {network}", [path.name for path in network.iterdir()])
    places = [folder / "scheduler" / SCHEDULE, folder / SCHEDULE]
    if schedule := next((path for path in places if path.is_file()), None):
        return network, schedule
    raise ConfigError(
        f"{setting}: {folder} has no {SCHEDULE}, so its noise is not known",
        hint="save its scheduler there too, with save_pretrained",
    )


def _parsed(path: Path, setting: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"{setting}: {path} cannot be read: {hub.first_line(error)}",
            hint=f"fetch or save it anew, or use {OFFLINE}",
        ) from error
    return found


def located(settings: Mapping[str, Any]) -> Path:
    """The local folder; fetched first where the hub has it."""
    if asset := settings.get("asset"):
        return ASSETS / str(asset)
    if folder := settings.get("folder"):
        return Path(folder).expanduser()
    if not (id := settings.get("id")):
        raise ConfigError(
            "model=unet does not say which model: model.id and model.folder are empty",
            hint="as in model=unet model.id=google/ddpm-cifar10-32, or model.folder=FOLDER",
        )
    revision = settings.get("revision")
    return hub_files.fetched(
        f"model={settings.get('name')}",
        str(id),
        partial(hub_files.chosen, str(id), revision, _wanted),
        hub_files.fetched_before(str(id), revision),
        OFFLINE,
    )


def _wanted(names: Sequence[str]) -> list[str]:
    """Of a repository's files those of the network and its schedule."""
    return [name for name in names if name.endswith((".json", WEIGHTS))]
