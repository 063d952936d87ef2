"""Small runs of rlhf/curate in this process."""

from __future__ import annotations

from task_runs import named_runs

PICTURES = [
    "task=rlhf/curate", "model.train_steps=20", "model.classifier_steps=20", "task.rounds=3",
    "task.kept=12", "task.train_steps=3", "task.batch=8", "task.sample_steps=2",
]  # fmt: skip
GAUSSIANS = ["experiment=rlhf/curate-gaussians", "task.rounds=3", "task.kept=200"]
STATES = ["experiment=rlhf/curate-states", "task.rounds=5"]
RUNS = {"pictures": PICTURES, "gaussians": GAUSSIANS, "states": STATES}
run = named_runs(RUNS)
