"""SIGINT, SIGTERM, SIGUSR2: out in order, with a checkpoint; the second SIGINT at once."""

import os
import signal
import threading

import pytest
from core_procedures import Count, Slow, attempt

from iterun.core.signals import CAUGHT, Signals
from iterun.store import checkpoint
from iterun.store.reader import RunView

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR2: 140}


def told(directory):
    status = RunView(directory).status
    return status.state, status.reason, status.iteration


def metrics(directory):
    return [line.metrics for line in RunView(directory).iterations()]


@pytest.mark.parametrize("number", CAUGHT)
def test_a_signal_ends_the_run_after_its_iteration_with_a_checkpoint(fork, tmp_path, number):
    assert fork("signalled", directory=tmp_path, number=number).wait() == STATUS[number]

    assert told(tmp_path) == ("interrupted", number.name, 3)
    assert checkpoint.available(tmp_path)[-1] == 3


@pytest.mark.parametrize("number", CAUGHT)
def test_a_requeued_job_goes_on_by_itself(fork, tmp_path, number):
    """The same call again, as SLURM makes it, finds the directory and completes the run."""
    attempt(Slow(to=6), tmp_path / "whole")

    fork("signalled", directory=tmp_path / "run", number=number).wait()
    outcome = attempt(Slow(to=6), tmp_path / "run")

    assert (outcome.state, outcome.exit_status) == ("completed", 0)
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")


def test_a_signal_leaves_at_the_next_safe_point(fork, tmp_path):
    attempt(Slow(to=6), tmp_path / "whole")

    assert fork("signalled", directory=tmp_path / "run", number=15, safe=True).wait() == 143
    assert told(tmp_path / "run") == ("interrupted", "SIGTERM", 2)
    assert checkpoint.load(tmp_path / "run", 3)["procedure"] == {"n": 12, "j": 2}

    attempt(Slow(to=6), tmp_path / "run")
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")


def test_an_iteration_that_outlasts_the_grace_is_given_up(fork, tmp_path):
    assert fork("signalled", directory=tmp_path, number=15, grace=0).wait() == 143

    assert told(tmp_path) == ("interrupted", "SIGTERM", 2)
    assert checkpoint.available(tmp_path)[-1] == 2
    attempt(Slow(to=6), tmp_path)
    assert metrics(tmp_path) == [{"n": 0}] + [{"n": 5 * i, "tokens": 10} for i in range(1, 7)]


def test_the_grace_is_counted_from_the_signal(tmp_path, clock):
    """Given up at the first tick 10 s after the signal: the third of 4 s each."""
    seen = []

    def hook(i, j):
        seen.append(j)
        if j == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        clock.now += 4

    outcome = attempt(Slow(hook=hook), tmp_path, clock=clock)

    assert (outcome.state, seen) == ("interrupted", [1, 2, 3])


def test_a_second_sigint_leaves_at_once(fork, tmp_path):
    assert fork("signalled", directory=tmp_path, number=2, times=2).wait() == 130

    assert told(tmp_path) == ("interrupted", "SIGINT", 2)
    assert checkpoint.available(tmp_path)[-1] == 2


def test_a_second_sigint_leaves_native_code_that_looks_for_no_signal(fork, tmp_path):
    child = fork("stuck", directory=tmp_path / "run", ready=tmp_path / "ready")
    while not (tmp_path / "ready").exists():
        os.sched_yield()

    child.kill(signal.SIGINT)
    threading.Event().wait(0.2)
    child.kill(signal.SIGINT)

    assert child.wait() == 130
    assert told(tmp_path / "run")[:2] == ("interrupted", "SIGINT")


def test_a_signal_during_start_leaves_before_the_baseline(tmp_path):
    class Signalled(Count):
        def start(self, run):
            super().start(run)
            os.kill(os.getpid(), signal.SIGTERM)

    outcome = attempt(Signalled(), tmp_path)

    assert (outcome.exit_status, RunView(tmp_path).iterations()) == (143, [])
    assert attempt(Count(), tmp_path).state == "completed"


def test_a_run_that_is_done_is_completed_whatever_signal_comes(tmp_path):
    class Late(Count):
        def step(self, i):
            if i == 10:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().step(i)

    assert attempt(Late(), tmp_path).exit_status == 0


def test_the_old_handlers_come_back(tmp_path):
    before = [signal.getsignal(number) for number in CAUGHT]

    attempt(Count(), tmp_path)

    assert [signal.getsignal(number) for number in CAUGHT] == before
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    assert wakeup == -1


def test_an_ignored_signal_stays_ignored():
    """As `nohup` and a shell's `&` leave it."""
    old = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        with Signals(lambda: 0.0) as signals:
            os.kill(os.getpid(), signal.SIGUSR2)
        assert signals.caught is None
    finally:
        signal.signal(signal.SIGUSR2, old)


def test_a_forked_worker_ignores_ctrl_c_and_its_parent_hears_nothing_of_it():
    with Signals(lambda: 0.0) as signals:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            os._exit(7 if signals.caught is None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert signals.caught is None
        assert signal.getsignal(signal.SIGINT) == signals._note


def test_a_forked_worker_is_ended_by_sigterm():
    with Signals(lambda: 0.0):
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def test_a_run_in_another_thread_leaves_signals_alone(tmp_path):
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(attempt(Count(), tmp_path)))

    thread.start()
    thread.join()

    assert outcomes[0].state == "completed"


def test_a_safe_point_after_the_grace_still_takes_its_checkpoint(tmp_path, clock):
    def hook(i, j):
        if (i, j) == (3, 2):
            os.kill(os.getpid(), signal.SIGTERM)
            clock.now += 60

    outcome = attempt(Slow(to=6, safe=True, hook=hook), tmp_path, clock=clock)

    assert (outcome.state, outcome.iterations) == ("interrupted", 2)
    assert checkpoint.load(tmp_path, 3)["procedure"] == {"n": 12, "j": 2}


class Loud(os.PathLike):
    """A parameter that sends Ctrl-C twice when it is written, once the result is there."""

    armed = False

    def __fspath__(self):
        for _ in range(2 if self.armed else 0):
            os.kill(os.getpid(), signal.SIGINT)
        return "loud"


def test_ctrl_c_while_the_end_is_written_tears_nothing(tmp_path):
    path = Loud()

    class Arming(Count):
        def result(self):
            path.armed = True
            return {}

    outcome = attempt(Arming(), tmp_path, config={"task": {"path": path}})

    assert (outcome.state, RunView(tmp_path).status.state) == ("completed", "completed")
    assert RunView(tmp_path).summary.state == "completed"
