"""`iterun forecast`, the end of a run that the rule stopped, and `iterun plot --forecast`."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iterun.cli import look, picture, plot
from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

OWN = Path(__file__).parent / "own_learning"
LOADED = """
import sys
from iterun.__main__ import main
status = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture
def learnt(tmp_path: Path) -> Callable[..., Path]:
    """Makes runs along 0.9 - 0.5 i^-1.2, of 40 iterations if all are there."""

    def one(
        id: str = "3f9a1c2b", n: int = 20, *, seed: int = 1, length: int | None = 40,
        reason: str = "iterations", costs: dict[str, float] | None = None,
        noise: float = 0.0,
    ) -> Path:  # fmt: skip
        objective = {"metric": "acc", "goal": "max"}
        record = RunRecord(
            id=id, system="learn/curve", family="learn", signature="5e1f", seed=seed,
            created="2026-11-24T10:15:00+01:00", objective=objective,
        )  # fmt: skip
        folder = tmp_path / "outputs" / "learn" / "curve" / id
        with RunWriter.create(folder, record=record, config={"task": {}}) as writer:
            for i in range(1, n + 1):
                off = noise * (-1) ** i
                metrics = {"acc": 0.9 - 0.5 * i**-1.2 + off, "words": 100 * i}
                writer.append(i, seconds=0.5, metrics=metrics)
            writer.length(length)
            writer.summary(
                Summary(state="completed", reason=reason, objective=objective, last=metrics,
                        iterations=n, costs=costs or {})
            )  # fmt: skip
            writer.status("completed", reason=reason, iteration=n)
        return folder

    return one


def test_one_run_is_a_page(iterun: Any, learnt: Any) -> None:
    learnt()

    answer = iterun("forecast")

    assert answer.status == 0
    assert "acc  higher is better" in answer.lines[0]
    said = " ".join(answer.out.split())
    assert "so far 0.8863 at iteration 20, best 0.8863 at 20" in said
    assert "forecast 0.894 [" in said
    assert "at iteration 40 going on 0.007755 more expected in 20 iterations" in said
    assert "law 0.9 - 0.5 x^-1.2, layer of convergence" in said
    assert "rule stop.gain=0.005 does not stop it" in said


def test_what_the_rule_would_have_done_is_said(iterun: Any, learnt: Any) -> None:
    learnt(n=40)

    answer = iterun("forecast", "--gain", "0.02")

    assert "stop.gain=0.02 stops it at 14, saves 26 iterations, loses 0.01509" in answer.out


def test_a_run_at_its_end_has_no_forecast_but_beyond(iterun: Any, learnt: Any) -> None:
    learnt(n=40)

    page, beyond = iterun("forecast"), iterun("forecast", "--horizon", "80")
    [found] = json.loads(iterun("forecast", "--json").out)

    said = " ".join(page.out.split())
    assert "forecast none: it is at its end, iteration 40 has been seen; --horizon 80" in said
    assert "going on" not in said
    assert "law 0.9 - 0.5 x^-1.2" in said
    assert "stops it at" in said
    assert "at iteration 80 going on" in " ".join(beyond.out.split())
    assert found["forecast"] is None
    assert found["why_none"].startswith("it is at its end")


def test_a_table_has_nothing_of_what_has_been_seen_and_no_negative_gain(
    iterun: Any, learnt: Any
) -> None:
    """The best value of the second run is an outlier, and the law stays below it."""
    learnt("aaaa", n=40)
    learnt("bbbb", n=30, noise=0.05, seed=2)

    answer = iterun("forecast", "aaaa", "bbbb", "--gain", "0.02")

    over, ahead = (line.split() for line in answer.lines[2:])
    assert over[:3] == ["aaaa", "1", "40/40"]
    assert " ".join(over[4:]) == "at its end stops at 14, -0.0151"
    assert "none" in ahead
    assert "goes on" not in answer.out
    assert "--horizon 80 looks beyond" in answer.err


