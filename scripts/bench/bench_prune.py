"""Seconds and peak memory of prune/perp on models of real size.

    python scripts/bench/bench_prune.py [smollm2] [depth] [opt-2.7b] [--work FOLDER] [--repeats N]

smollm2    SmolLM2-135M at 50 %, all in: magnitude within 20 s, Wanda (8 x 256 tokens) within 60 s
depth      streaming: twice the blocks of a random OPT take less than two blocks more memory
opt-2.7b   random weights of OPT-2.7B's shape in half precision, 5.3 GB on disk, sharded:
           streamed, magnitude under 3 GB and Wanda under 4 GB

Each figure is of a fresh process of `python -m iterun`; the memory is its peak resident set, as the
kernel gives it when the process ends. Models are made in FOLDER and removed again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

ASSET = Path(__file__).parents[2] / "iterun/models/assets/opt-mini"
COMMON = ["task=prune/perp", "task.mode=none", "task.sparsity=0.5", "--quiet"]
FEW = ["task.n_calibration=4", "task.calibration_len=128", "task.eval_windows=2"]


@dataclass
class Measured:
    """One process: wall and CPU seconds, peak resident set in MB, and the run's result."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    result: dict[str, float]


def measure(outputs: Path, *line: str) -> Measured:
    """Run `iterun` in a process of its own; this one stays small: a child's peak counts it."""
    shutil.rmtree(outputs, ignore_errors=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "iterun", *line, "--outputs", str(outputs)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    if status:
        raise SystemExit(f"{' '.join(line)} left with {os.waitstatus_to_exitcode(status)}")
    summary = json.loads(next(outputs.rglob("summary.json")).read_text())
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(seconds, cpu, usage.ru_maxrss * 1024 / 1e6, summary["result"])


def show(name: str, found: list[Measured], bar: str) -> None:
    """One line: the medians of the seconds, the largest peak."""
    seconds = statistics.median(one.seconds for one in found)
    cpu = statistics.median(one.cpu_seconds for one in found)
    peak = max(one.peak_mb for one in found)
    ppl = ", ".join(f"{key} {value:.4g}" for key, value in found[0].result.items())
    times = f"{seconds:7.1f} s ({cpu:.1f} s of CPU)"
    print(f"{name:32} {times}  {peak:7.0f} MB   bar: {bar}   {ppl}", flush=True)


def smollm2(work: Path, repeats: int) -> None:
    """Magnitude and Wanda on SmolLM2-135M; the first run, not counted, converts the GGUF."""
    line = [*COMMON, "model=smollm2-135m", "task.eval_seqlen=256", "task.eval_windows=8"]
    calibration = ["task.n_calibration=8", "task.calibration_len=256"]
    measure(work / "outputs", *line)
    for criterion, bar in (("magnitude", "20 s"), ("wanda", "60 s")):
        choice = [*line, f"task.criterion={criterion}", *calibration]
        found = [measure(work / "outputs", *choice) for _ in range(repeats)]
        show(f"SmolLM2-135M {criterion}", found, bar)


def depth(work: Path, repeats: int) -> None:
    """Peak memory of 24 blocks against 12 and 48, streamed, in float32."""
    width = 1024
    block_mb = 4 * 12 * width * width / 1e6
    for criterion in ("magnitude", "wanda"):
        peaks = {}
        for n in (12, 24, 48):
            folder = work / f"opt-{n}"
            make_opt(folder, hidden=width, blocks=n, heads=16, vocabulary=4096, dtype="float32")
            line = [*COMMON, *FEW, f"model={folder}", "data=pydoc", "task.stream=true"]
            line += ["backend=cpu", f"task.criterion={criterion}"]
            found = [measure(work / "outputs", *line) for _ in range(repeats)]
            peaks[n] = min(one.peak_mb for one in found)
            show(f"{n} blocks of {block_mb:.0f} MB {criterion}", found, "")
            shutil.rmtree(folder)
        for few, many in ((12, 24), (24, 48)):
            grown = (peaks[many] - peaks[few]) / block_mb
            print(f"  {few} -> {many} blocks: {grown:+.2f} blocks of memory   bar: < 2")


def opt_27b(work: Path, repeats: int) -> None:
    """The shape of facebook/opt-2.7b, streamed."""
    folder = work / "opt-2.7b-random"
    make_opt(folder, hidden=2560, blocks=32, heads=32, vocabulary=50272, dtype="float16")
    for criterion, bar in (("magnitude", "3000 MB"), ("wanda", "4000 MB")):
        line = [*COMMON, *FEW, f"model={folder}", "data=pydoc", "task.stream=true"]
        line += ["backend=cpu", "backend.dtype=bfloat16", f"task.criterion={criterion}"]
        found = [measure(work / "outputs", *line) for _ in range(repeats)]
        show(f"OPT-2.7B streamed {criterion}", found, bar)
    shutil.rmtree(folder)


def make_opt(
    folder: Path, *, hidden: int, blocks: int, heads: int, vocabulary: int, dtype: str
) -> None:
    """Write a random OPT block by block, in a process of its own: torch stays out of this one."""
    sizes = dict(hidden=hidden, blocks=blocks, heads=heads, vocabulary=vocabulary, dtype=dtype)
    argument = json.dumps(sizes | {"folder": str(folder)})
    subprocess.run([sys.executable, __file__, "--make", argument], check=True)


def _write_opt(
    folder: str, hidden: int, blocks: int, heads: int, vocabulary: int, dtype: str
) -> None:
    import torch
    from safetensors.torch import save_file
    from transformers import AutoTokenizer, OPTConfig, OPTForCausalLM

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    config = OPTConfig(
        vocab_size=vocabulary, hidden_size=hidden, word_embed_proj_dim=hidden,
        ffn_dim=4 * hidden, num_hidden_layers=blocks, num_attention_heads=heads,
        max_position_embeddings=2048, bos_token_id=1, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    config.architectures = ["OPTForCausalLM"]
    config.dtype = dtype
    config.save_pretrained(place)
    AutoTokenizer.from_pretrained(ASSET).save_pretrained(place)
    with torch.device("meta"):
        shapes = {name: p.shape for name, p in OPTForCausalLM(config).named_parameters()}
    shards: dict[str, list[str]] = {}
    for name in shapes:
        parts = name.split(".")
        part = parts[3] if parts[2] == "layers" else "outside"
        shards.setdefault(f"model-{part}.safetensors", []).append(name)
    draw = torch.Generator().manual_seed(0)
    for file, names in shards.items():
        tensors = {
            name: _random(name, shapes[name], draw).to(getattr(torch, dtype)) for name in names
        }
        save_file(tensors, place / file, metadata={"format": "pt"})
    where = {name: file for file, names in shards.items() for name in names}
    index = {"metadata": {}, "weight_map": where}
    (place / "model.safetensors.index.json").write_text(json.dumps(index))


def _random(name: str, shape: tuple[int, ...], draw: torch.Generator) -> torch.Tensor:
    import torch

    if name.endswith("norm.weight"):
        return torch.ones(shape)
    return torch.randn(shape, generator=draw) * 0.02


PARTS = {"smollm2": smollm2, "depth": depth, "opt-2.7b": opt_27b}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "parts", nargs="*", choices=[[], *PARTS], help="which; all if none is named"
    )
    parser.add_argument("--work", type=Path, help="folder for models of up to 11 GB")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--make", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        _write_opt(**json.loads(options.make))
        return
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        for part in options.parts or PARTS:
            PARTS[part](Path(folder), options.repeats)


if __name__ == "__main__":
    main()
