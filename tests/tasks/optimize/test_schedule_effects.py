"""What schedules do at the defaults, and where refinement fails."""

from __future__ import annotations

import pytest
from task_runs import done

from iterun.core.progress import Remark

pytestmark = [pytest.mark.slow, pytest.mark.long]


def test_linear_decay_beats_schedules_that_do_not_end_at_0(tmp_path):
    """Measured: constant 2.88, inv_sqrt 2.68, cosine 1.97, linear 1.85, refined 1.83."""
    view = done(tmp_path / "run", ["task=optimize/schedule", "backend=cpu", "backend.threads=1"])

    loss = {key: value for key, value in view.summary.result.items() if "train_loss" in key}
    linear = loss["train_loss_linear"]
    assert linear < 0.95 * loss["train_loss_constant"]
    assert linear < 0.95 * loss["train_loss_inv_sqrt"]
    assert linear <= loss["train_loss_cosine"]
    assert loss["train_loss_refined"] <= 1.02 * linear
    assert view.summary.result["is_fair"]
    assert not view.summary.result["collapses"]


def test_refinement_fails_and_warns_where_gradients_collapse(tmp_path):
    """Measured: linear .0014, refined .0065, peak at .71."""
    remarks = []

    def hear(event):
        if isinstance(event, Remark):
            remarks.append(event.text)

    line = ["experiment=optimize/schedule-mlp", "backend=cpu", "backend.threads=1"]
    view = done(tmp_path / "run", line, hear)

    assert view.summary.result["refined_to_linear"] > 2
    assert view.summary.result["peak_position"] > 0.6
    assert view.summary.result["collapses"]
    assert any("gradients of the best linear training collapse" in text for text in remarks)
