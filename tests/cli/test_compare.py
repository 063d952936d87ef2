"""`iterun compare` as it is typed."""

import csv
import io
import json
from pathlib import Path

import pytest

from iterun.store.marks import set_tags

PPL = {
    ("a", 1): 21.0,
    ("a", 2): 22.0,
    ("a", 3): 23.5,
    ("b", 1): 20.0,
    ("b", 2): 20.5,
    ("b", 3): 21.0,
}


@pytest.fixture
def six(runs):
    """Two settings of three seeds; b is better."""
    for (mode, seed), ppl in PPL.items():
        made = f"2026-11-24T10:0{seed}:00+01:00"
        runs(f"{mode}{seed}000000", ppl=[30.0, ppl + 1, ppl], signature=mode, seed=seed,
             parameters={"mode": mode, "steps": 60}, created=made)  # fmt: skip


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_seeds_of_a_setting_are_one_row_the_best_first_with_a_star(iterun, six) -> None:
    answer = iterun("compare")

    assert answer.status == 0
    head, names, first, second = answer.lines
    assert head == (
        "prune/perp  ppl: smaller is better  2 settings, 6 runs  model opt-mini  data pydoc"
    )
    assert names.split()[:5] == ["mode", "n", "ppl", "95", "%"]
    assert first.split()[:6] == ["b", "3", "20.50", "*", "[20.00,", "21.00]"]
    assert second.split()[:3] == ["a", "3", "22.17"]


def test_without_words_it_says_which_runs_are_compared(iterun, six) -> None:
    assert "the newest system: task=prune/perp" in iterun("compare").err


def test_a_mean_of_a_choice_and_its_evaluation_is_remarked(iterun, six, runs) -> None:
    made = runs("a9000000", ppl=[30.0, 24.0], signature="a", seed=1000)
    set_tags(made, ["evaluation"])

    assert "tag=evaluation or tag!=evaluation" in iterun("compare", "task=prune").err
    assert "evaluation" not in iterun("compare", "task=prune", "tag!=evaluation").err


def test_the_newest_run_s_sweep_is_compared_alone(iterun, six, runs) -> None:
    for seed in (7, 8):
        runs(f"c{seed}000000", signature="c", seed=seed, sweep={"id": "s1", "job": seed},
             created="2026-11-24T11:00:00+01:00")  # fmt: skip

    answer = iterun("compare")

    assert "1 setting, 2 runs" in answer.lines[0]
    assert "the newest sweep: sweep=s1" in answer.err


def test_a_baseline_adds_difference_p_and_seeds_needed(iterun, six) -> None:
    """Differences -1, -1.5, -2.5: t = -1.667 / (0.764 / sqrt 3) = -3.78, p = 0.063."""
    answer = iterun("compare", "--baseline", "mode=a")

    assert "difference" in answer.lines[1]
    assert "-1.6667" in answer.lines[2]
    assert "0.063" in answer.lines[2]
    assert "baseline" in answer.lines[3]


@pytest.mark.parametrize("word", ["a2000000", "first"])
def test_a_baseline_is_named_by_a_run_or_is_the_first(iterun, six, word: str) -> None:
    answer = iterun("compare", "a1", "b1", "a2", "b2", "--baseline", word)

    assert "baseline" in next(line for line in answer.lines if line.startswith("a "))


def test_differences_without_spread_have_no_p_and_it_is_said(iterun, runs) -> None:
    for mode, ppl in (("a", 20.0), ("b", 21.0)):
        for seed in (1, 2):
            runs(f"{mode}{seed}000000", ppl=[30.0, ppl], signature=mode, seed=seed,
                 parameters={"mode": mode})  # fmt: skip

    answer = iterun("compare", "--baseline", "mode=a")

    assert "1 with the same difference at every seed: no spread to test by" in answer.err


def test_settings_without_a_common_seed_are_said(iterun, runs) -> None:
    runs("a1", signature="a", seed=1, parameters={"mode": "a"})
    runs("b1", signature="b", seed=2, parameters={"mode": "b"})

    assert "1 without a common seed" in iterun("compare", "--baseline", "mode=a").err


def test_a_baseline_that_all_settings_fit_is_said(iterun, six) -> None:
    answer = iterun("compare", "--baseline", "model=opt-mini")

    assert "--baseline model=opt-mini: no setting could be held against it" in answer.err


def test_csv_has_full_precision_and_empty_cells_where_nothing_is(iterun, six, runs) -> None:
    runs("c1000000", ppl=[1 / 3], signature="c", parameters={"mode": "c", "steps": 60})

    rows = table(iterun("compare", "--csv").out)

    assert [row["task.mode"] for row in rows] == ["c", "b", "a"]
    assert float(rows[0]["ppl"]) == 1 / 3
    assert rows[0]["ppl.low"] == ""
    assert (rows[1]["ppl.low"], rows[1]["ppl.high"], rows[1]["n"]) == ("20.0", "21.0", "3")
    assert rows[1]["runs"] == "b1000000 b2000000 b3000000"


