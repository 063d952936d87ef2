"""Which checkpoints are taken and kept, worked by hand."""

import pytest
from core_procedures import ALL, Count, attempt
from hypothesis import example, given
from hypothesis import strategies as st

from iterun.core.retention import CheckpointSettings, Schedule, kept
from iterun.errors import ConfigError
from iterun.store import checkpoint
from iterun.store.reader import RunView

LOSS = {"metric": "loss", "goal": "min"}


class Dips(Count):
    """Loss is least at 4, then at 5."""

    def step(self, i):
        return super().step(i) | {"loss": abs(i - 4.4)}


@pytest.mark.parametrize(
    ("settings", "stays"),
    [
        ({"last": 1, "best": 0}, [10]),
        ({"last": 3, "best": 0}, [8, 9, 10]),
        ({"last": 1, "best": 2}, [4, 5, 10]),
        ({"last": 1, "best": 0, "every_kept": 5}, [0, 5, 10]),
        ({"last": 2, "best": 1, "every_kept": 6}, [0, 4, 6, 9, 10]),
        ({"last": None}, list(range(11))),
    ],
)
def test_the_newest_the_best_and_every_mth_are_kept(tmp_path, settings, stays):
    attempt(Dips(), tmp_path, objective=LOSS, checkpoint={"share": None, **settings})

    assert checkpoint.available(tmp_path) == stays


def test_the_best_is_remembered_over_a_resume(tmp_path):
    settings = {"objective": LOSS, "checkpoint": {"share": None, "last": 1, "best": 1}}

    for stop in (5, 8, 10):
        attempt(Dips(), tmp_path, stop={"iterations": stop}, **settings)

    assert checkpoint.available(tmp_path) == [4, 10]


def test_every_caps_how_often_and_the_ends_are_always_saved(tmp_path):
    attempt(Count(), tmp_path, checkpoint={**ALL, "every": 4})

    assert checkpoint.available(tmp_path) == [0, 4, 8, 10]


class Timed(Count):
    def step(self, i):
        self.clock.now += 1
        return super().step(i)

    def state(self):
        self.clock.now += 2  # what a checkpoint costs
        return super().state()


def test_checkpoints_stay_under_their_share_of_the_time(tmp_path, clock):
    """1 s a step, 2 s a checkpoint, share 0.25: n of them (after the first) need 8 n s in all."""
    procedure = Timed(to=20)
    procedure.clock = clock

    attempt(procedure, tmp_path, clock=clock, checkpoint={**ALL, "share": 0.25})

    taken = checkpoint.available(tmp_path)
    assert taken == [0, 14, 20]
    assert clock.now - 1000 == 20 + 2 * len(taken)


def test_a_signal_and_the_end_are_saved_whatever_they_cost(tmp_path, clock):
    procedure = Timed(to=3)
    procedure.clock = clock

    attempt(procedure, tmp_path, clock=clock, checkpoint={**ALL, "share": 0.01})

    assert checkpoint.available(tmp_path) == [0, 3]


@example(costs=[1.97, 1.0, 1.97, 1.0], share=0.5, step=2.0)
@given(
    costs=st.lists(st.floats(0.01, 5), min_size=1, max_size=50),
    share=st.floats(0.01, 1),
    step=st.floats(0.01, 10),
)
def test_time_spent_never_exceeds_the_share_but_by_the_growth_of_one(costs, share, step):
    """Each is planned at the cost of the one before: only what it costs more can go beyond."""
    schedule, now, spent, last = Schedule(CheckpointSettings(share=share), 0.0), 0.0, 0.0, 0.0
    for cost in costs:
        now += step
        if schedule.fits(now):
            assert spent + last <= share * now * (1 + 1e-12)  # the clock's differences are rounded
            schedule.note(now, now + cost)
            now, spent, last = now + cost, spent + cost, cost


@given(
    available=st.sets(st.integers(0, 60)),
    last=st.none() | st.integers(1, 5),
    best=st.integers(0, 4),
    every_kept=st.none() | st.integers(1, 9),
)
def test_the_newest_is_always_kept_and_nothing_appears(available, last, best, every_kept):
    settings = CheckpointSettings(last=last, best=best, every_kept=every_kept)
    scores = {i: (i * 7) % 11 for i in available}

    stays = kept(settings, available, scores)

    assert stays <= available
    assert not available or max(available) in stays
    assert len(stays) >= min(len(available), max(last or len(available), best))


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"every": 0}, "checkpoint.every=0"),
        ({"last": 0}, "checkpoint.last=0"),
        ({"best": None}, "checkpoint.best=None"),
        ({"every_kept": 2.5}, "checkpoint.every_kept=2.5"),
        ({"share": 0}, "checkpoint.share=0 is not a share"),
        ({"share": 1.5}, "checkpoint.share=1.5 is not a share"),
        ({"grace": -1}, "checkpoint.grace=-1"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(node, message):
    (error,) = CheckpointSettings.of(node).check()

    assert message in error.message
    assert error.hint


def test_an_unknown_setting_names_the_nearest_one():
    with pytest.raises(ConfigError, match=r"checkpoint\.shares is no setting") as caught:
        CheckpointSettings.of({"shares": 3})
    assert caught.value.hint == "did you mean checkpoint.share?"


@pytest.mark.parametrize("name", ["default", "all", "last"])
def test_the_files_of_the_group_are_whole_and_valid(name):
    from dataclasses import fields
    from pathlib import Path

    import yaml

    path = Path(__file__).parents[2] / "conf" / "checkpoint" / f"{name}.yaml"
    node = yaml.safe_load(path.read_text())

    assert set(node) == {field.name for field in fields(CheckpointSettings)}
    assert not list(CheckpointSettings.of(node).check())
    assert name != "default" or CheckpointSettings.of(node) == CheckpointSettings()


def test_the_summary_is_there_at_every_checkpoint(tmp_path):
    class Looking(Count):
        def step(self, i):
            if i > 1:
                summary = RunView(tmp_path).summary
                assert (summary.state, summary.iterations) == ("running", i - 1)
            return super().step(i)

    assert attempt(Looking(), tmp_path, checkpoint=ALL).state == "completed"


@pytest.mark.parametrize("missing", [{}, {"loss": float("nan")}])
def test_an_iteration_without_a_finite_objective_is_never_best(tmp_path, missing):
    """2 has none: neither a NaN nor the value of 1 may stand for it among the best three."""
    losses = {1: 0.5, 3: 0.4, 4: 4.0, 5: 6.0, 6: 7.0}

    class Gaps(Count):
        may_be_infinite = frozenset({"loss"})

        def step(self, i):
            return super().step(i) | ({"loss": losses[i]} if i in losses else missing)

    keep = {"share": None, "last": 1, "best": 3}
    attempt(Gaps(to=6), tmp_path, objective=LOSS, checkpoint=keep)

    assert checkpoint.available(tmp_path) == [1, 3, 4, 6]


def test_whole_floats_are_whole_numbers():
    settings = CheckpointSettings.of({"every": 1e1, "last": 2.0})

    assert (list(settings.check()), settings.every, settings.last) == ([], 10, 2)
    assert type(settings.every) is int
