"""Small runs of learn/curve in this process."""

from __future__ import annotations

from task_runs import named_runs

TEXT = [
    "task=learn/curve", "task.kernel=200", "task.slice=200", "task.max_words=1200",
    "task.test_words=600",
]  # fmt: skip
DIGITS = [
    "experiment=learn/curve-digits", "task.max_words=300", "task.test_words=100",
    "task.learner=logistic", "task.compare=[sklearn:GaussianNB]",
]  # fmt: skip
RUNS = {
    "text": TEXT,
    "folds": [*TEXT, "task.folds=2", "task.compare=[mft]", "task.anchor=true", "task.target=0.8"],
    "digits": DIGITS,
}
run = named_runs(RUNS)