def test_infinities_stand_in_csv_and_json_as_in_the_run_directory(iterun, runs) -> None:
    runs("a1000000", ppl=[30.0, float("inf")])

    assert table(iterun("compare", "--csv").out)[0]["ppl"] == "Infinity"
    [entry] = json.loads(iterun("compare", "--json").out)["entries"]
    assert entry["metrics"]["ppl"]["mean"] == "Infinity"
    assert entry["metrics"]["ppl"]["low"] is None


def test_json_holds_settings_runs_and_values(iterun, six) -> None:
    found = json.loads(iterun("compare", "--json").out)

    best, other = found["entries"]
    assert (best["best"], other["best"]) == (True, False)
    assert best["metrics"]["ppl"]["values"] == {"1": 20.0, "2": 20.5, "3": 21.0}
    assert [run["state"] for run in best["runs"]] == ["completed"] * 3


def test_markdown_is_a_table_with_the_best_in_bold(iterun, six) -> None:
    lines = iterun("compare", "--md").lines

    assert lines[2].startswith("| mode | n | ppl | 95 % | took |")
    assert lines[3].startswith("|---|---:|---:|")
    assert lines[4].startswith("| b | 3 | **20.50** | 20.00 to 21.00 |")


def test_markdown_of_a_stranger_s_text_is_text(iterun, runs) -> None:
    for k, name in enumerate(["a|b", "<img src=x>", "[x](http://y)"]):
        runs(f"a{k}000000", parameters={"mode": name}, signature=name)

    out = iterun("compare", "--md").out

    assert r"a\|b" in out
    assert r"\<img src=x\>" in out
    assert r"\[x\](http://y)" in out


