"""Values against annotations."""

from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iterun.config.fit import MisfitError, check_types, fit, fit_all, misfits
from iterun.errors import ConfigErrors

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text()
)


@dataclass(kw_only=True)
class Own:
    rate: float
    steps: int
    words: list[str]
    mode: Literal["up", "down", 3]
    maybe: int | None
    shape: tuple[int, ...]
    kept: str = "as is"
    made: list[int] = field(default_factory=list)
    shared: ClassVar[int] = 3


GOOD: dict[str, Any] = {
    "rate": 1, "steps": 1e3, "words": ["a"], "mode": "up", "maybe": None, "shape": [2, 3],
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (1, float, 1.0), (1e3, int, 1000), ([1, 2], tuple[int, ...], (1, 2)), ("a", str, "a"),
        ([1], list[float], [1.0]), (None, int | None, None), (3, int | float, 3),
        (3.0, int | float, 3.0), ("x", Path, Path("x")), ({"a": 1}, dict[str, float], {"a": 1.0}),
        ([1, "a"], tuple[int, str], (1, "a")), ([1], Sequence[int], [1]), (object, Any, object),
        ("up", Literal["up"], "up"), ([None], list[int | None], [None]),
    ],
)  # fmt: skip
def test_what_fits_comes_in_its_type(value: Any, annotation: Any, expected: Any) -> None:
    got = fit(value, annotation)

    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ("1", int), (1.5, int), (True, int), (True, float), ("abc", float), (1, str), (1, bool),
        ("a", list[str]), ([1], list[str]), ([1, 2, 3], tuple[int, int]), (None, int),
        ("left", Literal["up", "down"]), (True, Literal[1]), ([], dict[str, int]), (1, Path),
        (float("inf"), int), (float("nan"), int), ("a", int | None),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(value: Any, annotation: Any) -> None:
    with pytest.raises(MisfitError):
        fit(value, annotation)


@settings(deadline=None)
@given(SCALARS)
def test_fitting_again_changes_nothing(value: Any) -> None:
    for annotation in (int, float, str, bool, int | None):
        try:
            once = fit(value, annotation)
        except MisfitError:
            continue
        assert fit(once, annotation) == once
        assert once == value


def test_every_fault_of_a_class_is_told() -> None:
    params = GOOD | {"rate": "fast", "mode": "left", "shapes": 1}
    del params["steps"]

    found = check_types(Own, params, examples={"rate": 0.1})

    assert [(fault.message, fault.hint) for fault in found] == [
        ("task.rate=fast is not a number", "as in task.rate=0.1"),
        ("task.mode=left is not one of up, down, 3", "task.mode takes one of up, down, 3"),
        ("task.shapes: Own has no such parameter", "did you mean task.shape, task.steps?"),
        ("task.steps is missing", "give it a whole number"),
    ]
    assert misfits(Own, params) == {"rate", "mode"}


def test_sound_parameters_come_in_their_types() -> None:
    made = Own(**fit_all(Own, GOOD))

    assert (made.rate, made.steps, made.shape, made.kept) == (1.0, 1000, (2, 3), "as is")
    assert type(made.rate) is float
    with pytest.raises(ConfigErrors):
        fit_all(Own, {})


def test_an_annotation_for_type_checkers_alone_takes_anything() -> None:
    partly = make_dataclass("Partly", [("known", "int"), ("unknown", "NotImported")])

    assert check_types(partly, {"known": 1, "unknown": object()}) == []
    assert len(check_types(partly, {"known": "x", "unknown": 1})) == 1
