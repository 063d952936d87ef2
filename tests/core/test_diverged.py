"""Metrics that are no numbers end a run, unless its class allows them."""

import math
from dataclasses import dataclass, field

import pytest
from core_procedures import Count, attempt

from iterun.errors import DivergedError, ServerError
from iterun.store.reader import RunView


@dataclass(kw_only=True)
class Ill(Count):
    values: dict = field(default_factory=dict)

    def step(self, i):
        super().step(i)
        return {"n": self.n, "loss": self.values.get(i, 1.0 / i)}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_no_number_ends_the_run_as_diverged(tmp_path, value):
    always = {"share": None}

    outcome = attempt(Ill(values={3: value}), tmp_path / "run", checkpoint=always)

    view = RunView(tmp_path / "run")
    assert (outcome.state, outcome.reason, outcome.exit_status) == ("diverged", "loss", 3)
    assert repr(view.iterations()[-1].metrics["loss"]) == repr(value)
    assert view.checkpoints()[-1] == 2
    assert "loss is" in view.status.error


def test_a_metric_that_may_be_infinite_goes_on(tmp_path):
    class Ruined(Ill):
        may_be_infinite = frozenset({"loss"})

    worst = {"metric": "loss", "goal": "min"}

    outcome = attempt(Ruined(values={3: math.inf}), tmp_path / "run", objective=worst)

    assert outcome.state == "completed"
    assert outcome.summary.best == {"i": 10, "value": 0.1}


def test_a_whole_number_beyond_all_floats_is_finite(tmp_path):
    class Large(Count):
        def step(self, i):
            return {"n": 10**400, "x": 1e308, "y": 1e308}

    assert attempt(Large(to=1), tmp_path / "run").state == "completed"


def test_a_baseline_can_diverge_too(tmp_path):
    class Dead(Count):
        def baseline(self):
            return {"n": math.nan}

    outcome = attempt(Dead(), tmp_path / "run")

    assert (outcome.state, outcome.iterations) == ("diverged", 0)


def test_a_procedure_can_say_that_it_diverged(tmp_path):
    class Silent(Count):
        def step(self, i):
            raise DivergedError("the loss is no number", hint="check it")

    outcome = attempt(Silent(), tmp_path / "run")

    assert (outcome.state, outcome.exit_status) == ("diverged", 3)
    assert outcome.error == "the loss is no number\ncheck it"


def test_a_run_whose_server_failed_can_be_resumed(tmp_path):
    class Cut(Count):
        def step(self, i):
            if i == 2 and not (tmp_path / "mended").exists():
                raise ServerError("the server failed 20 times", hint="start it")
            return super().step(i)

    outcome = attempt(Cut(), tmp_path / "run")
    (tmp_path / "mended").touch()

    assert (outcome.state, outcome.exit_status, outcome.iterations) == ("failed", 3, 1)
    assert attempt(Cut(), tmp_path / "run", resume_from=1).state == "completed"
