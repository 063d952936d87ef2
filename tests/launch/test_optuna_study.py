"""Studies with optuna alone: numbers, seeds of samplers, stale trials, what is told."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from math import log10
from pathlib import Path
from statistics import fmean

import pytest
import yaml

pytest.importorskip("optuna")
pytest.importorskip("cmaes")

from iterun.config.locate import conf_dir
from iterun.errors import ConfigError, UnavailableError
from iterun.launch.search import early, samplers, storage
from iterun.launch.search.findings import findings
from iterun.launch.search.plan import Plan, planned
from iterun.launch.search.space import parse
from iterun.launch.search.study import Trials, find
from iterun.store import process

WORDS = ("x=interval(0,1)", "y=tag(log,interval(1e-4,1))")


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder with a study whose process was killed in its first trial."""
    folder = tmp_path_factory.mktemp("killed")
    code = (
        "import os, sys, pathlib; sys.path[:0] = sys.argv[2:]\n"
        "from test_optuna_study import trials\n"
        "trials(pathlib.Path(sys.argv[1])).ask(); os.kill(os.getpid(), 9)"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, str(folder), here], check=False)
    assert done.returncode == -9
    return folder


def plan(**changes):
    usual = Plan(
        line=WORDS, metrics={"score": "min"}, n_trials=6, sampler={"name": "tpe", "seed": 1},
        pruner={"name": "none"},
    )  # fmt: skip
    return replace(usual, **changes)


def trials(folder, words=WORDS, **changes):
    return Trials(folder / ".sweeps" / "a-sweep", plan(**changes), parse(words))


def score(params):
    return (params["x"] - 0.3) ** 2 + params["y"]


def search(study, n):
    for _ in range(n):
        trial = study.ask()
        study.complete(trial.number, [score(trial.params)], ["run"])
    return [trial.params for trial in study.every()]


@pytest.mark.parametrize("name", ["tpe", "cmaes", "random"])
def test_a_study_that_goes_on_proposes_what_an_unbroken_one_does(tmp_path, name):
    sampler = {"name": name, "seed": 3}

    whole = search(trials(tmp_path / "whole", sampler=sampler), 14)
    search(trials(tmp_path / "broken", sampler=sampler), 5)
    broken = search(trials(tmp_path / "broken", sampler=sampler), 9)

    assert whole == broken
    assert len({str(params) for params in whole}) == 14


def test_another_seed_proposes_something_else(tmp_path):
    one = search(trials(tmp_path / "1", sampler={"name": "random", "seed": 1}), 2)
    two = search(trials(tmp_path / "2", sampler={"name": "random", "seed": 2}), 2)

    assert one != two


def test_a_study_without_a_seed_draws_one_and_keeps_it(tmp_path):
    first = trials(tmp_path, sampler={"name": "random", "seed": None})
    again = trials(tmp_path, sampler={"name": "random", "seed": None})

    assert first.seed == again.seed


def test_numbers_of_jobs_go_on_and_are_never_given_twice(tmp_path):
    words = (*WORDS, "seed=1,2,3")
    first = trials(tmp_path, words)
    search(first, 2)

    again = trials(tmp_path, words)

    assert again.jobs(again.ask().number) == [6, 7, 8]


def test_a_study_wants_the_trials_that_are_missing(tmp_path):
    search(trials(tmp_path), 4)

    assert trials(tmp_path).missing() == 2
    assert trials(tmp_path, n_trials=3).missing() == 0


def test_a_trial_of_a_killed_process_is_stale_and_replaced(tmp_path, killed):
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    study = trials(tmp_path)
    [stale] = study.stale()

    study.give_up(stale)

    assert study.missing() == 6
    assert study.ask().number == 1
    assert [found.state for found in findings(study, []).trials] == ["lost", "running"]


def test_a_stale_trial_can_be_taken_over_with_its_own_number(tmp_path, killed):
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    study = trials(tmp_path)
    [stale] = study.stale()

    trial = study.take(stale)

    assert (trial.number, study.stale(), study.missing()) == (0, [], 5)


def test_a_search_keeps_its_trial_and_so_does_a_live_process(tmp_path):
    study = trials(tmp_path)
    trial = study.ask()
    parent = {"pid": os.getppid(), "start_ticks": process.start_ticks(os.getppid())}

    assert (study.stale(), study.elsewhere()) == ([], 0)
    trial.set_user_attr("owner", trial.user_attrs["owner"] | parent)
    assert (study.stale(), study.elsewhere()) == ([], 1)


