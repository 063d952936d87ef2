"""The rule stop.gain in whole runs: when it ends them, what it records, over a resume."""

import json
from dataclasses import dataclass, field

import pytest
from core_procedures import Count, attempt, job, record

from iterun.config.compose import compose, to_plain
from iterun.core import resume, runner
from iterun.core.fork import Branch
from iterun.core.progress import Remark
from iterun.core.stop import StopRules, StopSettings
from iterun.errors import ConfigError, ConfigErrors
from iterun.store.reader import RunView

UP = {"metric": "acc", "goal": "max"}
HILL = [0.9 - ((i - 8) / 20) ** 2 for i in range(1, 23)]  # best at 8
ALWAYS = {"share": None, "last": None}


@dataclass(kw_only=True)
class Learn(Count):
    """Accuracies along 0.9 - 0.5 i^-1.2, with 100 words an iteration."""

    to: int | None = 40
    values: list = field(default_factory=list)
    a: float = 0.5

    def baseline(self):
        return {"acc": 0.1}

    def step(self, i):
        self.n += 1
        value = self.values[i - 1] if self.values else 0.9 - self.a * i**-1.2
        return {"acc": value, "words": 100 * i, "tokens": 7}


def ended(tmp_path, procedure=None, **stop):
    return attempt(
        procedure or Learn(), tmp_path / "run", objective=UP, stop=stop, checkpoint=ALWAYS
    )


def forecasts(directory):
    return [line.cost for line in RunView(directory).iterations()]


def test_a_run_ends_when_no_more_than_the_gain_is_forecast(tmp_path):
    """0.9 - 0.5 i^-1.2 has 0.019 to gain up to 40 after iteration 12; three in a row: 14."""
    outcome = ended(tmp_path, gain=0.02)

    assert (outcome.state, outcome.reason, outcome.iterations) == ("completed", "forecast", 14)
    costs = outcome.summary.costs
    assert (costs["saved_iterations"], costs["forecast/horizon"]) == (26, 40)
    assert costs["forecast/within"] == 0.02
    assert costs["forecast/value"] == pytest.approx(0.9 - 0.5 * 40**-1.2, abs=1e-5)


def test_forecasts_are_costs_from_the_third_iteration_on(tmp_path):
    ended(tmp_path, gain=0.02)

    lines = forecasts(tmp_path / "run")
    assert [bool(cost) for cost in lines[:5]] == [False, False, False, True, True]
    names = {"a", "b", "c", "value", "low", "high", "gain"}
    assert set(lines[3]) == {f"forecast/{name}" for name in names}
    assert set(lines[4]) == {f"forecast/{name}" for name in names | {"layer"}}
    assert lines[9]["forecast/low"] <= lines[9]["forecast/value"] <= lines[9]["forecast/high"]


def test_without_the_rule_nothing_is_recorded(tmp_path):
    outcome = ended(tmp_path, Learn(to=6))

    assert not any(forecasts(tmp_path / "run"))
    assert outcome.summary.costs == {}


def test_the_curve_may_go_over_another_metric(tmp_path):
    """Words are a hundred times the iterations: the same decision, another a."""
    over = attempt(Learn(), tmp_path / "x", objective=UP, stop={"gain": 0.02, "x": "words"})
    plain = ended(tmp_path, gain=0.02)

    assert (over.reason, over.iterations) == (plain.reason, plain.iterations)
    a = [forecasts(tmp_path / name)[9]["forecast/a"] for name in ("x", "run")]
    assert a[0] == pytest.approx(a[1] * 100**1.2, rel=1e-4)


def test_a_target_out_of_reach_ends_the_run(tmp_path):
    outcome = ended(tmp_path, gain=0.005, target=0.99)

    assert outcome.reason == "unreachable"
    assert outcome.iterations < 20
    assert outcome.summary.costs["forecast/target"] == 0.99


def test_a_target_in_reach_is_reached(tmp_path):
    outcome = ended(tmp_path, gain=1e-4, target=0.88)

    assert (outcome.reason, outcome.iterations) == ("target", 15)


