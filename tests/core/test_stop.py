"""Stop rules: each alone, several together, over a resume."""

import math
from dataclasses import dataclass, field

import pytest
from core_procedures import Count, Slow, attempt

from iterun.core.stop import StopRules, StopSettings
from iterun.errors import ConfigError
from iterun.store.reader import RunView

LOSS = {"metric": "loss", "goal": "min"}


@dataclass(kw_only=True)
class Curve(Count):
    """Reports the values it is given, one an iteration, the baseline first."""

    to: int | None = None
    losses: list = field(default_factory=list)
    may_be_infinite = frozenset({"loss"})

    def baseline(self):
        return {"loss": self.losses[0]}

    def step(self, i):
        self.n += 1
        value = self.losses[i] if i < len(self.losses) else self.losses[-1]
        return {} if value is None else {"loss": value}


def stopped(losses, tmp_path, objective=LOSS, **stop):
    outcome = attempt(
        Curve(losses=losses), tmp_path / "run", objective=objective, stop={"iterations": 20, **stop}
    )
    return outcome.reason, outcome.iterations


def test_iterations_cap_a_length_and_are_capped_by_it(tmp_path):
    capped = attempt(Count(to=10), tmp_path / "a", stop={"iterations": 4})
    longer = attempt(Count(to=3), tmp_path / "b", stop={"iterations": 4})

    assert (capped.reason, capped.iterations) == ("iterations", 4)
    assert (longer.reason, longer.iterations) == ("length", 3)


def test_target_is_reached_from_above_or_below(tmp_path):
    assert stopped([9, 5, 3, 1], tmp_path / "min", target=3) == ("target", 2)
    up = {"metric": "loss", "goal": "max"}
    assert stopped([1, 2, 5, 7], tmp_path / "max", up, target=4.5) == ("target", 2)


def test_the_baseline_reaches_no_target(tmp_path):
    assert stopped([1, 9, 8, 2], tmp_path, target=2) == ("target", 3)


def test_patience_counts_iterations_without_a_new_best(tmp_path):
    """Best at 2; 3 and 4 are no better; equal is no better either."""
    assert stopped([9, 5, 4, 6, 4], tmp_path, patience=2) == ("patience", 4)


def test_patience_forgives_when_a_new_best_comes(tmp_path):
    assert stopped([9, 5, 6, 4, 6, 7], tmp_path, patience=2) == ("patience", 5)


def test_patience_starts_with_the_first_iteration_not_the_baseline(tmp_path):
    assert stopped([1, 9, 8, 7, 7.5, 8], tmp_path, patience=2) == ("patience", 5)


def test_an_iteration_without_the_metric_is_passed_over(tmp_path):
    assert stopped([9, 5, None, 6, None, 7], tmp_path, patience=2) == ("patience", 5)


def test_nan_is_never_a_new_best(tmp_path):
    assert stopped([9, math.nan, 5, math.nan, math.nan], tmp_path, patience=2) == ("patience", 4)


def test_convergence_waits_for_three_calm_iterations(tmp_path):
    """Changes: 2, 0.01, 0.005, 0.002 of the value before."""
    losses = [9, 1.0, 3.0, 3.03, 3.02, 3.021]

    assert stopped(losses, tmp_path / "a", tolerance=0.01) == ("converged", 5)
    assert stopped(losses, tmp_path / "b", tolerance=0.004) == ("converged", 6)


def test_convergence_waits_as_long_as_patience_says(tmp_path):
    assert stopped([9, 4, 4, 4, 4], tmp_path, tolerance=0, patience=1) == ("converged", 2)


def test_infinite_values_are_no_convergence(tmp_path):
    assert stopped([1, math.inf, math.inf, math.inf, 2, 2, 2, 2], tmp_path, tolerance=0.1) == (
        "converged", 7,
    )  # fmt: skip


def test_the_first_rule_that_holds_ends_the_run(tmp_path):
    losses = [9, 5, 6, 7, 1]

    assert stopped(losses, tmp_path / "a", patience=2, target=1) == ("patience", 3)
    assert stopped(losses, tmp_path / "b", patience=5, target=1) == ("target", 4)


def test_seconds_are_those_of_all_attempts(tmp_path, clock):
    class Timed(Count):
        def step(self, i):
            clock.now += 10
            return super().step(i)

    always = {"share": None}
    first = attempt(Timed(to=3), tmp_path, stop={"seconds": 75}, clock=clock, checkpoint=always)
    then = attempt(Timed(), tmp_path, stop={"seconds": 75}, clock=clock, checkpoint=always)

    assert (first.reason, first.iterations, first.summary.seconds) == ("length", 3, 30)
    assert (then.reason, then.iterations, then.summary.seconds) == ("seconds", 8, 80)


def test_seconds_inside_an_iteration_give_it_up_after_the_grace(tmp_path, clock):
    def hook(i, j):
        clock.now += 8 if i == 2 else 0

    outcome = attempt(
        Slow(hook=hook), tmp_path, stop={"seconds": 10}, clock=clock, checkpoint={"grace": 12}
    )

    assert (outcome.state, outcome.reason, outcome.iterations) == ("completed", "seconds", 1)
    assert outcome.summary.result == {}
    assert "iterun resume abcd1234" in RunView(tmp_path).log()


def test_a_resume_computes_the_result_that_the_time_cut_off(tmp_path, clock):
    def hook(i, j):
        clock.now += 8 if i == 2 else 0

    settings = {"clock": clock, "checkpoint": {"grace": 0}}
    attempt(Slow(hook=hook), tmp_path, stop={"seconds": 10}, **settings)

    outcome = attempt(Slow(), tmp_path, stop={"seconds": 10}, **settings)

    assert (outcome.reason, outcome.summary.result) == ("seconds", {"counted": 5})


