"""The loop, shown on a procedure that counts to ten: the core knows no more than that."""

import logging
import subprocess
import sys

import pytest
from core_procedures import Count, Everything, attempt, job

from iterun.core.progress import CheckpointSaved, IterationDone, Remark, RunEnded, RunStarted
from iterun.core.runner import run
from iterun.errors import ConfigError, ConfigErrors, StoreError
from iterun.store.reader import RunView

BEST = {"metric": "n", "goal": "max"}


def test_a_procedure_counts_to_ten(tmp_path):
    outcome = attempt(Count(), tmp_path / "run", objective=BEST)

    view = RunView(tmp_path / "run")
    assert (outcome.state, outcome.reason, outcome.exit_status) == ("completed", "length", 0)
    assert [line.metrics for line in view.iterations()] == [{"n": n} for n in range(11)]
    assert view.summary.result == {"counted": 10}
    assert view.summary.best == {"i": 10, "value": 10}
    assert (view.status.state, view.status.reason, view.status.iteration) == (
        "completed", "length", 10,
    )  # fmt: skip


def test_an_objective_that_is_never_measured_is_told(tmp_path):
    events = []

    attempt(Count(), tmp_path / "a", objective=BEST, listener=events.append)
    attempt(Count(), tmp_path / "b", objective=BEST | {"metric": "m"}, listener=events.append)

    said = [event.text for event in events if isinstance(event, Remark)]
    assert said == ["the objective m is not among the metrics: nothing is best"]


def test_the_status_says_while_it_goes_on_how_many_iterations_there_will_be(tmp_path):
    lengths = []

    def look(event):
        if isinstance(event, IterationDone):
            lengths.append(RunView(tmp_path / "run").status.length)

    attempt(Count(to=3), tmp_path / "run", listener=look)

    assert lengths == [3, 3, 3, 3]


def test_the_procedure_is_called_in_the_order_of_the_design(tmp_path):
    calls = []

    class Told(Count):
        def __getattribute__(self, name):
            if name in ("check", "start", "length", "baseline", "step", "restore", "result"):
                calls.append(name)
            return super().__getattribute__(name)

    attempt(Told(to=2), tmp_path / "run")
    assert calls == ["check", "start", "length", "baseline", "step", "step", "result"]
    calls.clear()
    attempt(Told(to=3), tmp_path / "run")
    assert calls == ["check", "start", "length", "restore", "step", "result"]


def test_events_tell_the_whole_run(tmp_path):
    events = []

    outcome = attempt(Count(to=2), tmp_path / "run", objective=BEST, listener=events.append)

    started, *middle, ended = events
    assert isinstance(started, RunStarted)
    assert (started.length, started.resumed_from) == (2, None)
    done = [event for event in middle if isinstance(event, IterationDone)]
    assert [(event.i, event.objective) for event in done] == [(0, 0), (1, 1), (2, 2)]
    assert CheckpointSaved(0) in middle
    assert CheckpointSaved(2) in middle
    assert ended == RunEnded(outcome)


def test_the_summary_has_flat_parameters_and_what_null_became(tmp_path):
    config = {"task": {"_target_": "x.Y", "to": 3, "window": None, "about": {}}}

    attempt(Everything(to=1), tmp_path / "run", config=config)

    parameters = RunView(tmp_path / "run").summary.parameters
    assert parameters == {"to": 3, "window": 50, "seed": 3}


def test_what_null_became_stands_in_run_json(tmp_path):
    attempt(Everything(to=1), tmp_path / "run")

    assert RunView(tmp_path / "run").record.resolved == {"window": 50}


def test_a_baseline_may_be_missing(tmp_path):
    class Bare(Count):
        def baseline(self):
            return None

    attempt(Bare(to=2), tmp_path / "run")
    outcome = attempt(Bare(to=3), tmp_path / "run")

    assert [line.i for line in RunView(tmp_path / "run").iterations()] == [1, 2, 3]
    assert outcome.summary.last == {"n": 3}


@pytest.mark.parametrize("to", [0, 1])
def test_a_run_of_no_iteration_is_a_run(tmp_path, to):
    outcome = attempt(Count(to=to), tmp_path / "run")

    assert (outcome.state, outcome.iterations) == ("completed", to)


def test_metrics_of_tensors_and_arrays_become_plain_numbers(tmp_path):
    import numpy as np
    import torch

    class Mixed(Count):
        def step(self, i):
            return {"t": torch.tensor(0.5), "a": np.float32(0.25), "b": True, "c": np.int64(3)}

    attempt(Mixed(to=1), tmp_path / "run")

    assert RunView(tmp_path / "run").iterations()[1].metrics == {
        "t": 0.5,
        "a": 0.25,
        "b": 1,
        "c": 3,
    }


def test_a_word_among_the_metrics_is_a_bug_that_names_it(tmp_path):
    class Wordy(Count):
        def step(self, i):
            return {"phase": "warm-up"}

    outcome = attempt(Wordy(to=1), tmp_path / "run")

    assert outcome.state == "failed"
    assert "metric 'phase' is str, not a number" in outcome.error