def test_a_trial_that_somebody_else_told_is_left_as_it_is(tmp_path):
    mine, other = trials(tmp_path), trials(tmp_path)
    number = mine.ask().number
    other.fail(number, "taken for lost")

    mine.complete(number, [1.0], ["run"])

    assert [trial.state for trial in findings(mine, []).trials] == ["failed"]


def test_a_trial_of_another_machine_is_left_alone_unless_told_otherwise(tmp_path):
    trial = trials(tmp_path).ask()
    trial.set_user_attr("owner", trial.user_attrs["owner"] | {"host": "far-away"})

    assert trials(tmp_path).stale() == []
    assert [stale.number for stale in trials(tmp_path, take_over=True).stale()] == [0]


def test_a_torn_line_of_the_journal_is_cut_off(tmp_path):
    search(trials(tmp_path), 2)
    journal = tmp_path / ".sweeps" / "a-sweep" / storage.JOURNAL
    with journal.open("ab") as file:
        file.write(b'{"op_code": 4, "wor')

    search(trials(tmp_path), 1)

    assert len(trials(tmp_path).every()) == 3


def test_the_journal_holds_no_pickle(tmp_path):
    search(trials(tmp_path, sampler={"name": "cmaes", "seed": 1}), 12)

    text = (tmp_path / ".sweeps" / "a-sweep" / storage.JOURNAL).read_text()
    assert len(text) > 1000
    assert not re.search("cma|[0-9a-f]{100}", text)  # optuna's own is a long hexadecimal number


@pytest.mark.slow  # sqlalchemy and alembic
def test_sqlite_keeps_a_study_too(tmp_path):
    url = f"sqlite:///{tmp_path}/kept/study.db"
    search(trials(tmp_path, storage=url), 3)

    assert trials(tmp_path, storage=url).missing() == 3


@pytest.mark.slow  # sqlalchemy
def test_a_database_that_cannot_be_had_is_named_without_its_password(tmp_path):
    with pytest.raises((ConfigError, UnavailableError)) as caught:
        trials(tmp_path, storage="mysql+pymysql://me:secret@somewhere/studies")

    assert "mysql+pymysql://…@somewhere/studies" in caught.value.message
    assert "secret" not in caught.value.message


def test_a_study_of_another_line_is_refused(tmp_path):
    trials(tmp_path)

    with pytest.raises(ConfigError, match="it had y=tag") as caught:
        trials(tmp_path, ("x=interval(0,1)",), line=("x=interval(0,1)",))

    assert "hydra.sweeper.study_name" in caught.value.hint


def test_a_named_study_is_found_among_the_sweeps(tmp_path):
    trials(tmp_path, name="mine").note()
    new = tmp_path / ".sweeps" / "z-sweep"

    assert find(new, plan(name="mine")).name == "a-sweep"
    assert find(new, plan(name="yours")) == new
    assert find(new, plan()) == new
    assert find(new, plan(goes_on=True)).name == "a-sweep"


def test_a_grid_tries_every_point_once(tmp_path):
    words = ("x=range(0,0.5,0.25)", "y=1,2")
    grid = trials(tmp_path, words, sampler={"name": "grid"}, n_trials=99)

    tried = [grid.ask().params for _ in range(grid.missing())]

    assert tried == [{"x": x, "y": y} for x in (0.0, 0.25) for y in ("1", "2")]
    assert grid.missing() == 0


@pytest.mark.parametrize("name", ["grid", "tpe"])
def test_a_kill_before_a_trial_has_its_settings_loses_none(tmp_path, name):
    """What stands in the storage then: a trial that waits, or runs without settings."""
    words = ("x=range(0,0.5,0.25)", "y=1,2")
    study = trials(tmp_path, words, sampler={"name": name, "seed": 1}, n_trials=4)
    study.study.enqueue_trial({}, user_attrs={"owner": study._me | {"search": "killed"}})
    study.study.ask()
    study.study.enqueue_trial({}, user_attrs={"owner": study._me})

    [stale] = study.stale()
    assert not study.is_proposed(stale)
    study.give_up(stale)
    tried = [study.ask() for _ in range(study.missing())]

    assert [trial.number for trial in tried] == [1, 2, 3, 4]
    assert name != "grid" or len({str(trial.params) for trial in tried}) == 4


