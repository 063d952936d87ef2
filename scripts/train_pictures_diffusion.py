"""Train pictures-diffusion, the embedded denoiser of 32 x 32 grey pictures.

    python scripts/train_pictures_diffusion.py --work FOLDER [--steps N] [--export]

Pictures: random ellipses, Shepp-Logan heads and parts of scikit-image's photographs, of the train
splits alone, turned and mirrored. The loss is the mean square of the noise left; kept is the
moving mean of the weights. FOLDER gets log.txt and, every 1000 steps, the model. `--export` writes
it in half precision and with its model card to iterun/models/assets/pictures-diffusion. One thread.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import DDPMScheduler, UNet2DModel

from iterun.data.phantoms import ellipses, pictures, shepp_logan

if TYPE_CHECKING:
    from iterun.data.pictures import Pictures

BATCH = 32
PEAK_LR = 1.5e-3
WARMUP = 100
EVERY = 1000
SEED = 0
LEVELS = 1000
#: share of every batch
MIX = {ellipses: 0.4, shepp_logan: 0.2, pictures: 0.4}
ASSETS = Path(__file__).parents[1] / "iterun" / "models" / "assets" / "pictures-diffusion"
CARD = """# pictures-diffusion

A denoiser of 32 x 32 grey pictures in [-1, 1], {parameters:,} parameters in half precision: a U-Net
of diffusers that predicts the noise, linear schedule 1e-4 to 0.02 over 1000 levels.

* Made by `scripts/train_pictures_diffusion.py --steps {steps} --export`: {seconds:.0f} CPU seconds
  on one core.
* Seen: random ellipses (40 % of every batch), turned Shepp-Logan heads (20 %) and parts of nine
  photographs that come with scikit-image (40 %). Held out: other ellipses and heads, and the
  photographs `camera` and `coffee`.
* Mean square error of the noise on the dev splits, all levels: {dev}.
"""


def make_model() -> Any:
    kinds = ("Block2D", "Block2D", "Block2D")
    torch.manual_seed(SEED)
    return UNet2DModel(
        sample_size=32,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(16, 32, 48),
        norm_num_groups=8,
        down_block_types=[f"Down{kind}" for kind in kinds],
        up_block_types=[f"Up{kind}" for kind in kinds],
    )


def make_schedule() -> Any:
    return DDPMScheduler(LEVELS, beta_start=1e-4, beta_end=0.02, beta_schedule="linear")


def pool(data: Pictures, split: str) -> torch.Tensor:
    """All pictures of a split, (n, 1, 32, 32)."""
    part = getattr(data, split)
    images: torch.Tensor = part.batch(torch.arange(len(part)))[0]
    return images


def turned(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each picture turned by a multiple of 90 degrees and perhaps mirrored."""
    turns = torch.randint(0, 4, (len(images),), generator=generator)
    flips = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(flips[:, None, None, None], images.flip(-1), images)
    every = torch.stack([images.rot90(k, (-2, -1)) for k in range(4)])
    return every[turns, torch.arange(len(images))]


def loss_of(model: Any, clean: torch.Tensor, t: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    noisy = make_schedule().add_noise(clean, noise, t)
    loss: torch.Tensor = (model(noisy, t).sample - noise).square().mean()
    return loss


def lr_factor(step: int, steps: int) -> float:
    return min((step + 1) / WARMUP, 0.5 * (1 + math.cos(math.pi * step / steps)))


def train(args: argparse.Namespace, model: Any) -> tuple[Any, float]:
    """The moving mean of the weights after the last step, and CPU seconds."""
    draw = torch.Generator().manual_seed(SEED)
    pools = [pool(make(), "train") for make in MIX]
    counts = [round(BATCH * share) for share in MIX.values()]
    counts[-1] += BATCH - sum(counts)
    mean = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: lr_factor(s, args.steps))
    begun = time.process_time()
    total = 0.0
    for step in range(args.steps):
        drawn = [
            images[torch.randint(0, len(images), (n,), generator=draw)]
            for images, n in zip(pools, counts, strict=True)
        ]
        clean = turned(torch.cat(drawn), draw)
        # One level out of each of BATCH equal ranges: less noise in the loss than free draws.
        t = (torch.randperm(BATCH, generator=draw) + torch.rand(BATCH, generator=draw)) / BATCH
        loss = loss_of(model, clean, (t * LEVELS).long(), torch.randn(clean.shape, generator=draw))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        decay = min(0.999, (1 + step) / (10 + step))
        with torch.no_grad():
            for kept, new in zip(mean.parameters(), model.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
        total += float(loss.detach())
        if (step + 1) % 250 == 0:
            say(
                args.work,
                f"step {step + 1} loss {total / 250:.4f}, {time.process_time() - begun:.0f} s",
            )
            total = 0.0
        if (step + 1) % EVERY == 0:
            mean.save_pretrained(args.work / "model")
    return mean, time.process_time() - begun


@torch.no_grad()
def on_dev(model: Any) -> str:
    """Mean square error on each dev split, over levels spread evenly."""
    draw = torch.Generator().manual_seed(SEED)
    found = []
    for make in MIX:
        clean = pool(make(), "dev")
        t = torch.linspace(0, LEVELS - 1, len(clean)).long()
        loss = loss_of(model, clean, t, torch.randn(clean.shape, generator=draw))
        found.append(f"{make.__name__} {float(loss):.4f}")
    return ", ".join(found)


def say(work: Path, line: str) -> None:
    print(line, flush=True)
    with (work / "log.txt").open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of the model and log")
    parser.add_argument("--steps", type=int, default=4000, help="optimizer steps")
    parser.add_argument("--export", action="store_true", help=f"write {ASSETS.name} to the package")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    model, seconds = train(args, make_model())
    half = model.half()  # what is exported is what is measured
    dev = on_dev(copy.deepcopy(half).float())
    say(args.work, dev)
    if args.export:
        half.save_pretrained(ASSETS)
        make_schedule().save_pretrained(ASSETS)
        facts = {"parameters": half.num_parameters(), "steps": args.steps, "seconds": seconds}
        (ASSETS / "README.md").write_text(CARD.format(**facts, dev=dev), encoding="utf-8")


if __name__ == "__main__":
    main()
