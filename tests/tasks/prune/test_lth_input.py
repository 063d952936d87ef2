"""Bad input of prune/lth: one sentence that names the parameter, a hint, no directory."""

from __future__ import annotations

import math

import pytest
from lth_runs import FEW, masks_of, n_kept, run

from iterun.errors import ConfigError

REFUSED = {
    ("task.p=1",): "task.p=1.0 removes no weights or all of them",
    ("task.p=0",): "task.p=0.0 removes no weights",
    ("task.levels=0",): "task.levels=0 is too small",
    ("task.rewind=56",): "task.rewind=56 is outside the steps 0 to 55",
    ("task.rewind=-1",): "task.rewind=-1 is outside the steps",
    ("task.compare_rewinds=[0,56]",): "task.compare_rewinds=[0,56] is outside the steps",
    ("task.compare_rewinds=[5,5]",): "task.compare_rewinds=[5,5] names a step twice",
    ("task.milestones=[0.9,0.75]",): "task.milestones=[0.9,0.75] are no rising shares",
    ("task.milestones=[80]",): "task.milestones=[80.0] are no rising shares",
    ("task.milestones=[nan]",): "task.milestones=[nan] are no rising shares",
    ("task.lr=0",): "task.lr=0.0 is no rate",
    ("task.gamma=0",): "task.gamma=0.0 is no factor",
    ("task.momentum=1",): "task.momentum=1.0 is not in",
    ("task.weight_decay=-1",): "task.weight_decay=-1.0 is no number from 0",
    ("task.warmup=57",): "task.warmup=57 is longer than task.steps=56",
    ("task.batch_size=0",): "task.batch_size=0 is too small",
    ("task.steps=0",): "task.steps=0 is too small",
    ("task.measure_every=0",): "task.measure_every=0 is too small",
    ("task.count_rule=all",): "task.count_rule=all",
    ("model=opt-mini",): "prune/lth needs the kind vision",
    ("data=pydoc",): "prune/lth needs the kind images",
    # What only net and data show:
    ("task.levels=99",): "would leave none of 912 weights",
    ("data@eval_data=mnist",): "data@eval_data=mnist has other pictures than data=digits",
}


@pytest.mark.parametrize("line", REFUSED, ids=" ".join)
def test_bad_input_is_refused_with_the_parameter_and_a_hint(line, tmp_path):
    with pytest.raises(ConfigError) as refused:
        run(tmp_path / "run", *line)

    assert REFUSED[line] in refused.value.message
    assert refused.value.hint
    assert refused.value.exit_status == 2
    assert not (tmp_path / "run").exists()


def test_the_last_possible_level_is_possible(tmp_path):
    left = [912]
    while left[-1] > 1:
        left.append(left[-1] - math.ceil(round(0.2 * left[-1], 9)))
    last = len(left) - 1

    view = run(tmp_path / "run", f"task.levels={last}", *FEW)

    assert n_kept(masks_of(view, last)) == 1
    assert "weight has no weight left from level" in (view.directory / "log.txt").read_text()
    with pytest.raises(ConfigError, match=f"task.levels={last + 1}: level {last + 1} would leave"):
        run(tmp_path / "more", f"task.levels={last + 1}", *FEW)


def test_a_rate_that_is_too_high_ends_the_run_as_diverged(tmp_path):
    view = run(tmp_path / "run", "task.lr=1e6")

    assert view.status.state == "diverged"
    assert "level 0" in view.status.error
