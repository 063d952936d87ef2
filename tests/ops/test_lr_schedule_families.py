"""Families of step sizes: where they begin, how they fall, and that no step is lost."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.ops.lr_schedule import FAMILIES, Schedule, multipliers, rising, stretched

CASES = {
    "constant": [1, 1, 1, 1],
    "linear": [1, 0.75, 0.5, 0.25],
    "cosine": [0.5 * (1 + math.cos(math.pi * t / 4)) for t in range(4)],
    "inv_sqrt": [1, 1 / math.sqrt(2), 1 / math.sqrt(3), 0.5],
    "inverse": [1, 1 / 2, 1 / 3, 1 / 4],
    "stepwise": [1, 0.1, 0.1, 0.01],
    "warmup_poly": [1, 0.75, 0.5, 0.25],
    "wsd": [1, 1, 1, 1],
}


@pytest.mark.parametrize("name", FAMILIES)
def test_four_steps_without_a_warmup(name):
    assert multipliers(name, 4, warmup=0) == pytest.approx(CASES[name])


@given(
    name=st.sampled_from(FAMILIES),
    n_steps=st.integers(1, 300),
    warmup=st.none() | st.floats(0, 0.99),
)
def test_every_step_has_a_rate_and_the_peak_is_1(name, n_steps, warmup):
    found = multipliers(name, n_steps, warmup=warmup)

    assert found.shape == (n_steps,)
    assert found.dtype == np.float64
    assert (found >= 0).all()
    assert found.max() <= 1
    if name != "stepwise":  # whose milestones may lie inside the warm-up
        assert found.max() == 1
    rises = math.floor((0.1 if name in ("warmup_poly", "wsd") else 0) * n_steps)
    n_rising = rises if warmup is None else math.floor(warmup * n_steps)
    assert found[:n_rising] == pytest.approx([(t + 1) / n_rising for t in range(n_rising)])


def test_what_falls_may_end_above_0():
    for name in ("linear", "cosine", "warmup_poly", "wsd"):
        found = multipliers(name, 1000, last=0.2, warmup=0)

        assert found.min() > 0.2
        assert found[-1] == pytest.approx(0.2, abs=5e-3)


def test_wsd_falls_along_a_line_over_its_last_share():
    found = multipliers("wsd", 100, warmup=0.1, decay=0.2)

    assert (found[9:81] == 1).all()
    assert found[80:] == pytest.approx(np.arange(20, 0, -1) / 20)


def test_powers_and_slower_roots():
    assert multipliers("warmup_poly", 4, warmup=0, power=2)[1] == pytest.approx(0.75**2)
    assert multipliers("inv_sqrt", 200, t0=100)[100] == pytest.approx(1 / math.sqrt(2))


def test_stretched_keeps_both_ends_and_the_shape():
    values = multipliers("linear", 11)

    found = stretched(values, 101)

    assert found.shape == (101,)
    assert found[[0, -1]] == pytest.approx(values[[0, -1]])
    assert found == pytest.approx(np.linspace(values[0], values[-1], 101))
    assert stretched(values, 11) is values
    assert stretched(values, 1) == pytest.approx([1])


def test_a_schedule_is_asked_by_step():
    course = Schedule(multipliers("linear", 4))

    assert [course(t) for t in range(4)] == [1, 0.75, 0.5, 0.25]
    with pytest.raises(IndexError):
        course(4)


def test_a_line_up_ends_at_the_peak():
    assert [rising(t, warmup=2) for t in range(4)] == [0.5, 1, 1, 1]
    assert rising(0, warmup=0) == 1
