"""`iterun plot`: in the terminal, as a picture, as points."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

NAN, INF = float("nan"), float("inf")
MARKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.fixture
def seeds(runs: Callable[..., Path]) -> None:
    """Two settings, three seeds each."""
    for n, sparsity in enumerate((0.5, 0.7)):
        for seed in (1, 2, 3):
            ppl = [40.0 + 5 * n + seed, 30.0 + 5 * n + 2 * seed, 25.0 + 5 * n + seed]
            runs(f"r{n}s{seed}", ppl=ppl, seed=seed, signature=f"s{n}",
                 parameters={"sparsity": sparsity})  # fmt: skip


@pytest.fixture
def drawn(tmp_path: Path, seeds: None) -> Iterator[Callable[..., Any]]:
    """The figure of matplotlib that a line draws."""
    from iterun.cli import look, picture, plot

    with picture._settings("light"):

        def figure(*words: str, each: bool = False) -> Any:
            wanted = plot.Wanted(words, [], "iteration", each, log_x=False, log_y=False)
            wished = look.look(str(tmp_path / "a.png"))
            return picture.figure(plot.read(wanted, outputs=None), wished)

        yield figure


def pixels(path: Path) -> Any:
    from matplotlib import image

    return image.imread(path)


def test_the_objective_of_the_newest_run_is_drawn(iterun, runs):
    runs(ppl=[30.0, 25.0, 20.0])

    answer = iterun("plot")

    assert answer.status == 0
    assert answer.lines[0].split() == ["ppl", "lower", "is", "better"]
    assert any("⠉" <= char <= "⣿" for char in answer.out)
    assert "prune/perp  3f9a1c2b, seed 1  20" in answer.out


def test_lines_are_told_apart_by_letters_and_seeds_are_one_line(iterun, seeds):
    answer = iterun("plot", "task=prune")

    *plot, _, _, first, second = answer.lines
    assert {char for line in plot[1:] for char in line} >= {"A", "B"}
    assert first.split()[:4] == ["A", "sparsity=0.5", "3", "seeds"]
    assert second.split()[:4] == ["B", "sparsity=0.7", "3", "seeds"]
    assert "27.33" not in first
    assert "27 [26, 28]" in first


def test_each_run_may_have_its_line(iterun, seeds):
    answer = iterun("plot", "task=prune", "--each")

    assert [line.split()[0] for line in answer.lines[-6:]] == list("ABCDEF")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_screen(iterun, seeds, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))

    answer = iterun("plot", "task=prune", "ppl", "tokens", "--logx")

    assert answer.status == 0
    assert max(map(len, answer.lines)) in range(columns - 2, columns + 1)


def test_a_pipe_gets_100_cells_and_no_escapes(iterun, seeds, monkeypatch):
    monkeypatch.delenv("COLUMNS")

    answer = iterun("plot", "task=prune")

    assert max(map(len, answer.lines)) <= 100
    assert "\x1b" not in answer.out


def test_without_unicode_a_plot_is_ascii(runs, tmp_path):
    import subprocess
    import sys

    runs(ppl=[30.0, 25.0, 20.0])
    done = subprocess.run(
        [sys.executable, "-m", "iterun", "plot", "--outputs", str(tmp_path / "outputs")],
        env={"PYTHONIOENCODING": "ascii", "PATH": ""}, capture_output=True, check=True,
    )  # fmt: skip

    assert done.stdout.isascii()
    assert b"'" in done.stdout


def test_the_height_can_be_given(iterun, runs):
    runs()

    lines = iterun("plot", "--height", "5").lines

    assert sum(line.rstrip()[:6].endswith(("│", "┤")) or "│" in line or "┤" in line
               for line in lines) == 5  # fmt: skip


@pytest.mark.parametrize(
    ("value", "label"), [(0.0775, "0.08"), (-0.0775, "-0.08"), (3e5, "300000"), (0.0, "0.0")]
)
def test_a_constant_stands_on_an_axis_of_its_size(iterun, runs, value, label):
    runs(ppl=[value] * 3)

    labels = [line.partition("┤")[0].strip() for line in iterun("plot").lines if "┤" in line]

    assert label in labels


def test_what_is_not_finite_is_a_gap_and_told(iterun, runs):
    runs(ppl=[30.0, NAN, INF, 20.0])

    answer = iterun("plot")

    assert "ppl is not finite at 2 points: gaps there" in answer.err


@pytest.mark.parametrize(
    "ppl",
    [
        [5.0], [5.0] * 3, [-1.7e308, 1.7e308, 0.0], [5e-324, 1e-323], [NAN, INF], [2.0**60] * 2,
        [1e-300, 1e300], [-3.0, 5.0],
    ],
)  # fmt: skip
@pytest.mark.parametrize("option", ["--logy", "--each"])
def test_every_range_of_numbers_can_be_drawn(iterun, runs, ppl, option):
    runs(ppl=ppl)

    answer = iterun("plot", option, "--height", "6")

    assert answer.status == 0
    assert max(map(len, answer.lines)) <= 100


@pytest.mark.parametrize("words", [[], ["@-1", "seconds", "--x", "ppl"]])
def test_a_picture_leaves_out_and_tells_what_would_overflow(iterun, runs, tmp_path, words):
    runs(ppl=[-1.7e308, 1.0, 2.0])

    answer = iterun("plot", *words, "--out", str(tmp_path / "a.png"), "--size", "2x2")

    assert answer.status == 0
    assert "1 point beyond 1e±300 left out of the picture" in answer.err


@pytest.mark.parametrize("value", ["0.0", "NaN", "-1.0", "Infinity"])
def test_nothing_is_drawn_across_a_gap(iterun, runs, value):
    runs(ppl=[10.0, 10.0, float(value), 10.0, 10.0])

    lines = iterun("plot", "--logy", "--height", "3").lines

    (drawn,) = [line for line in lines if any("⠀" < char <= "⣿" for char in line)]
    assert " " not in drawn[4:28].strip()
    assert drawn[30:74].strip() == ""
    assert " " not in drawn[76:].strip()


def test_iterations_are_whole_numbers_on_the_axis(iterun, runs):
    runs(ppl=[3.0, 2.0, 1.0])

    assert iterun("plot").lines[18].split() == ["0", "1", "iteration", "2"]


def test_a_log_axis_says_what_it_leaves_out(iterun, runs):
    runs(ppl=[-1.0, 10.0, 1000.0])

    answer = iterun("plot", "--logy")

    assert "1 point of ppl left out" in answer.err
    assert "logarithmic" in answer.lines[0]


def test_time_and_metrics_may_go_to_the_right(iterun, runs):
    runs()

    assert "seconds since the beginning" in iterun("plot", "--x", "seconds").out
    assert "tokens" in iterun("plot", "--x", "tokens").out


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["ppk"], "'ppk' is neither a run nor a metric", "did you mean ppl?"),
        (["--metric", "tokns"], "none of these runs has 'tokns'", "did you mean tokens?"),
        (["--x", "tim"], "none of these runs has 'tim'", "they have ppl"),
        (["--height", "1"], "--height 1", "as in --height 20"),
        (["--out", "a.gif"], "--out a.gif: a picture is a .png, .svg or .pdf", "--out a.png"),
        (["--out", "no/a.png"], "there is no folder no", "mkdir -p no"),
        (["--out", "a.png", "--style", "drak"], "--style drak", "--style dark"),
        (["--out", "a.png", "--size", "3"], "--size 3", "as in --size 6x4"),
        (["--size", "6x4"], "--style and --size are of a picture", "add --out plot.png"),
    ],
)
def test_what_can_not_be_drawn_is_refused_with_a_next_step(iterun, runs, words, message, hint):
    runs()

    answer = iterun("plot", *words)

    assert answer.status == 2
    assert message in answer.err
    assert hint in answer.err


def test_a_word_unlike_any_run_is_taken_for_a_metric(iterun, runs):
    runs("nseulnti")

    assert "hint: they have ppl, tokens" in iterun("plot", "nseulnti", "nometric").err
    assert "did you mean nseulnti?" in iterun("plot", "nseulnti", "nseulmta").err


def test_a_word_that_is_a_run_and_a_metric_is_told_apart_by_an_option(iterun, runs):
    runs("ppl")

    assert "--metric ppl" in iterun("plot", "ppl").err
    assert iterun("plot", "@-1", "--metric", "ppl").status == 0


def test_a_name_of_several_runs_is_no_metric(iterun, seeds):
    assert "'r0' may be 3 runs" in iterun("plot", "r0").err


def test_escapes_and_mathematics_in_names_are_neutralised(iterun, runs, tmp_path):
    for n, word in enumerate(["\x1b[31m", "$\\frac{", "_漢$x^2$"]):
        runs(f"r{n}", signature=word, parameters={"criterion": word})

    answer = iterun("plot", "task=prune")
    picture = iterun("plot", "task=prune", "--out", str(tmp_path / "a.svg"))

    assert "\x1b" not in answer.out
    assert "criterion=\\x1b[31m" in answer.out
    assert picture.status == 0
    assert "criterion=_漢$x^2$" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_the_points_are_those_that_are_drawn(iterun, seeds):
    table = iterun("plot", "task=prune", "--csv").lines
    found = json.loads(iterun("plot", "task=prune", "--json").out)

    assert table[0] == "metric,line,runs,seeds,n,i,iteration,value,low,high"
    assert table[3] == "ppl,sparsity=0.5,r0s1 r0s2 r0s3,1 2 3,3,2,2.0,27.0,26.0,28.0"
    assert len(table) == 7
    assert found["lines"][1]["value"] == [47.0, 39.0, 32.0]


def test_points_without_an_interval_have_none(iterun, runs):
    runs(ppl=[3.0, NAN])

    assert iterun("plot", "--csv").lines[1:] == [
        "ppl,prune/perp,3f9a1c2b,1,1,0,0.0,3.0,,",
        "ppl,prune/perp,3f9a1c2b,1,1,1,1.0,nan,,",
    ]
    assert json.loads(iterun("plot", "--json").out)["lines"][0]["low"] == [None, None]


def test_a_picture_has_a_line_and_a_band_for_each_setting(drawn):
    (ax,) = drawn("task=prune").axes

    assert [len(line.get_xdata()) for line in ax.get_lines()] == [3, 3]
    assert len(ax.collections) == 2
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("ppl", "iteration")


def test_lines_of_a_picture_differ_in_more_than_colour(drawn):
    lines = drawn("task=prune").axes[0].get_lines()

    assert len({line.get_linestyle() for line in lines}) == 2
    assert len({line.get_marker() for line in lines}) == 2


def test_seeds_drawn_each_share_the_colour_of_their_setting(drawn):
    lines = drawn("task=prune", each=True).axes[0].get_lines()

    assert len(lines) == 6
    assert len({line.get_color() for line in lines}) == 2


def test_several_metrics_are_panels_with_one_legend(drawn):
    figure = drawn("task=prune", "ppl", "tokens", "seconds")

    labels = [ax.get_ylabel() for ax in figure.axes if ax.get_lines()]
    assert labels == ["ppl", "tokens", "seconds an iteration"]
    texts = [t.get_text() for ax in figure.axes if ax.get_legend() for t in ax.get_legend().texts]
    assert texts == ["sparsity=0.5", "sparsity=0.7"]


def test_a_unit_that_a_name_bears_stands_at_the_axis():
    from iterun.cli.picture import axis_name

    names = ["latency_ms", "peak_mem_mb", "tokens_per_s", "lr", "_ms", "sparsity"]
    assert [axis_name(name) for name in names] == [
        "latency (ms)", "peak_mem (MB)", "tokens_per_s", "lr", "_ms", "sparsity",
    ]  # fmt: skip


def test_two_seeds_look_unlike_one(iterun, runs, tmp_path):
    runs("a", ppl=[30.0, 20.0], seed=1)
    runs("b", ppl=[34.0, 24.0], seed=2)

    for words in (["a"], ["task=prune"]):
        iterun("plot", *words, "--out", str(tmp_path / f"{len(words[0])}.png"), "--size", "3x2")
    one, two = (pixels(tmp_path / name) for name in ("1.png", "10.png"))

    assert (one[..., :3] < 0.9).any(axis=2).mean() > 0.01
    shaded = [((p[..., 2] - p[..., 0]) > 0.1).mean() for p in (one, two)]  # bluish
    assert shaded[1] > 3 * shaded[0]


def test_a_dark_picture_is_dark(iterun, runs, tmp_path):
    runs()

    iterun("plot", "--out", str(tmp_path / "a.png"), "--style", "dark", "--size", "2x2")

    assert pixels(tmp_path / "a.png")[..., :3].mean() < 0.2


@pytest.mark.parametrize(
    ("kind", "begin"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("PNG", b"\x89P")]
)
def test_a_picture_is_written_whole_and_nothing_beside_it(iterun, runs, tmp_path, kind, begin):
    runs()
    (tmp_path / "pictures").mkdir()
    file = tmp_path / "pictures" / f"a.{kind}"

    answer = iterun("plot", "--out", str(file), "--size", "2x2")

    assert answer.out.strip() == str(file)
    assert file.read_bytes().startswith(begin)
    assert list(file.parent.iterdir()) == [file]


def test_a_log_axis_of_a_picture_has_plain_numbers(iterun, runs, tmp_path):
    runs(ppl=[1.0, 10.0, 1000.0])

    iterun("plot", "--out", str(tmp_path / "a.svg"), "--logy")

    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert ">1000<" in text.replace("\n", "")


def test_an_iteration_ends_a_line(iterun, runs):
    runs(ppl=[5.0, 4.0, 3.0, 2.0])

    assert len(iterun("plot", "3f9a@2", "--csv").lines) == 4


def test_runs_without_an_objective_ask_for_a_metric(iterun, runs):
    runs(objective=None)

    assert "say which metric to plot" in iterun("plot").err
    assert iterun("plot", "tokens").status == 0


def test_nothing_to_draw_is_said(iterun, runs):
    runs(ppl=[])

    assert "there is nothing to draw: no iteration of these runs has ppl" in iterun("plot").err