def test_seconds_stop_at_a_safe_point_with_the_inner_position(tmp_path, clock):
    def hook(i, j):
        clock.now += 4

    settings = {"clock": clock, "checkpoint": {"share": None}}
    first = attempt(Slow(to=3, hook=hook, safe=True), tmp_path, stop={"seconds": 30}, **settings)
    again = attempt(Slow(to=3, safe=True), tmp_path, **settings)

    assert (first.reason, first.iterations) == ("seconds", 1)
    assert (again.reason, again.summary.result) == ("length", {"counted": 15})


def test_tokens_and_calls_are_budgets(tmp_path):
    """Ten tokens an iteration, counted by the handle: 25 are passed in the third."""
    by_handle = attempt(Slow(), tmp_path / "a", stop={"tokens": 25})

    class Counted(Count):
        def step(self, i):
            self.run.calls(99)
            return super().step(i) | {"calls": 4}

    by_metric = attempt(Counted(), tmp_path / "b", stop={"calls": 8})

    assert (by_handle.reason, by_handle.iterations) == ("tokens", 3)
    assert RunView(tmp_path / "a").iterations()[1].metrics == {"n": 5, "tokens": 10}
    assert (by_metric.reason, by_metric.iterations) == ("calls", 2)


def test_rules_remember_over_a_resume(tmp_path):
    """Best at 1, nothing better since: patience 4 ends at 5, also when 3 is an end between."""
    losses = [9, 1, 2, 3, 4, 5, 6, 7]

    assert stopped(losses, tmp_path, iterations=3, patience=4) == ("iterations", 3)
    assert stopped(losses, tmp_path, iterations=9, patience=4) == ("patience", 5)


def test_more_patience_at_a_resume_goes_on(tmp_path):
    losses = [9, 1, 2, 3, 4, 5, 6, 7]

    assert stopped(losses, tmp_path, patience=2) == ("patience", 3)
    assert stopped(losses, tmp_path, patience=2) == ("patience", 3)
    assert stopped(losses, tmp_path, patience=4) == ("patience", 5)


def test_another_metric_at_a_resume_is_read_from_the_record(tmp_path):
    """By its own goal the curve rises, so that minimising has had no new best since 1."""
    losses = [9, 1, 2, 3, 4, 5, 6, 7]
    up = {"metric": "loss", "goal": "max"}

    assert stopped(losses, tmp_path, up, iterations=3, patience=4) == ("iterations", 3)
    assert stopped(losses, tmp_path, LOSS, patience=4) == ("patience", 5)


def test_a_metric_that_never_comes_is_remarked_upon(tmp_path):
    stopped([9, 1, 2], tmp_path, patience=2, metric="los", goal="min")

    assert "stop.metric=los is not among the metrics" in RunView(tmp_path / "run").log()


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"patience": 0}, "stop.patience=0 is not a whole number"),
        ({"patience": 1.5}, "stop.patience=1.5 is not a whole number"),
        ({"iterations": -1}, "stop.iterations=-1"),
        ({"tokens": True}, "stop.tokens=True"),
        ({"target": "needed"}, "stop=target needs a value"),
        ({"target": "high"}, "stop.target=high is not a number"),
        ({"seconds": -5}, "stop.seconds=-5 is negative"),
        ({"goal": "up"}, "stop.goal=up is neither min nor max"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(node, message):
    (error,) = StopSettings.of(node, LOSS).check()

    assert message in error.message
    assert error.hint


def test_an_unknown_rule_names_the_nearest_one():
    with pytest.raises(ConfigError, match=r"stop\.patence is no stop rule") as caught:
        StopSettings.of({"patence": 3}, LOSS)
    assert caught.value.hint == "did you mean stop.patience?"


def test_a_rule_on_a_metric_needs_one():
    (error,) = StopSettings.of({"patience": 3}, None).check()
    assert "no objective" in error.message
    (error,) = StopSettings.of({"target": 3, "metric": "acc"}, LOSS).check()
    assert error.message == "stop.metric=acc: no direction is known; the objective is loss"
    assert error.hint == "add stop.goal=min or stop.goal=max"
    assert not list(StopSettings.of({"tolerance": 0.1, "metric": "acc"}, LOSS).check())


def test_a_mistyped_metric_is_doubted_before_its_direction():
    (error,) = StopSettings.of({"gain": 0.1, "metric": "los"}, LOSS).check()
    (bare,) = StopSettings.of({"gain": 0.1, "metric": "los"}, None).check()

    assert error.hint.startswith("did you mean stop.metric=loss? Else add stop.goal=min")
    assert bare.message.endswith("no direction is known; this task has no objective")
    with pytest.raises(ConfigError, match=r"stop\.objective is no stop rule"):
        StopSettings.of({"objective": "loss"}, LOSS)


def test_the_objective_is_the_default_metric():
    settings = StopSettings.of({"target": 3, "metric": None}, LOSS)

    assert (settings.metric, settings.goal) == ("loss", "min")
    assert StopRules(settings).capped(None) is None


@pytest.mark.parametrize("name", ["patience", "converge", "target", "budget"])
def test_the_files_of_the_group_set_known_rules(name):
    from pathlib import Path

    import yaml

    path = Path(__file__).parents[2] / "conf" / "stop" / f"{name}.yaml"

    settings = StopSettings.of(yaml.safe_load(path.read_text()), LOSS)

    errors = [error.hint for error in settings.check()]
    assert errors == (["add stop.target=VALUE"] if name == "target" else [])


def test_whole_floats_are_whole_numbers():
    settings = StopSettings.of({"iterations": 1e3, "tokens": 2e6}, None)

    assert (list(settings.check()), settings.iterations, settings.tokens) == ([], 1000, 2_000_000)
    assert type(settings.iterations) is int