def test_at_the_last_iteration_the_length_is_the_reason(tmp_path):
    assert ended(tmp_path, Learn(to=14), gain=0.02, horizon=40).reason == "length"


def test_a_horizon_of_its_own_looks_further_than_the_length(tmp_path):
    outcome = ended(tmp_path, Learn(to=None), gain=0.02, horizon=30)

    assert (outcome.reason, outcome.summary.costs["forecast/horizon"]) == ("forecast", 30)
    assert outcome.summary.costs["saved_iterations"] == 30 - outcome.iterations


def test_a_horizon_that_has_passed_ends_nothing(tmp_path):
    outcome = ended(tmp_path, gain=0.02, horizon=8)

    assert (outcome.reason, outcome.iterations) == ("length", 40)


def test_an_iteration_without_the_metric_has_no_forecast():
    rules = StopRules(StopSettings(gain=0.02, metric="acc", goal="max"))
    rules.look_ahead(40)
    for i in range(1, 8):
        rules.see(i, {"acc": 0.9 - 0.5 * i**-1.2})
    assert "forecast/value" in rules.cost

    rules.see(8, {"other": 1.0})

    assert rules.cost == {}


def test_the_file_of_the_rule_leaves_nothing_on_without_a_gain():
    node = to_plain(compose(["task=prune", "stop=forecast", "stop.gain=null"]))["stop"]

    assert list(StopSettings.of(node, UP).check()) == []


def test_without_a_length_a_horizon_is_asked_for_and_nothing_is_left(tmp_path):
    with pytest.raises(ConfigError, match="no iteration to look ahead to") as caught:
        ended(tmp_path, Learn(to=None), gain=0.02)

    assert "stop.horizon=100" in caught.value.hint
    assert not (tmp_path / "run").exists()


def test_a_metric_that_goes_back_is_told_once_and_never_stops(tmp_path):
    heard = []
    values = HILL

    outcome = attempt(
        Learn(to=22, values=values), tmp_path / "run", objective=UP, stop={"gain": 0.02},
        listener=heard.append,
    )  # fmt: skip

    told = [event.text for event in heard if isinstance(event, Remark)]
    assert outcome.reason == "length"
    assert len(told) == 1
    assert told[0].startswith("stop.gain is off from here on: acc goes back by more than 3 times")
    assert "forecast/value" not in forecasts(tmp_path / "run")[-1]


def test_a_missing_x_is_told(tmp_path):
    heard = []

    attempt(
        Learn(to=3), tmp_path / "run", objective=UP, stop={"gain": 0.02, "x": "word"},
        listener=heard.append,
    )  # fmt: skip

    [told] = [event.text for event in heard if isinstance(event, Remark)]
    assert told == "stop.x=word is not among the metrics so far; there are words"


def values_with_noise():
    import numpy as np

    noise = np.random.default_rng(3).standard_normal(40)
    return [0.9 - 0.5 * i**-1.2 + 0.004 * noise[i - 1] for i in range(1, 41)]


@pytest.mark.parametrize("k", [2, 12])
def test_resumed_decides_as_uninterrupted(tmp_path, k):
    learn = Learn(values=values_with_noise())
    whole = ended(tmp_path, learn, gain=0.02)
    part = {"objective": UP, "checkpoint": ALWAYS}

    attempt(learn, tmp_path / "a", stop={"gain": 0.02, "iterations": k, "horizon": 40}, **part)
    again = attempt(learn, tmp_path / "a", stop={"gain": 0.02, "horizon": 40}, **part)

    assert (again.reason, again.iterations) == (whole.reason, whole.iterations)
    assert forecasts(tmp_path / "a") == forecasts(tmp_path / "run")
    assert again.summary.costs == whole.summary.costs


