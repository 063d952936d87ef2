"""A tuning score never passes for the result: the evaluation stands beside it, and first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iterun.analysis.report import gather
from iterun.analysis.report.gather import Report
from iterun.store import selections, sweeps
from iterun.store.marks import set_tags
from iterun.store.rows import row_of
from iterun.store.selections import Selection
from iterun.store.sweeps import JobRecord

CHOICE = Selection(
    system="prune/perp", signature="s5", label="sparsity=0.5", role="chosen", metric="ppl",
    goal="min", among=2, tuning_seeds=[1, 2], tuning_runs=["t1", "t2"], tuning_sweeps=["tuned"],
    seeds=[1000, 1001],
)  # fmt: skip


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


@pytest.fixture(params=["llm", "program"])
def runs(make: Callable, outputs: Path, request: pytest.FixtureRequest) -> dict[str, Path]:
    """Two tuned settings; the better one evaluated on two fresh seeds, which are worse."""
    who = {"model_kind": request.param}
    setting: dict[str, Any] = {"signature": "s5", "parameters": {"sparsity": 0.5} | who}
    found = {f"t{n}": make(f"t{n}", seed=n, ppl=[30.0, 10.0 + n], **setting) for n in (1, 2)}
    found["u1"] = make("u1", ppl=[30.0, 25.0], signature="s6", parameters={"sparsity": 0.6} | who)
    for n in range(2):
        id = f"e{n}"
        found[id] = make(
            id, seed=1000 + n, ppl=[30.0, 20.0 + n], sweep={"id": "fresh", "job": n}, **setting
        )
        set_tags(found[id], ["evaluation"])
    for sweep, prefix in (("tuned", "t"), ("fresh", "e")):
        (outputs / ".sweeps" / sweep / sweeps.JOBS).mkdir(parents=True)
        own = [id for id in found if id.startswith(prefix)]
        for n, id in enumerate(own):
            job = JobRecord(number=n, run=id, directory=str(found[id]), state="completed")
            sweeps.write_job(outputs / ".sweeps" / sweep, job)
    selections.write(outputs / ".sweeps" / "fresh", CHOICE)
    return found


def read(outputs: Path, directories: Any) -> Report:
    return gather.read([row_of(path) for path in directories], asked=[], outputs=outputs)


def cells(report: Report) -> dict[str, str]:
    [one] = report.systems[0].evaluations
    return {column.head: column.cells[0].text for column in one.columns}


@pytest.mark.parametrize("ids", [["t1", "t2", "u1"], ["e0", "e1"], ["t1", "e0"]])
def test_whichever_runs_are_asked_for_both_scores_are_shown(
    runs: dict[str, Path], outputs: Path, ids: list[str]
) -> None:
    found = cells(read(outputs, [runs[id] for id in ids]))

    assert (found["evaluation: the result"], found["tuning: chosen by"]) == ("20.5", "11.5")
    assert (found["setting"], found["seeds"], found["drop"]) == ("sparsity=0.5", "2", "9")


def test_fresh_seeds_are_in_no_mean_of_tuning_seeds(runs: dict[str, Path], outputs: Path) -> None:
    groups = read(outputs, runs.values()).systems[0].groups

    means = next(column for column in groups.columns if column.kind == "mean")
    assert [cell.text for cell in means.cells] == ["11.5", "25.0"]


def test_the_page_says_what_the_tuning_scores_are(
    runs: dict[str, Path], outputs: Path, html: Callable
) -> None:
    text = html(*runs.values(), outputs=outputs)

    assert text.index("Evaluation <small>") < text.index("Settings on tuning seeds")


def test_runs_outside_the_outputs_are_not_read(
    runs: dict[str, Path], outputs: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").symlink_to(runs["t1"])
    runs["t2"].rename(tmp_path / "moved")
    job = JobRecord(number=1, run="t2", directory=str(tmp_path / "moved"), state="completed")
    sweeps.write_job(outputs / ".sweeps" / "tuned", job)

    assert cells(read(outputs, [runs["e0"]]))["tuning: chosen by"] == "11"


def test_other_runs_have_no_evaluation(
    make: Callable, runs: dict[str, Path], outputs: Path
) -> None:
    other = make("other", signature="s9")

    assert read(outputs, [other, runs["u1"]]).systems[0].evaluations == []
