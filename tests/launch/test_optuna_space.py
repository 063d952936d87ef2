"""A line taken apart: what stays, what may vary, and the seeds that every trial runs with."""

import pytest

from iterun.errors import ConfigError, ConfigErrors
from iterun.launch.search.space import OneOf, Span, parse


@pytest.mark.parametrize(
    ("word", "dimension"),
    [
        ("a.b=interval(0.3,0.9)", Span(low=0.3, high=0.9, is_whole=False)),
        ("a.b=interval(1,5)", Span(low=1.0, high=5.0, is_whole=False)),
        ("a.b=int(interval(1,5))", Span(low=1, high=5, is_whole=True)),
        ("a.b=tag(log,interval(1e-5,1e-2))", Span(low=1e-5, high=0.01, is_whole=False, log=True)),
        ("a.b=range(1,10,2)", Span(low=1, high=9, is_whole=True, step=2)),
        ("a.b=range(0,1,0.25)", Span(low=0.0, high=0.75, is_whole=False, step=0.25)),
        ("a.b=range(0,1,0.3)", Span(low=0.0, high=0.9, is_whole=False, step=0.3)),
        ("a.b=range(5,0,-2)", Span(low=1, high=5, is_whole=True, step=2)),
        ("model=choice(x,y)", OneOf(texts=("x", "y"))),
        ("+a=0.5,null,[1,2],'b c'", OneOf(texts=("0.5", "null", "[1,2]", "'b c'"))),
    ],
)
def test_hydras_sweep_syntax_is_the_space(word, dimension):
    space = parse(["task=mine/count", word])

    assert space.dimensions == {word.partition("=")[0]: dimension}
    assert space.fixed == ("task=mine/count",)


def test_seeds_are_no_dimension_but_runs_of_each_trial():
    space = parse(["a=interval(0,1)", "seed=1,2", "b=3"])

    lines = space.lines({"a": 0.25})

    assert lines == [["b=3", "a=0.25", "seed=1"], ["b=3", "a=0.25", "seed=2"]]
    assert space.n_jobs == 2


def test_one_seed_stays_as_it_is_typed():
    space = parse(["a=interval(0,1)", "seed=7"])

    assert space.lines({"a": 0.25}) == [["seed=7", "a=0.25"]]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("seed=interval(0,9)", "a search over seeds picks the luckiest one"),
        ("a=interval(3,3)", "nothing between"),
        ("a=tag(log,interval(0,1))", "has no logarithm"),
        ("a=range(3,1)", "is empty"),
        ("a=tag(fast,interval(0,1))", "fast means nothing here"),
        ("a=tag(log,range(1,9))", "log means nothing here"),
    ],
)
def test_what_cannot_be_searched_over_is_refused(word, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse(["b=interval(0,1)", word])

    assert caught.value.hint


def test_every_fault_of_a_space_is_told():
    with pytest.raises(ConfigErrors) as caught:
        parse(["a=interval(3,3)", "b=range(3,1)"])

    assert len(caught.value.errors) == 2


def test_a_line_without_room_is_refused():
    with pytest.raises(ConfigError, match="nothing to search for"):
        parse(["a=1", "seed=1,2"])


def test_a_grid_counts_off_what_can_be_counted():
    space = parse(["a=range(0,0.3,0.1)", "b=x,y", "c=int(interval(1,2))"])

    assert len(space.grid()) == 12
    assert space.grid()[1] == {"a": 0.0, "b": "x", "c": 2}
    assert space.line({"a": 0.1 + 0.2, "b": "x"}) == ["a=0.3", "b=x"]


def test_a_grid_refuses_an_interval():
    with pytest.raises(ConfigError, match="a grid has no intervals"):
        parse(["a=interval(0,1)"]).grid()


def test_every_number_of_a_range_is_tried_as_one_writes_it():
    pytest.importorskip("optuna")
    space = parse(["a=range(-0.3,1,0.3)"])

    assert space.distributions()["a"].high == 0.9  # optuna would cut 0.8999999999999999 to 0.6
    texts = [space.line({"a": value}) for value in (-0.3, 0.0, 0.3, 0.6000000000000001, 0.9)]
    assert texts == [["a=-0.3"], ["a=0.0"], ["a=0.3"], ["a=0.6"], ["a=0.9"]]


def test_a_seed_named_twice_counts_once():
    assert parse(["a=1,2", "seed=3,3,4"]).seeds == ("3", "4")
