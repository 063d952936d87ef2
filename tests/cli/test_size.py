"""How much a run leaves on the disk."""

from pathlib import Path
from typing import Any


def test_twenty_iterations_of_five_metrics_take_eight_small_files(iterun: Any, own: Any) -> None:
    """Checkpoints, artifacts and the git patch aside: YAML, environment and curves are in it."""
    answer = iterun(*own[:2], "task=mine/five", "--quiet")

    run = Path(answer.out.strip())
    files = [path for path in run.rglob("*") if path.is_file()]
    counted = [p for p in files if "checkpoints" not in p.parts and p.name != "code.patch"]
    assert len(counted) <= 8, counted
    assert sum(path.stat().st_size for path in counted) <= 12_000
    assert len((run / "iterations.jsonl").read_text().splitlines()) == 20
