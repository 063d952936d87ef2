"""Small runs of optimize/schedule in this process."""

from __future__ import annotations

from task_runs import named_runs

SMALL = [
    "task.steps=40", "task.lrs=[0.1,0.3,1]", "task.steep_lrs=[1,5,20]", "task.seeds=[0,1]",
    "task.baselines=[inv_sqrt,linear]",
]  # fmt: skip
ADAM = ["task.optimizer=adam", "task.lrs=[0.01,0.03]"]
TEXT = [
    "experiment=optimize/schedule-text", "task.steps=10", "task.batch=2", "task.lrs=[0.001]",
    "task.baselines=[linear]", "task.seeds=[0,1]",
]  # fmt: skip
PICTURES = [
    "task=optimize/schedule", "task.problem=pictures", "data=digits", "model=mlp6x64",
    *SMALL, "task.lrs=[0.1]", "task.baselines=[linear]",
]  # fmt: skip
RUNS = {
    "digits_noisy": ["task=optimize/schedule", *SMALL, "task.refine_rounds=2"],
    "digits_mlp": ["task=optimize/schedule", *SMALL, "task.problem=digits_mlp", *ADAM],
    "text": TEXT,
    "pictures": PICTURES,
}
run = named_runs(RUNS)
