import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.errors import ConfigError
from iterun.store import filters
from iterun.store.index import Index
from iterun.store.rows import MISSING, Row
from iterun.store.schema import encode

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()


def row(*, hours=0.0, state="completed", seed=1, model="opt-mini", system="prune/perp", **body):
    columns = (
        "aa11",
        system,
        system.split("/")[0],
        state,
        "2026",
        NOW - 3600 * hours,
        seed,
        model,
        None,
    )
    body = {"status": {"state": state}, "signature": "s", **body}
    return Row(Path("outputs"), "run", columns, encode(body).decode())


RUN = row(
    hours=30,
    parameters={"sparsity": 0.5, "mode": "retrain", "nm": None, "merge": True, "lr": 1e-4},
    last={"ppl": 25.0, "fd@4": math.inf, "lr": 5e-5},
    costs={"mb": 512.0},
    result={"remark": "A Good one"},
    best={"i": 3, "value": 24.5},
    tags=["paper", "best"],
    iterations=6,
)


@pytest.mark.parametrize(
    "words",
    [
        "task=prune/perp",
        "task=prune",
        "task=prune*",
        "task=*lth,*perp",
        "system~PERP",
        "task!=sample*",
        "sparsity=0.5",
        "sparsity=5e-1",
        "sparsity>0.4",
        "sparsity>=0.5",
        "sparsity<=0.5",
        "sparsity!=0.6",
        "sparsity=0.1,0.5",
        "mode=retrain",
        "mode=re*",
        "mode~TRAIN",
        "mode!=none",
        "nm=null",
        "merge=true",
        "merge!=False",
        "ppl<70",
        "fd@4>1e9",
        "fd@4=inf",
        "mb=512",
        "remark~good",
        "best<25",
        "seed=1,2,3",
        "iterations>5",
        "model=opt*",
        "data=null",
        "tag=paper",
        "tags~PAP",
        "tag!=draft",
        "status=completed",
        "status!=failed,lost",
        "state=comp*",
        "id=aa*",
        "since=2d",
        "since=31h",
        "before=1d",
        "since=1w",
        "since=2026-11-01",
        "before=2026-11-24T12:00:00+00:00",
        "lr=1e-4",
        "metrics.lr=5e-5",
        "task.lr=1e-4",
        "cost.mb>500",
        "absent=null",
        "sparsity > 0.4",
        "signature=s",
        "since=1900m",
    ],
)
def test_the_run_fits(words):
    assert filters.parse([words], now=NOW)(RUN)


@pytest.mark.parametrize(
    "words",
    [
        "task=sample*",
        "task=perp",
        "task!=prune",
        "sparsity>0.5",
        "sparsity<0.5",
        "sparsity!=0.5",
        "sparsity=half",
        "mode=Retrain",
        "mode>0.5",
        "merge=false",
        "merge>0",
        "nm=2:4",
        "nm!=null",
        "ppl>=70",
        "fd@4<1e9",
        "seed=2",
        "model=gpt*",
        "data=pydoc",
        "tag=draft",
        "tag!=paper",
        "status=failed",
        "since=1d",
        "before=2d",
        "since=2026-11-24",
        "absent!=1",
        "absent>0",
        "absent~x",
        "metrics.lr=1e-4",
        "best>25",
    ],
)
def test_the_run_does_not_fit(words):
    assert not filters.parse([words], now=NOW)(RUN)


@pytest.mark.parametrize(
    ("found", "word", "fits"),
    [
        (0.1 + 0.2, "x=0.3", True), (0.1 + 0.2, "x!=0.3", False), (0.3000001, "x=0.3", False),
        (1e-300, "x=0", False), (10**9 + 1, "x=1000000000", False), (10**400, "x=1.5", False),
        (math.inf, "x=1e308", False), (math.nan, "x=nan", True), (2, "x=2.0", True),
    ],
)  # fmt: skip
def test_floats_are_equal_up_to_rounding_and_whole_numbers_exactly(found, word, fits):
    assert filters.parse([word])(row(parameters={"x": found})) is fits


def test_a_run_has_to_fit_all_conditions():
    assert filters.parse(["sparsity>0.4", "ppl<70"], now=NOW)(RUN)
    assert not filters.parse(["sparsity>0.4", "ppl>70"], now=NOW)(RUN)
    assert filters.parse([], now=NOW)(RUN)


@pytest.mark.parametrize(
    ("word", "message", "hint"),
    [
        ("prune", "'prune' is no filter", "task=prune*"),
        ("", "'' is no filter", "NAME=VALUE"),
        ("=3", "is no filter", "NAME=VALUE"),
        ("since=yesterday", "names no time", "2d"),
        ("since>2d", "takes only =", "since=2d"),
        ("status=complete", "no state 'complete'", "completed"),
    ],
)
def test_what_is_no_filter_is_refused_with_an_example(word, message, hint):
    with pytest.raises(ConfigError) as caught:
        filters.parse([word], now=NOW)

    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_status == 2


def test_all_faults_of_a_line_are_told_together():
    with pytest.raises(ConfigError) as caught:
        filters.parse(["prune", "since=x", "task=prune"])

    assert len(caught.value.errors) == 2


def test_a_name_that_no_run_has_is_refused_with_the_nearest(make, outputs):
    make("aa11", parameters={"sparsity": 0.5}, last={"ppl_final": 28})

    with Index(outputs) as index, pytest.raises(ConfigError) as caught:
        index.rows(filters.parse(["sparsty>0.1", "ppl_fin<3"]))

    assert "sparsity" in caught.value.errors[1].hint
    assert "ppl_final" in caught.value.errors[0].hint


def test_a_name_that_only_other_runs_have_is_no_fault(make, outputs):
    make("aa11", parameters={"sparsity": 0.5})
    make("bb22", system="sample/dds", family="sample")

    with Index(outputs) as index:
        assert index.rows(filters.parse(["sparsity>0.1", "task=sample"])) == []


@given(st.text(max_size=12))
def test_any_word_is_a_filter_or_a_config_error(word):
    try:
        fits = filters.parse([word], now=NOW)
    except ConfigError:
        return
    fits(RUN)


values = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-5, 5)
    | st.sampled_from(["a", "NaN", "0.5"])
)


@given(
    found=st.lists(values, min_size=1, max_size=5),
    number=st.sampled_from([0.5, 1, 3.0, -2, 1e300, 0]),
    op=st.sampled_from(["=", "!=", ">", ">=", "<", "<="]),
    place=st.sampled_from(["parameters", "last"]),
)  # fmt: skip
def test_sqlite_lets_through_every_run_that_fits(found, number, op, place):
    from iterun.store import database

    fits = filters.parse([f"x{op}{number}"])
    condition, parameters = fits.sql()
    db = database.connect(None)
    for k, x in enumerate(found):
        body = encode({place: {"x": x}}).decode()
        db.execute(
            "INSERT INTO run (path, folder, mtime, final, body) VALUES (?,'',0,0,?)", [k, body]
        )
    through = {int(k) for (k,) in db.execute(f"SELECT path FROM run WHERE {condition}", parameters)}
    db.close()

    assert {k for k, x in enumerate(found) if fits(row(**{place: {"x": x}}))} <= through


def test_values_that_are_missing_come_last_in_their_order():
    values = [MISSING, 1, "b", 2, "a", float("nan")]

    assert filters.order(values, descending=True) == [3, 1, 2, 4, 0, 5]


def test_an_unknown_name_is_told():
    assert "'y'" in filters.unknown("y", [row(last={"x": 1})]).message
