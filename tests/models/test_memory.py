"""How much memory a run is said to have used."""

import subprocess
import sys

import torch

PROGRAM = """
import torch
from iterun.models.memory import peak_mem_mb
before = peak_mem_mb(torch.device("cpu"))
held = torch.ones(50_000_000)
del held
print(before, peak_mem_mb(torch.device("cpu")))
"""


def test_a_program_counts_its_own_memory_and_not_its_starters() -> None:
    held = torch.ones(300_000_000)  # 1.2 GB, here

    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)

    before, after = map(float, done.stdout.split())
    assert held.sum() > 0
    assert before < 1000
    assert 190 < after - before < 260