def test_a_trial_that_waited_since_a_kill_is_proposed_as_it_would_have_been(tmp_path):
    random = {"name": "random", "seed": 1}
    whole, broken = (trials(tmp_path / name, sampler=random) for name in "ab")
    broken.study.enqueue_trial({}, user_attrs={"owner": broken._me})

    assert broken.ask().params == whole.ask().params
    assert broken.ask().params == whole.ask().params


def test_two_processes_at_a_grid_take_no_point_twice(tmp_path):
    words = ("x=range(0,0.5,0.25)", "y=1,2")
    mine, other = (trials(tmp_path, words, sampler={"name": "grid"}) for _ in range(2))

    tried = [who.ask().params for who in (mine, other, other, mine)]

    assert len({str(params) for params in tried}) == 4


def test_a_trial_without_an_owner_is_somebody_elses_for_a_while(tmp_path):
    study = trials(tmp_path)

    study.study.ask()

    assert (study.stale(), study.elsewhere()) == ([], 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: samplers.sampler({"name": "tpee"}, 0), "no such sampler"),
        (lambda: samplers.sampler({"name": "tpe", "gama": 1}, 0), "gama is no setting of tpe"),
        (lambda: samplers.sampler({"name": "cmaes", "population": 1}, 0), "no generation"),
        (lambda: samplers.pruner({"name": "halving", "reduction_factor": 1}), "reduction_factor"),
    ],
)
def test_samplers_and_pruners_refuse_what_they_do_not_know(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize("node", ["sampler", "pruner"])
def test_every_file_of_the_groups_names_what_optuna_takes(node):
    make = {"sampler": lambda it: samplers.sampler(it, 0), "pruner": samplers.pruner}[node]
    files = sorted((conf_dir() / "hydra" / "sweeper" / node).glob("*.yaml"))

    for path in files:
        settings = yaml.safe_load(path.read_text())
        assert settings["name"] == path.stem
        assert make(settings) is not None
    assert {path.stem for path in files} == set(getattr(samplers, f"{node}s".upper()))


def test_the_package_is_asked_for_by_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)

    with pytest.raises(UnavailableError) as caught:
        samplers.optuna()

    assert 'pip install "iterun[optuna]"' in caught.value.hint


@pytest.mark.slow  # 300 trials
def test_tpe_finds_more_than_chance_in_equally_many_trials(tmp_path):
    """Best of 30 trials over 5 seeds: TPE about 0.001, random about 0.02."""

    def best(name, seed):
        study = trials(tmp_path / f"{name}{seed}", sampler={"name": name, "seed": seed})
        for _ in range(30):
            trial = study.ask()
            x, y = trial.params["x"], trial.params["y"]
            study.complete(trial.number, [(x - 0.3) ** 2 + (log10(y) + 2) ** 2 / 10], [])
        return min(trial.values[0] for trial in study.every())

    pairs = [(best("tpe", seed), best("random", seed)) for seed in range(5)]

    assert all(tpe < chance for tpe, chance in pairs)
    assert fmean(tpe for tpe, _ in pairs) < 0.3 * fmean(chance for _, chance in pairs)


SETTINGS = {
    "metrics": None, "direction": None, "n_trials": 9, "sampler": {"name": "tpe"},
    "pruner": {"name": "none"}, "study_name": None, "storage": None, "take_over": False,
}  # fmt: skip
OBJECTIVE = {"metric": "loss", "goal": "min"}
TWO = {"loss": "min", "speed": "max"}


