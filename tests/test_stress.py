"""Runs killed at random moments; `scripts/stress_kill.py` does it two hundred times and more."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "stress_kill.py"


@pytest.mark.slow
def test_kills_at_random_moments_lose_no_recorded_iteration(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--kills", "30", "--folder", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("30 kills")
    assert " 0 lost" in done.stdout