def test_costs_and_labels_belong_to_their_iteration(tmp_path):
    attempt(Everything(to=2), tmp_path / "run")

    _, first, second = RunView(tmp_path / "run").iterations()
    assert (first.cost, first.labels) == ({"hours": 0.5}, {"phase": "odd"})
    assert second.labels == {"phase": "even"}
    assert first.files == ["artifacts/note-1.txt", "artifacts/0001/seen.json"]


def test_an_exception_in_a_step_leaves_the_last_checkpoint_and_a_traceback(tmp_path):
    class Broken(Count):
        def step(self, i):
            return super().step(i) if i < 3 else {"n": 1 / 0}

    outcome = attempt(Broken(), tmp_path / "run", checkpoint={"share": None})

    view = RunView(tmp_path / "run")
    assert (outcome.state, outcome.exit_status) == ("failed", 1)
    assert isinstance(outcome.exception, ZeroDivisionError)
    assert view.status.error == "ZeroDivisionError: division by zero"
    assert "Traceback" in view.log()
    assert view.checkpoints()[-1] == 2
    assert attempt(Count(), tmp_path / "run").iterations == 10


def test_an_exit_inside_a_step_is_a_failure(tmp_path):
    class Leaver(Count):
        def step(self, i):
            sys.exit(0)

    assert attempt(Leaver(), tmp_path / "run").state == "failed"


def test_an_error_for_the_user_has_no_traceback(tmp_path):
    class Refused(Count):
        def step(self, i):
            raise ConfigError("columns=7 do not divide by 4", hint="task.pattern=1:7")

    outcome = attempt(Refused(), tmp_path / "run")

    assert (outcome.state, outcome.exit_status) == ("failed", 1)
    assert outcome.error == "columns=7 do not divide by 4\ntask.pattern=1:7"
    assert RunView(tmp_path / "run").log() == ""


def test_a_config_error_out_of_start_leaves_no_directory(tmp_path):
    class Choosy(Count):
        def start(self, run):
            run.save_text("early.txt", "x")
            raise ConfigError("columns=7 do not divide by 4")

    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    with pytest.raises(ConfigError, match="columns=7"):
        attempt(Choosy(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_exception_out_of_start_is_recorded(tmp_path):
    class Unlucky(Count):
        def start(self, run):
            raise ValueError("no")

    assert attempt(Unlucky(), tmp_path / "run").state == "failed"
    assert attempt(Count(), tmp_path / "run").state == "completed"


def test_every_fault_of_check_and_stop_and_checkpoint_is_shown_before_a_directory_is_made(tmp_path):
    bad = job(Count(start_at=-1), tmp_path / "run", stop={"patience": 0}, checkpoint={"last": 0})

    with pytest.raises(ConfigErrors) as caught:
        run(bad)

    assert len(caught.value.errors) == 4
    assert not (tmp_path / "run").exists()


def test_a_directory_that_holds_something_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")

    with pytest.raises(StoreError, match="in use"):
        run(job(Count(), tmp_path))
    assert (tmp_path / "thesis.tex").read_text() == "x"


def test_a_procedure_can_complete_the_run(tmp_path):
    class Stalls(Count):
        def step(self, i):
            if i == 4:
                self.run.stop("stalled")
            return super().step(i)

    outcome = attempt(Stalls(), tmp_path / "run")
    again = attempt(Stalls(), tmp_path / "run")

    assert (outcome.reason, outcome.iterations) == ("stalled", 4)
    assert (again.reason, again.iterations) == ("stalled", 4)


def test_warnings_of_libraries_and_remarks_go_to_the_log(tmp_path):
    class Chatty(Count):
        def step(self, i):
            logging.getLogger("some.library").warning("deprecated %d", 7)
            self.run.warn("the text is short")
            return super().step(i)

    events = []
    attempt(Chatty(to=2), tmp_path / "run", listener=events.append)

    log = RunView(tmp_path / "run").log()
    assert log.count("deprecated 7") == 2
    assert log.count("the text is short") == 1
    assert events.count(Remark("the text is short")) == 1


def test_a_result_that_fails_leaves_the_last_checkpoint(tmp_path):
    class NoEnd(Count):
        def result(self):
            raise RuntimeError("no space on the plot")

    assert attempt(NoEnd(), tmp_path / "run").state == "failed"
    outcome = attempt(Count(), tmp_path / "run")
    assert (outcome.state, outcome.summary.result) == ("completed", {"counted": 10})


def test_importing_the_core_costs_no_numpy_and_no_torch():
    code = (
        "import sys, iterun.core.runner, iterun.core.resume, iterun.core.run, iterun.ops.rng\n"
        "heavy = {'torch', 'numpy', 'pandas', 'hydra', 'rich', 'typer', 'safetensors'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_judge_from_outside_completes_a_run_early_and_it_can_go_on(tmp_path):
    def judge(done):
        return "pruned" if done.i == 3 else None

    early = attempt(Count(), tmp_path / "run", judge=judge)
    whole = attempt(Count(), tmp_path / "run")

    assert (early.state, early.reason, early.iterations) == ("completed", "pruned", 3)
    assert (whole.reason, whole.iterations) == ("length", 10)
    assert RunView(tmp_path / "run").checkpoints()[-1] == 10
