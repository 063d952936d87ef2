"""Images a second of sample/lcm_lora against the same loop written bare with diffusers.

    python scripts/bench/bench_sample.py [--side N] [--images N] [--steps N] [--repeats N]

A Stable Diffusion of random weights (3.6 million in the U-Net) is made and saved, with an adapter
on every layer that published ones sit on. Both loops take that folder: load, put the adapter on,
sample with the steps of LCMScheduler, decode, save each picture as PNG. Counted is the time from
the first step to the last picture's bytes; the best of the repeats, taken in turn. Bar: 0.9.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/models"))
BAR = 0.9


def make(folder: Path, side: int) -> tuple[Path, Path]:
    """The pipeline's folder, and its adapter's file."""
    import torch
    from safetensors.torch import save_file

    from iterun.models import adapters, diffusion

    tiny_pipeline = importlib.import_module("tiny_pipeline").tiny_pipeline  # of the tests
    pipeline = tiny_pipeline(folder / "pipeline", width=32, side=side)
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(pipeline / "unet")
    print(f"U-Net: {sum(value.numel() for value in unet.parameters()) / 1e6:.1f} million weights")
    draw = torch.Generator().manual_seed(0)
    adapters.put_on(unet, diffusion.LAYERS, 8, 8, draw)
    saved = {f"unet.{name}": value for name, value in adapters.tensors(unet).items()}
    save_file(saved, folder / "adapter.safetensors")
    return pipeline, folder / "adapter.safetensors"


def bare(pipeline: Path, adapter: Path, out: Path, images: int, steps: int) -> float:
    """Seconds of the loop as one writes it with diffusers alone."""
    import torch
    from diffusers import LCMScheduler, StableDiffusionPipeline
    from PIL import Image

    pipe = StableDiffusionPipeline.from_pretrained(pipeline)
    pipe.load_lora_weights(str(adapter.parent), weight_name=adapter.name)
    scheduler = pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    words = pipe.encode_prompt("a cat", "cpu", images, False)[0]
    draw = torch.Generator().manual_seed(0)
    out.mkdir()
    began = time.perf_counter()
    with torch.no_grad():
        scheduler.set_timesteps(steps)
        side = pipe.unet.config.sample_size
        x = torch.randn((images, 4, side, side), generator=draw)
        for t in scheduler.timesteps:
            noise = pipe.unet(x, t, encoder_hidden_states=words).sample
            x = scheduler.step(noise, t, x, generator=draw).prev_sample
        pictures = [pipe.vae.decode(one[None] / pipe.vae.config.scaling_factor).sample for one in x]
    for k, picture in enumerate(torch.cat(pictures)):
        pixels = ((picture + 1) / 2).clamp(0, 1).permute(1, 2, 0) * 255
        Image.fromarray(pixels.round().byte().numpy()).save(out / f"{k}.png")
    return time.perf_counter() - began


def ours(pipeline: Path, adapter: Path, out: Path, images: int, steps: int) -> float:
    """Seconds of a run's iterations and its result, records and checkpoints included."""
    from iterun.config.compose import compose, to_plain
    from iterun.core.progress import RunEnded, RunStarted
    from iterun.launch.local import launch

    line = [
        "task=sample/lcm_lora", "model=diffusers", f"model.folder={pipeline}",
        f"task.lora=file:{adapter}", f"task.images={images}", f"task.steps={steps}",
        "task.prompt=a cat", f"task.save_every={steps}", "task.gif=false", "backend=cpu",
        "backend.threads=1",
    ]  # fmt: skip
    told: dict[type, float] = {}

    def listen(event: Any) -> None:
        if isinstance(event, RunStarted | RunEnded):
            told[type(event)] = time.perf_counter()

    launch(to_plain(compose(line)), directory=out, outputs=out.parent, argv=[], listener=listen)
    assert len(list(out.glob("artifacts/pictures/*.png"))) == images
    return told[RunEnded] - told[RunStarted]


def main() -> int:
    import torch

    parser = argparse.ArgumentParser(description="Images a second against a bare loop.")
    for name, usual in (("side", 64), ("images", 2), ("steps", 4), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = parser.parse_args()
    if asked.side < 32:
        parser.error("--side: from 32 on pictures are saved one by one, as the bare loop does")
    torch.set_num_threads(1)
    best = {"bare": float("inf"), "iterun": float("inf")}
    with tempfile.TemporaryDirectory() as place:
        pipeline, adapter = make(Path(place), asked.side)
        for k in range(asked.repeats):
            for name, loop in (("bare", bare), ("iterun", ours)):
                out = Path(place) / f"{name}-{k}"
                seconds = loop(pipeline, adapter, out, asked.images, asked.steps)
                best[name] = min(best[name], seconds)
    for name, seconds in best.items():
        print(f"{name:8} {asked.images / seconds:8.3f} images/s   {seconds:.3f} s")
    ratio = best["bare"] / best["iterun"]
    print(f"iterun does {ratio:.3f} of the bare loop's images a second (bar: {BAR})")
    return 0 if ratio >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
