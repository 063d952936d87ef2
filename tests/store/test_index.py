import os
import shutil
import sqlite3
import threading

import pytest
from hypothesis import given, settings
from strategies import objects, records, statuses, summaries

from iterun.errors import ConfigError, StoreError
from iterun.store import filters
from iterun.store.index import Index
from iterun.store.reader import RunView
from iterun.store.rows import MISSING, row_of
from iterun.store.schema import RunRecord, encode
from iterun.store.writer import RunWriter


def ids(outputs, *words, **how):
    with Index(outputs) as index:
        return [row.id for row in index.rows(filters.parse(words), **how)]


@pytest.fixture
def settle(outputs):
    """Make all folders older than the moments that time stamps can't tell apart."""

    def settle(seconds=100):
        for folder, _, _ in os.walk(outputs):
            now = os.stat(folder).st_mtime
            os.utime(folder, (now, now - seconds))

    return settle


@pytest.fixture
def opened(monkeypatch):
    """The run directories that were read."""
    seen = []
    read = RunRecord.from_json.__func__
    monkeypatch.setattr(
        RunRecord, "from_json", classmethod(lambda cls, d: (seen.append(d["id"]), read(cls, d))[1])
    )
    return seen


def test_runs_are_listed_newest_first(make, outputs):
    for day, name in ((3, "cc"), (1, "aa"), (2, "bb")):
        make(name, created=f"2026-11-0{day}T10:00:00+01:00")

    assert ids(outputs) == ["cc", "bb", "aa"]
    assert ids(outputs, limit=2) == ["cc", "bb"]


def test_zones_are_told_apart(make, outputs):
    make("early", created="2026-11-01T23:00:00+09:00")
    make("late", created="2026-11-01T16:00:00+01:00")

    assert ids(outputs) == ["late", "early"]


def test_a_row_has_what_the_run_directory_says(make, outputs):
    directory = make(
        "aa11",
        parameters={"sparsity": 0.5},
        last={"ppl": float("inf")},
        result={"ppl_final": 28},
        costs={"mb": 512.0},
        best={"i": 2, "value": 28},
    )

    with Index(outputs) as index:
        (row,) = index.rows()

    assert (row.path, row.state, row.iterations, row.seconds) == (directory, "completed", 3, 1.5)
    assert [row.get(k) for k in ("sparsity", "ppl", "ppl_final", "mb")] == [
        0.5,
        float("inf"),
        28,
        512,
    ]
    assert (row.tags, row.best, row.seed) == (["first"], {"i": 2, "value": 28}, 1)
    assert encode(row.to_json())


def test_a_run_without_a_summary_has_the_parameters_of_its_config(writer, outputs):
    with Index(outputs) as index:
        (row,) = index.rows()

    assert row.state == "running"
    assert (row.get("sparsity"), row.get("model"), row.seconds) == (0.5, "opt-mini", None)


def test_what_a_system_says_of_itself_is_no_parameter(outputs):
    task = {"_target_": "x.Y", "about": {"system": "a/b"}, "objective": {}, "rate": 1.0}
    record = RunRecord(
        id="f", system="a/b", family="a", signature="s", seed=0, created="2026-01-01T00:00:00+00:00"
    )
    RunWriter.create(outputs / "a/b/f", record=record, config={"task": task}).close()

    assert row_of(outputs / "a/b/f").parameters == {"rate": 1.0, "seed": 0}


def test_no_outputs_are_no_runs_and_none_are_made(outputs):
    assert ids(outputs) == []
    assert not outputs.exists()


def test_finished_runs_are_read_once(make, outputs, settle, opened):
    make("aa11"), make("bb22", state="failed")
    settle()
    assert len(ids(outputs)) == 2

    opened.clear()

    assert len(ids(outputs)) == 2
    assert opened == []


def test_a_new_run_is_found_beside_known_ones(make, outputs, settle, opened):
    make("aa11")
    settle()
    ids(outputs)
    opened.clear()

    make("bb22")
    opened.clear()

    assert sorted(ids(outputs)) == ["aa11", "bb22"]
    assert opened == ["bb22"]


def test_a_run_that_goes_on_is_looked_at_again(writer, outputs, settle):
    settle()
    ids(outputs)

    writer.status("completed", iteration=9)

    with Index(outputs) as index:
        assert [(row.state, row.iterations) for row in index.rows()] == [("completed", 9)]


def test_a_finished_run_that_is_resumed_is_looked_at_again(make, outputs, settle):
    directory = make("aa11", state="interrupted")
    settle()
    assert ids(outputs, "status=interrupted") == ["aa11"]

    with RunWriter.reopen(directory):
        assert ids(outputs, "status=running") == ["aa11"]


def test_a_killed_run_is_lost_in_the_next_list(outputs, child):
    process = child("write_until_killed", outputs / "prune/perp/run")
    process.stdout.readline()
    assert ids(outputs, "status=running") == ["3f2a9c1e"]

    process.kill()
    process.wait()

    assert ids(outputs, "status=lost") == ["3f2a9c1e"]
    assert ids(outputs, "status=running") == []