def test_a_resume_may_ask_for_more_or_switch_the_rule_on_late(tmp_path):
    more = {"objective": UP, "checkpoint": ALWAYS}
    first = ended(tmp_path, gain=0.02)
    then = attempt(Learn(), tmp_path / "run", stop={"gain": 0.01}, **more)
    attempt(Learn(), tmp_path / "late", stop={"iterations": 10}, **more)
    late = attempt(Learn(), tmp_path / "late", stop={"gain": 0.01}, **more)

    assert first.iterations < then.iterations < 40
    assert (then.reason, late.reason) == ("forecast", "forecast")
    assert late.iterations == then.iterations


def test_a_resume_counts_tokens_on(tmp_path):
    """The rules' memory is made of the record then, counts too: 7 tokens an iteration."""
    more = {"objective": UP, "checkpoint": ALWAYS}
    stop = {"gain": 1e-6, "tokens": 63}
    attempt(Learn(), tmp_path / "run", stop={**stop, "iterations": 4, "horizon": 40}, **more)

    outcome = attempt(Learn(), tmp_path / "run", stop=stop, **more)

    assert (outcome.reason, outcome.iterations) == ("tokens", 9)


def test_the_warning_is_not_told_again_after_a_resume(tmp_path):
    values = HILL
    more = {"objective": UP, "checkpoint": ALWAYS}
    attempt(
        Learn(to=22, values=values), tmp_path / "r", stop={"gain": 0.02, "iterations": 20}, **more
    )

    attempt(Learn(to=22, values=values), tmp_path / "r", stop={"gain": 0.02}, **more)

    assert RunView(tmp_path / "r").log().count("stop.gain is off") == 1


def test_where_a_fork_leaves_its_parent_the_rule_begins_anew(tmp_path):
    parent = tmp_path / "parent"
    attempt(Learn(), parent, objective=UP, stop={"iterations": 12}, checkpoint=ALWAYS)
    branch = Branch(run="abcd1234", iteration=12, signature="s", changes={"task.a": [0.5, 0.4]})
    own = record(id="fork0001", parent=branch.to_json())
    (parent / "run.json").write_text(json.dumps(own.to_json()))

    made = job(Learn(a=0.4), parent, record=own, objective=UP, stop={"gain": 0.02, "horizon": 40})
    made.resume_from = resume.plan(parent)
    outcome = runner.run(made)

    lines = forecasts(parent)
    assert next(i for i, cost in enumerate(lines) if cost) == 15
    assert outcome.reason in ("forecast", "length")


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        ({"gain": 0}, "stop.gain=0"), ({"gain": -1}, "stop.gain=-1"),
        ({"gain": "much"}, "stop.gain=much"), ({"gain": float("inf")}, "stop.gain=inf"),
        ({"gain": 0.1, "horizon": 0}, "stop.horizon=0"), ({"gain": 0.1, "min": 2.5}, "stop.min"),
        ({"gain": 0.1, "confirm": 0}, "stop.confirm=0"), ({"gain": 0.1, "top": "1x"}, "stop.top"),
        ({"gain": 0.1, "x": "acc"}, "stop.x=acc"), ({"min": 6}, "forecast rule, which is off"),
        ({"horizon": 9}, "stop.horizon=9"),
    ],
)  # fmt: skip
def test_settings_that_can_not_be_are_refused(tmp_path, stop, words):
    with pytest.raises((ConfigError, ConfigErrors), match=words):
        ended(tmp_path, **stop)

    assert not (tmp_path / "run").exists()


def test_the_rule_needs_a_metric_and_a_direction(tmp_path):
    with pytest.raises(ConfigError, match=r"stop.gain needs a metric"):
        attempt(Learn(), tmp_path / "a", stop={"gain": 0.1})
    with pytest.raises(ConfigError, match="no direction is known"):
        attempt(Learn(), tmp_path / "b", stop={"gain": 0.1, "metric": "words"})


def test_an_old_checkpoints_rules_are_shown_the_record_once_the_rule_is_on():
    before = StopRules(StopSettings(metric="acc", goal="max", patience=3)).state()
    rules = StopRules(StopSettings(metric="acc", goal="max", patience=3, gain=0.1))

    assert rules.restore(before) is False