@pytest.mark.parametrize(
    ("settings", "metrics"),
    [
        ({}, {"loss": "min"}),
        ({"direction": "maximize"}, {"loss": "max"}),
        ({"metrics": "speed", "direction": "maximize"}, {"speed": "max"}),
        ({"metrics": "loss"}, {"loss": "min"}),
        ({"metrics": TWO}, TWO),
        ({"metrics": TWO, "direction": ["maximize", "maximize"]}, {"loss": "max", "speed": "max"}),
    ],
)
def test_metrics_and_goals_are_the_tasks_or_those_named(settings, metrics):
    assert planned(WORDS, parse(WORDS), OBJECTIVE, SETTINGS | settings).metrics == metrics


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": {"loss": "least"}}, "least is no goal"),
        ({"metrics": "speed"}, "is less better, or more"),
        ({"direction": ["minimize", "maximize"]}, "does not fit 1 metrics"),
        ({"metrics": TWO, "pruner": {"name": "median"}}, "median can't weigh 2 metrics"),
        ({"metrics": TWO, "sampler": {"name": "cmaes"}}, "cmaes can't weigh 2 metrics"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        planned(WORDS, parse(WORDS), OBJECTIVE, SETTINGS | settings)


def test_cmaes_needs_two_numbers_and_a_search_an_objective():
    one = parse(WORDS[:1])
    with pytest.raises(ConfigError, match="needs two numbers to vary, and this line has x"):
        planned(WORDS[:1], one, OBJECTIVE, SETTINGS | {"sampler": {"name": "cmaes"}})
    with pytest.raises(ConfigError, match="no objective to search by"):
        planned(WORDS[:1], one, None, SETTINGS)


def test_the_line_of_a_study_leaves_out_what_may_change_when_it_goes_on():
    words = ("task=a", *WORDS, "on_existing=resume", "backend.threads=1", "tags=[b]")

    plan = planned(words, parse(words), OBJECTIVE, SETTINGS)

    assert plan.line == ("task=a", *WORDS)
    assert plan.goes_on


def test_a_judge_ends_a_trial_that_is_worse_than_the_median(tmp_path):
    study, done = _with_two_good_trials(tmp_path)
    judge = early.Early(number=2, **judging(study))

    assert judge(done(0, 9.0)) is None  # the baseline is no iteration
    assert judge(done(1, 9.0)) == "pruned"


def test_a_judge_lets_the_last_iteration_and_good_ones_pass(tmp_path):
    study, done = _with_two_good_trials(tmp_path)
    judge = early.Early(number=2, **judging(study))

    assert [judge(done(i, 0.5)) for i in (1, 2)] == [None, None]
    assert judge(done(3, 9.0)) is None


def test_other_seeds_of_a_trial_end_with_the_first(tmp_path):
    study, done = _with_two_good_trials(tmp_path, (*WORDS, "seed=1,2"))
    first, second = (early.Early(number=n, **judging(study, n_jobs=2)) for n in (4, 5))

    before = second(done(1, 0.0))
    first(done(1, 9.0))

    assert (before, second(done(2, 0.0))) == (None, "pruned")


def test_the_front_holds_what_nothing_beats(tmp_path):
    study = trials(tmp_path, metrics={"score": "min", "speed": "max"})
    for values in ([1, 1], [2, 5], [3, 4], [0.5, 0]):
        study.complete(study.ask().number, values, [])

    found = findings(study, ["--config-dir", "my conf"])

    assert [trial.number for trial in found.best] == [3, 0, 1]
    assert found.lines[0].startswith("iterun --config-dir 'my conf' x=")


@pytest.mark.parametrize("is_decided", [True, False])
def test_a_kill_at_the_judge_changes_nothing_in_the_study(tmp_path, is_decided):
    """The value is told; whether to go on is kept already, or not yet."""
    study, done = _with_two_good_trials(tmp_path)
    trial = storage.trial(study.study, 2)
    trial.report(9.0, 1)
    if is_decided:
        trial.set_user_attr("pruned", True)

    judge = early.Early(number=2, **judging(study))

    assert judge(done(2 if is_decided else 1, 8.0)) == "pruned"
    assert storage.frozen(trial).intermediate_values == {1: 9.0}


def test_a_judge_looks_at_what_the_study_is_about_and_not_at_the_objective(tmp_path):
    study, done = _with_two_good_trials(tmp_path)
    judge = early.Early(number=2, **judging(study))

    it = done(1, 9.0)
    it.objective = 0.0

    assert judge(it) == "pruned"


MEDIAN = {"name": "median", "n_startup_trials": 1}


def judging(study, n_jobs=1):
    return {
        "url": study.url, "study": "a-sweep", "pruner": MEDIAN, "metric": "score", "n_jobs": n_jobs,
    }  # fmt: skip


def _with_two_good_trials(folder: Path, words=WORDS):
    from iterun.core.progress import IterationDone

    study = trials(folder, words, pruner=MEDIAN)
    for _ in range(2):
        trial = study.ask()
        for i in (1, 2, 3):
            trial.report(1.0, i)
        study.complete(trial.number, [1.0], [])
    study.ask()

    def done(i, value):
        return IterationDone(i, 3, {"score": value}, {}, {}, 0.1, value)

    return study, done