def test_deleted_runs_and_folders_go(make, outputs, settle):
    shutil.rmtree(make("aa11"))
    make("bb22", system="sample/dds", family="sample"), make("cc33")
    settle()
    assert sorted(ids(outputs)) == ["bb22", "cc33"]

    shutil.rmtree(outputs / "sample")

    assert ids(outputs) == ["cc33"]


def test_runs_are_found_at_other_depths(make, outputs):
    shutil.move(make("aa11"), outputs / "flat")
    shutil.move(make("bb22"), outputs / "prune" / "mine")
    shutil.move(make("cc33"), outputs / ".hidden")

    assert sorted(ids(outputs)) == ["aa11", "bb22"]


def test_a_run_that_is_just_being_made_is_passed_over_until_it_is_one(outputs, settle, make):
    directory = outputs / "prune/perp/20261124-101500-opt-mini-aa11"
    (directory / ".hydra").mkdir(parents=True)
    settle()
    assert ids(outputs) == []

    make("aa11")

    assert ids(outputs) == ["aa11"]


def test_linked_runs_are_not_listed_twice(make, outputs):
    (outputs / "prune").mkdir(parents=True)
    (outputs / "prune/again").symlink_to(make("aa11"))
    (outputs / "prune/loop").symlink_to(outputs)

    assert ids(outputs) == ["aa11"]


def test_an_unreadable_run_hides_no_other(make, outputs):
    make("aa11")
    (make("bb22") / "run.json").write_bytes(b"\0")
    (make("cc33", created="yesterday"))

    with Index(outputs) as index:
        assert [row.id for row in index.rows()] == ["aa11"]
        faults = sorted(problem.message for problem in index.problems)

    assert ["aa11" in fault for fault in faults] == [False, False]
    assert all("run.json can't be read" in fault for fault in faults)


def test_a_mended_run_is_listed_again(make, outputs, settle):
    path = make("aa11") / "run.json"
    whole = path.read_bytes()
    path.write_bytes(b"{")
    settle()
    assert ids(outputs) == []

    path.write_bytes(whole)

    assert ids(outputs) == ["aa11"]


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\0" + b"\1" * 5000])
def test_a_corrupt_index_is_built_anew(make, outputs, content):
    make("aa11")
    (outputs / ".index.sqlite").write_bytes(content)

    assert ids(outputs) == ["aa11"]
    assert ids(outputs) == ["aa11"]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE run",
        "DROP TABLE folder",
        "PRAGMA user_version=99",
        "ALTER TABLE run DROP COLUMN error",
    ],
)
def test_an_index_with_other_tables_is_built_anew(make, outputs, statement):
    make("aa11")
    ids(outputs)
    with sqlite3.connect(outputs / ".index.sqlite") as db:
        db.execute(statement)
    db.close()

    assert ids(outputs) == ["aa11"]


def test_an_index_that_breaks_inside_is_built_anew(make, outputs, settle):
    for n in range(60):
        make(f"run{n}", lines=1)
    settle()
    assert len(ids(outputs)) == 60
    with open(outputs / ".index.sqlite", "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (file.seek(0, os.SEEK_END) - 4096))

    assert len(ids(outputs)) == 60


def test_an_index_that_cannot_be_a_file_goes_to_the_cache(make, outputs, tmp_path):
    make("aa11")
    (outputs / ".index.sqlite").mkdir()

    assert ids(outputs) == ["aa11"]
    assert list((tmp_path / "cache/index").glob("*.sqlite"))


def test_processes_may_build_the_index_at_once(make, outputs, child):
    for n in range(50):
        make(f"run{n}", lines=1)

    processes = [child("list_runs", outputs) for _ in range(4)]

    assert [process.stdout.read() for process in processes] == ["50\n"] * 4
    assert len(ids(outputs)) == 50


def test_runs_may_be_deleted_and_made_while_they_are_listed(make, outputs):
    for n in range(40):
        make(f"run{n}", lines=1)
    done = threading.Event()

    def churn():
        for n in range(40):
            shutil.rmtree(next(outputs.glob(f"*/*/*-run{n}")))
            make(f"new{n}", lines=1)
        done.set()

    thread = threading.Thread(target=churn)
    thread.start()
    while not done.is_set():
        assert len(ids(outputs)) <= 80
    thread.join()
    assert sorted(ids(outputs)) == sorted(f"new{n}" for n in range(40))


def test_rows_are_sorted_by_any_name(make, outputs):
    for name, ppl in (("aa", 3.0), ("bb", float("inf")), ("cc", float("nan")), ("dd", 10)):
        make(name, last={"ppl": ppl})
    make("none")

    assert ids(outputs, sort="ppl")[:3] == ["bb", "dd", "aa"]
    assert ids(outputs, sort="ppl", descending=False)[:3] == ["aa", "dd", "bb"]
    assert ids(outputs, sort="id", descending=False) == ["aa", "bb", "cc", "dd", "none"]


def test_an_unknown_name_to_sort_by_is_refused(make, outputs):
    make("aa11", parameters={"sparsity": 0.5})

    with pytest.raises(ConfigError, match="'sparsty'") as caught:
        ids(outputs, sort="sparsty")

    assert "sparsity" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("3f2a9c1e", ("3f2a9c1e", None)),
        ("3f2", ("3f2a9c1e", None)),
        ("3f2@7", ("3f2a9c1e", 7)),
        ("@-1", ("b0000000", None)),
        ("@-2", ("3f2a9c1e", None)),
        ("@-2@12", ("3f2a9c1e", 12)),
        ("second", ("b0000000", None)),
        ("20261124-101500-opt-mini-3f2a9c1e", ("3f2a9c1e", None)),
    ],
)
def test_a_run_is_found_by_its_short_names(make, outputs, name, expected):
    make("3f2a9c1e", created="2026-11-01T10:00:00+01:00")
    other = make("b0000000", created="2026-11-02T10:00:00+01:00")
    (other / "config.json").write_bytes(b'{"tags":["second"]}')

    with Index(outputs) as index:
        path, iteration = index.resolve(name)

    assert (RunView(path).id, iteration) == expected