@pytest.mark.slow
def test_parquet_reads_back(iterun, six, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")

    assert iterun("compare", "--parquet", str(tmp_path / "x.parquet")).status == 0

    frame = pandas.read_parquet(tmp_path / "x.parquet")
    assert list(frame["task.mode"]) == ["b", "a"]
    assert list(frame["ppl"]) == pytest.approx([20.5, 22.1666667])
    assert [path.name for path in tmp_path.glob("*parquet*")] == ["x.parquet"]


@pytest.mark.slow
def test_parquet_takes_parameters_of_several_types(iterun, runs, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    for k, value in enumerate([None, 0.5, "auto", [1, 2], True, {"a": 1}]):
        runs(f"a{k}000000", parameters={"lr": value}, signature=str(k))

    assert iterun("compare", "--parquet", str(tmp_path / "x.parquet")).status == 0

    found = pandas.read_parquet(tmp_path / "x.parquet")["task.lr"]
    assert {*found.dropna()} == {"0.5", "auto", "[1,2]", "true", '{"a":1}'}


def test_values_of_an_iteration_are_asked_for_and_missing_ones_stay_missing(iterun, runs) -> None:
    runs("a1000000", ppl=[30.0, 25.0, 20.0], signature="a", parameters={"mode": "a"})
    runs("b1000000", ppl=[31.0, 26.0], signature="b", parameters={"mode": "b"})

    rows = table(iterun("compare", "--at", "2", "--csv").out)

    assert [(row["task.mode"], row["ppl"]) for row in rows] == [("a", "20.0"), ("b", "")]
    assert rows[0]["seconds"] == "1.5"  # 0.5 each: of iterations 0, 1 and 2


def test_whole_numbers_beyond_64_bits_stand_in_parquet_as_text(
    iterun, runs, tmp_path: Path
) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    runs("a", signature="a", parameters={"k": 2**70})
    runs("b", signature="b", parameters={"k": 1})

    answer = iterun("compare", "--parquet", str(tmp_path / "x.parquet"), "--sort", "k")

    assert answer.status == 0
    assert list(pandas.read_parquet(tmp_path / "x.parquet")["task.k"]) == [str(2**70), "1"]
    assert [path.name for path in tmp_path.glob("*x.parquet")] == ["x.parquet"]


def test_a_mean_over_different_iterations_is_said(iterun, runs) -> None:
    runs("a1", seed=1)
    runs("a2", seed=2)

    answer = iterun("compare", "a1@1", "a2")

    assert "1 with means over different iterations" in answer.err
    assert "different iterations" not in iterun("compare", "a1@1", "a2@1").err


def test_an_iteration_that_no_run_has_is_said(iterun, runs) -> None:
    runs("a1")

    assert "no run that counts has recorded iteration 9" in iterun("compare", "--at", "9").err
    assert "recorded iteration" not in iterun("compare", "--at", "1").err


def test_one_run_s_own_iteration_is_named_with_it(iterun, six) -> None:
    rows = table(iterun("compare", "a1@1", "b1", "--csv").out)

    assert [row["ppl"] for row in rows] == ["20.0", "22.0"]


def test_failed_runs_are_counted_apart_and_said(iterun, six, runs) -> None:
    runs("b4000000", ppl=[900.0], signature="b", seed=4, state="failed",
         parameters={"mode": "b", "steps": 60})  # fmt: skip

    answer = iterun("compare")

    assert "20.50 *" in answer.lines[2]
    assert "1 failed" in answer.lines[2]
    assert "not in the means: 1 failed; --all-states counts them" in answer.err


def test_runs_by_themselves_have_ids_states_and_no_interval(iterun, six) -> None:
    answer = iterun("compare", "--runs", "-n", "2")

    assert answer.lines[1].split()[:5] == ["id", "state", "seed", "mode", "ppl"]
    assert answer.lines[2].split()[:6] == ["b1000000", "completed", "1", "b", "20.0", "*"]
    assert "2 of 6 runs of prune/perp" in answer.err


def test_each_system_has_a_block_of_its_own(iterun, six, runs) -> None:
    runs("c1000000", system="learn/mra", family="learn", signature="c", parameters={"to": 3},
         objective={"metric": "tokens", "goal": "max"})  # fmt: skip

    answer = iterun("compare", "seed=1,2,3")

    assert [line.split()[0] for line in answer.lines if "better" in line] == [
        "learn/mra", "prune/perp"
    ]  # fmt: skip


def test_arms_of_the_objective_are_shown_beside_it(iterun, runs) -> None:
    directory = runs("a1000000")
    config = json.loads((directory / "config.json").read_text())
    config["task"]["about"] = {"arms": {"ppl": ["wanda", "nobody_has"]}}
    (directory / "config.json").write_text(json.dumps(config))
    summary = json.loads((directory / "summary.json").read_text())
    summary["last"]["ppl_wanda"] = 27.0
    (directory / "summary.json").write_text(json.dumps(summary))

    names = iterun("compare").lines[1].split()

    assert "ppl_wanda" in names
    assert "ppl_nobody_has" not in names


def test_published_figures_stand_apart_with_what_they_do_not_share(iterun, six) -> None:
    answer = iterun("compare", "--paper")

    k = next(k for k, line in enumerate(answer.lines) if line.startswith("Published"))
    assert answer.lines[k - 1] == ""
    assert answer.lines[k + 1].split()[:2] == ["metric", "value"]
    assert "model" in answer.lines[k + 2]
    assert "published figures" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--metrics", "ppl_dens"], "did you mean ppl_dense"),
        (["--sort", "ppk"], "did you mean ppl"),
        (["--baseline", "mode=z"], "there is mode="),
        (["--baseline", "zzzz"], "no run is called 'zzzz'"),
        (["--at", "-1"], "iterations count from 0"),
        (["-n", "0"], "at least one row"),
        (["--csv", "--json"], "exclude one another"),
        (["--csv", "--paper"], "--json and --md have them"),
        (["mode=z"], "no run fits"),
        (["--parquet", "/nowhere/x.parquet"], "--parquet /nowhere/x.parquet"),
        (["--parquet", ""], "--parquet '' is no file"),
        (["--parquet", "/"], "--parquet '/' is no file"),
        (["--parquet", "~nobody-here/x.parquet"], "--parquet ~nobody-here/x.parquet"),
        (["@-1@9"], "has no iteration 9: its last one is 2"),
        (["@-1@0", "@-1"], "is named twice, with different iterations"),
        (["--baseline", "@-1@0"], "names an iteration, and --baseline takes whole runs"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(iterun, six, words: list[str], said: str) -> None:
    answer = iterun("compare", *words)

    assert answer.status == 2
    assert said in answer.err


def test_without_runs_it_says_how_to_make_one(iterun) -> None:
    answer = iterun("compare")

    assert answer.status == 0
    assert "iterun task=prune makes one" in answer.err


@pytest.mark.parametrize("form", ["--csv", "--json", "--md", "--runs"])
def test_a_stranger_s_escapes_reach_no_terminal(iterun, runs, form: str) -> None:
    for k in (1, 2):
        runs(f"a{k}000000", parameters={"mode": f"\x1b[31m{k}\u202e"}, signature=str(k),
             model="\x1b]0;x\x07")  # fmt: skip

    answer = iterun("compare", form)

    assert answer.status == 0
    if form in ("--json", "--md", "--runs"):
        assert "\x1b" not in answer.out
    assert "\x1b" not in answer.err


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_of_the_table_is_wider_than_the_screen(iterun, six, monkeypatch, width) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    answer = iterun("compare", "--baseline", "first", "--metrics", "all")

    assert max(map(len, answer.lines)) <= width
