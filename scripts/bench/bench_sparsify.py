"""Seconds of each pruning criterion on one thread, at the layer shapes of OPT-125m and OPT-2.7b.

    python scripts/bench/bench_sparsify.py [SHAPE-SET...] [--memory]

Shape sets: opt-mini (its whole model; bar: every criterion under a second), opt-125m, opt-2.7b (one
layer of each shape), smollm2-135m (its whole model, shapes times count). Times are CPU seconds of
the process, so that other load on the machine does not count; SparseGPT's are with the Cholesky
factors, `columns` without. The peer beside magnitude and Wanda is the published formulation, a sort
of all scores. `--memory` adds what magnitude needs on an fc2 of OPT-30b in bfloat16.
"""

import resource
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from iterun.ops.sparsegpt import HessianSum
from iterun.ops.sparsify import Method, random_scores

#: (rows, columns) -> how many of them a model has; 1 for a single layer
SHAPES: dict[str, dict[tuple[int, int], int]] = {
    "opt-mini": {(192, 192): 16, (768, 192): 4, (192, 768): 4},
    "opt-125m": {(768, 768): 1, (3072, 768): 1, (768, 3072): 1},
    "opt-2.7b": {(2560, 2560): 1, (10240, 2560): 1, (2560, 10240): 1},
    "smollm2-135m": {(576, 576): 60, (192, 576): 60, (1536, 576): 60, (576, 1536): 30},
}
CRITERIA = ("magnitude", "magnitude sort", "random", "wanda", "wanda sort", "wanda 2:4")
SPARSEGPT = ("sparsegpt", "columns", "columns 2:4")
GENERATOR = torch.Generator().manual_seed(0)


def cpu_seconds(call: Callable[[], object]) -> float:
    """Least of up to three calls, of one if it is slow."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
        if best > 2:
            break
    return best


def magnitude_by_sorting(weight: Tensor) -> Tensor:
    size = weight.abs()
    return size > size.flatten().sort().values[int(weight.numel() * 0.5)]


def wanda_by_sorting(weight: Tensor, norms: Tensor) -> Tensor:
    scores = weight.abs() * norms
    order = torch.sort(scores, dim=-1, stable=True).indices[:, : scores.shape[1] // 2]
    return torch.ones_like(scores, dtype=torch.bool).scatter_(1, order, value=False)


def measure(rows: int, columns: int) -> dict[str, float]:
    weight = random_scores(torch.empty(rows, columns), GENERATOR) - 0.5
    norms = random_scores(torch.empty(columns), GENERATOR)
    sums = HessianSum(columns)
    sums.add(random_scores(torch.empty(1, columns // 2, columns), GENERATOR) - 0.5)

    def prune(criterion: str, pattern: str = "unstructured") -> Callable[[], object]:
        method = Method(criterion=criterion, sparsity=0.5, pattern=pattern)  # type: ignore[arg-type]
        return lambda: method.prune(weight.clone(), norms, generator=GENERATOR)

    solver = Method(criterion="sparsegpt", sparsity=0.5)
    groups = Method(criterion="sparsegpt", sparsity=0.5, pattern="2:4")
    factor = solver.prepare(sums)
    return {
        "magnitude": cpu_seconds(prune("magnitude")),
        "magnitude sort": cpu_seconds(lambda: magnitude_by_sorting(weight)),
        "random": cpu_seconds(prune("random")),
        "wanda": cpu_seconds(prune("wanda")),
        "wanda sort": cpu_seconds(lambda: wanda_by_sorting(weight, norms)),
        "wanda 2:4": cpu_seconds(prune("wanda", "2:4")),
        "sparsegpt": cpu_seconds(lambda: solver.prune(weight, solver.prepare(sums))),
        "columns": cpu_seconds(lambda: solver.prune(weight, factor)),
        "columns 2:4": cpu_seconds(lambda: groups.prune(weight, factor)),
    }


def print_set(name: str) -> None:
    print(f"\n{name:16}" + "".join(f"{column:>16}" for column in CRITERIA + SPARSEGPT))
    total = dict.fromkeys(CRITERIA + SPARSEGPT, 0.0)
    for (rows, columns), count in SHAPES[name].items():
        seconds = measure(rows, columns)
        for column, value in seconds.items():
            total[column] += count * value
        print_row(f"{rows}x{columns}" + (f" x{count}" if count > 1 else ""), seconds)
    print_row("total", total)


def print_row(name: str, seconds: dict[str, float]) -> None:
    print(f"{name:16}" + "".join(f"{seconds[column]:16.4f}" for column in CRITERIA + SPARSEGPT))


def print_memory() -> None:
    weight = torch.empty(7168, 28672, dtype=torch.bfloat16).uniform_(-1, 1, generator=GENERATOR)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = cpu_seconds(lambda: Method(criterion="magnitude", sparsity=0.5).prune(weight))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"\n7168x28672 bfloat16, {weight.nbytes >> 20} MiB: {seconds:.2f} s, peak +{grown:.0f} MiB"
    )


def main() -> None:
    torch.set_num_threads(1)
    names = [word for word in sys.argv[1:] if word != "--memory"]
    if "--memory" in sys.argv:
        print_memory()
    for name in names or ["opt-mini", "opt-125m", "opt-2.7b"]:
        print_set(name)


if __name__ == "__main__":
    main()