def test_columns_of_a_table_have_even_digits(iterun: Any, learnt: Any) -> None:
    for k, n in enumerate((12, 39)):
        learnt(f"{k}aaa", n=n, seed=k)

    answer = iterun("forecast", "0aaa", "1aaa")

    numbers = [re.findall(r"\d+\.\d+", line) for line in answer.lines[2:]]
    assert {len(x.partition(".")[2]) for row in numbers for x in row} == {4}


def test_an_iteration_that_a_run_does_not_have_is_an_error(iterun: Any, learnt: Any) -> None:
    learnt()

    answer = iterun("forecast", "3f9a1c2b@99")

    assert answer.status == 2
    assert "3f9a1c2b has no iteration 99: its last one is 20" in answer.err


def test_several_runs_are_a_table_with_a_row_each(iterun: Any, learnt: Any) -> None:
    for n, id in enumerate(("aaaa", "bbbb", "cccc")):
        learnt(id, n=6 + 10 * n, seed=n)

    answer = iterun("forecast", "task=learn/curve")

    assert answer.lines[0].split() == ["acc", "higher", "is", "better"]
    assert answer.lines[1].split()[0] == "id"
    assert {line.split()[0] for line in answer.lines[2:]} == {"aaaa", "bbbb", "cccc"}
    assert answer.out.count("provisional") == 1  # of six iterations


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_screen(
    iterun: Any, learnt: Any, monkeypatch: Any, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for id in ("aaaa", "bbbb"):
        learnt(id)

    answer = iterun("forecast", "task=learn/curve")

    assert max(map(len, answer.lines)) <= columns


def test_json_has_every_forecast(iterun: Any, learnt: Any) -> None:
    learnt(n=12)

    [found] = json.loads(iterun("forecast", "@-1@10", "--json", "--gain", "0.05").out)

    assert (found["i"], found["horizon"], found["metric"]) == (10, 40, "acc")
    assert [one["i"] for one in found["forecasts"]] == list(range(3, 11))
    assert found["forecast"] == found["forecasts"][-1]
    assert found["rule"]["stopped"]["i"] <= 10


def test_a_run_that_can_not_be_looked_at_is_named_and_the_others_shown(
    iterun: Any, learnt: Any
) -> None:
    learnt("aaaa")
    learnt("bbbb", length=None)

    answer = iterun("forecast", "aaaa", "bbbb")

    assert answer.status == 0
    assert "aaaa" in answer.lines[0]
    assert "left out: bbbb has no length of its own" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gain", "x"], "'x' is not a number"), (["--gain", "-1"], "--gain -1 is not a pos"),
        (["--metric", "words"], "no direction is known; the objective of 3f9a1c2b is acc"),
        (["--goal", "up"], "neither min nor max"),
        (["--metric", "accu", "--goal", "max"], "no iteration of 3f9a1c2b has a finite 'accu'"),
        (["--horizon", "0"], "--horizon 0 is no iteration"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_hint(
    iterun: Any, learnt: Any, words: list[str], said: str
) -> None:
    learnt()

    answer = iterun("forecast", *words)

    assert answer.status == 2
    assert said in answer.err
    assert "hint:" in answer.err


COSTS = {
    "forecast/value": 0.9124, "forecast/low": 0.9049, "forecast/high": 0.9183,
    "forecast/horizon": 40, "saved_iterations": 18,
}  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "more", "phrase"),
    [
        ("forecast", {"forecast/within": 0.005}, "no more than 0.005 to gain"),
        ("unreachable", {"forecast/target": 0.95}, "stop.target=0.95 is out of reach"),
    ],
)
def test_show_and_watch_say_why_it_stopped(
    iterun: Any, learnt: Any, reason: str, more: dict[str, float], phrase: str
) -> None:
    learnt(n=22, reason=reason, costs=COSTS | more)
    said = f"forecast 0.9124 [0.9049, 0.9183] at iteration 40: {phrase}"

    shown, watched = iterun("show", "@-1"), iterun("watch", "@-1", "--once")

    assert said in " ".join(shown.out.split())
    assert said[:50] in watched.out
    assert "saved_iterations" in shown.out