def test_a_run_is_found_by_its_path(make, outputs, monkeypatch):
    directory = make("aa11")
    with Index(outputs) as index:
        assert index.resolve(str(directory)) == (directory, None)
        assert index.resolve(f"{directory}@3") == (directory, 3)

        monkeypatch.chdir(directory)
        assert index.resolve(".")[0].samefile(directory)


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("3f2a9c1f", "no run is called '3f2a9c1f'", "did you mean 3f2a9c1e"),
        ("zzz", "no run is called", "`iterun ls`"),
        ("3", "may be 2 runs: ", "type more"),
        ("first", "may be 2 runs: ", "type more"),
        ("@-3", "there is no run @-3", "`iterun ls`"),
        ("@-0", "names no run", "@-1 is the newest"),
        ("@1", "names no run", "@-1 is the newest"),
        ("", "no run is called ''", "`iterun ls`"),
        ("@-99999999999999999999", "names no run", "@-1"),
        ("%", "no run is called '%'", "`iterun ls`"),
        ("./nowhere", "no such folder", "`iterun ls`"),
    ],
)
def test_a_name_of_no_or_several_runs_is_refused(make, outputs, name, message, hint):
    make("3f2a9c1e"), make("3f770000")

    with Index(outputs) as index, pytest.raises(StoreError) as caught:
        index.resolve(name)

    assert message in caught.value.message
    assert hint in caught.value.hint


def test_copies_of_a_run_are_told_by_their_paths(make, outputs):
    shutil.copytree(make("aa11"), outputs / "prune/perp/copy")

    with Index(outputs) as index, pytest.raises(StoreError) as caught:
        index.resolve("aa11")

    assert str(outputs / "prune/perp/copy") in caught.value.hint


def test_a_run_elsewhere_is_not_found_by_a_deleted_path(make, outputs):
    directory = make("aa11")
    shutil.rmtree(directory)

    with Index(outputs) as index, pytest.raises(StoreError, match="no such folder"):
        index.resolve(str(directory))


@settings(max_examples=60)
@given(record=records, summary=summaries, status=statuses, config=objects)
def test_whatever_a_run_directory_says_it_is_listed_or_named(
    tmp_path_factory, record, summary, status, config
):
    directory = tmp_path_factory.mktemp("outputs") / "prune/perp/run"
    directory.mkdir(parents=True)
    record.created = "2026-11-24T10:00:00+01:00"
    contents = {"run": record, "summary": summary, "status": status}
    for name, content in contents.items():
        (directory / f"{name}.json").write_bytes(encode(content.to_json()))
    (directory / "config.json").write_bytes(encode(config))

    with Index(directory.parents[2]) as index:
        names = [*summary.last, *summary.parameters, "id"]
        for name in names:
            rows = index.rows(sort=name if rows_have(index, name) else None)
            assert len(rows) + len(index.problems) == 1
        assert [encode(row.to_json()) for row in rows] or index.problems
        assert all(row.seed == record.seed for row in rows)


def rows_have(index, name):
    return any(row.get(name) is not MISSING for row in index.rows())


def test_folders_with_names_that_are_no_text_are_passed_over(make, outputs):
    make("aa11")
    os.mkdir(os.fsencode(outputs / "prune/perp/") + b"\xff\xfe")

    assert ids(outputs) == ["aa11"]


def test_a_run_is_found_by_its_path_below_outputs(make, outputs):
    directory = make("aa11")

    with Index(outputs) as index:
        assert index.resolve(str(directory.relative_to(outputs))) == (directory, None)


@pytest.mark.parametrize(
    ("word", "found"), [("status=comp*", ["aa11"]), ("status=?ailed", ["bb22"]), ("status=l*", [])]
)
def test_states_are_found_by_glob(make, outputs, word, found):
    make("aa11")
    make("bb22", state="failed")

    with Index(outputs) as index:
        assert [row.id for row in index.rows(filters.parse([word]))] == found


@pytest.mark.parametrize("name", ["x" * 300, f"{'x' * 300}/run", "a\0b"])
def test_a_name_that_no_folder_can_have_names_no_run(make, outputs, name):
    make("aa11")

    with Index(outputs) as index, pytest.raises(StoreError):
        index.resolve(name)
