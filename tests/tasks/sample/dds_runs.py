"""Small runs of sample/dds in this process, on barely trained digits or a small random U-Net."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from task_runs import done

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.store.reader import RunView

TINY = [
    "task=sample/dds", "backend=cpu", "backend.threads=1", "task.steps=4", "task.images=3",
    "task.dps_steps=3", "task.tv_weight=0.01", "task.save_every=2",
]  # fmt: skip
DIGITS = ["model.train_steps=20", "model.classifier_steps=20"]


def unet(folder: Path, channels: int = 1, size: int = 16) -> Path:
    """A random network of diffusers with its schedule, as `save_pretrained` writes both."""
    from diffusers import DDPMScheduler, UNet2DModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = UNet2DModel(
            sample_size=size,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=1,
            block_out_channels=(8, 8),
            norm_num_groups=4,
            down_block_types=["DownBlock2D", "DownBlock2D"],
            up_block_types=["UpBlock2D", "UpBlock2D"],
        )
    model.save_pretrained(folder)
    DDPMScheduler(1000, beta_start=1e-4, beta_end=0.02).save_pretrained(folder)
    return folder


def phantoms(folder: Path) -> list[str]:
    """Ellipses of 16 x 16 with a random network for them."""
    return ["model=unet", f"model.folder={folder}", "data=ellipses", "data.size=16"]


def run(directory: Path, *overrides: str) -> RunView:
    return done(directory, [*TINY, *overrides])