def test_a_run_that_the_rule_stops_says_so(iterun: Any, monkeypatch: Any) -> None:
    monkeypatch.syspath_prepend(str(OWN))

    answer = iterun(
        "--config-dir", str(OWN / "conf"), "task=own/learning", "stop=forecast", "stop.gain=0.02"
    )

    assert answer.status == 0
    assert "forecast 0.894 [" in answer.err
    assert "at iteration 40: no more than 0.02 to gain" in answer.err
    assert "saved_iterations" in iterun("show", "@-1").out
    assert iterun("ls", "--columns", "id,saved_iterations").lines[1].split()[1] == "26"


def test_the_law_is_drawn_through_the_points_and_named(iterun: Any, learnt: Any) -> None:
    """Of a run at its end too, where nothing is left to forecast."""
    learnt(n=40, noise=0.05)

    plain, answer = iterun("plot"), iterun("plot", "--forecast")

    canvas = [one.out.partition("└")[0] for one in (plain, answer)]
    n_cells = [sum("\u2800" < char <= "\u28ff" for char in text) for text in canvas]
    assert n_cells[1] > n_cells[0] + 5
    assert answer.lines[-1] == "  dashed: power law"
    assert "dashed" not in plain.out
    assert "is at its end, and its power law comes to 0." in answer.err
    assert "forecast" not in answer.err


def test_plots_go_on_to_the_end_dashed(iterun: Any, learnt: Any) -> None:
    learnt()

    plain, answer = iterun("plot"), iterun("plot", "--forecast")

    assert answer.status == 0
    assert [text.split()[-1] for text in (plain.lines[-4], answer.lines[-5])] == ["20", "40"]
    drawn = ["".join(line[50:] for line in one.lines[1:6]).strip() for one in (plain, answer)]
    assert len(drawn[1]) > 20
    assert "note: forecast of acc, learn/curve: 0.894 [0.894, 0.894] at iteration 40" in answer.err
    assert "no confidence level" in answer.err
    assert answer.lines[-1] == "  dashed: power law and its band"


def test_pictures_have_the_law_and_the_band(iterun: Any, learnt: Any, tmp_path: Path) -> None:
    learnt()

    with picture._settings("light"):
        wanted = plot.Wanted(
            ["@-1"], [], "iteration", each=False, log_x=True, log_y=False, ahead=True
        )
        found = plot.read(wanted, outputs=None)
        [axes] = picture.figure(found, look.look(str(tmp_path / "a.png"))).axes

    line, law = axes.lines
    assert law.get_xdata()[-1] == 40
    assert len(axes.collections) == 1
    assert law._dash_pattern != line._dash_pattern
    shown = [text.get_text() for text in axes.get_legend().get_texts()]
    assert shown[-1] == "power law and its band"


def test_no_line_of_a_picture_is_drawn_as_a_law_is() -> None:
    assert picture._AHEAD["linestyle"] not in picture._DASHES


def test_points_have_the_law_too(iterun: Any, learnt: Any) -> None:
    learnt()

    found = json.loads(iterun("plot", "--forecast", "--json").out)

    ahead = found["lines"][0]["forecast"]
    assert (ahead["x"][-1], ahead["horizon"]) == (40.0, 40)
    assert ahead["low"][0] is None
    assert "forecast" not in json.loads(iterun("plot", "--json").out)["lines"][0]


@pytest.mark.slow
def test_looking_ahead_imports_no_more_than_it_needs(learnt: Any) -> None:
    learnt()
    heavy = {"torch", "transformers", "sklearn", "hydra", "omegaconf", "pandas", "matplotlib"}

    done = subprocess.run(
        [sys.executable, "-c", LOADED, "forecast", "@-1"], env={**os.environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert heavy & set(done.stderr.splitlines()[-1].split()) == set()
