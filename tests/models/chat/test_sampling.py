"""A draw takes what has the probability, and a nucleus is the smallest there is."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iterun.errors import DivergedError
from iterun.models.chat.sampling import LIKELY, Draw, choose, nucleus, pick


def draw(temperature: float, top_p: float = 1.0, seed: int = 0) -> Draw:
    generator = torch.Generator().manual_seed(seed)
    return Draw(temperature=temperature, top_p=top_p, generator=generator)


def test_a_nucleus_worked_by_hand() -> None:
    """0.4 + 0.3 < 0.75, so that 0.2 is needed, too; in the order of the numbers."""
    probabilities = torch.tensor([0.3, 0.1, 0.4, 0.2])

    assert nucleus(probabilities, 0.75).tolist() == [0, 2, 3]
    assert nucleus(probabilities, 0.4).tolist() == [2]
    assert nucleus(probabilities, 0.01).tolist() == [2]


@given(st.integers(1, 4 * LIKELY), st.floats(0.01, 0.999), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_a_nucleus_is_enough_and_no_more(n: int, top_p: float, seed: int) -> None:
    scores = torch.randn(n, generator=torch.Generator().manual_seed(seed))
    probabilities = torch.softmax(3 * scores, dim=-1).double()

    kept = nucleus(probabilities.float(), top_p)

    inside = probabilities[kept]
    assert inside.sum() >= top_p - 1e-5
    assert inside.sum() - inside.min() < top_p + 1e-5
    outside = probabilities[[k for k in range(n) if k not in set(kept.tolist())]]
    assert not len(outside) or outside.max() <= inside.min() + 1e-9


def test_draws_have_the_probabilities() -> None:
    """4,000 draws at T = 0.5: squares of the probabilities; three deviations."""
    probabilities = torch.tensor([0.5, 0.2, 0.3])
    one, n = draw(0.5), 4_000

    counts = torch.bincount(
        torch.tensor([pick(probabilities.log(), one) for _ in range(n)]), minlength=3
    )

    expected = probabilities**2 / (probabilities**2).sum()
    deviation = (expected * (1 - expected) / n).sqrt()
    assert ((counts / n - expected).abs() < 3 * deviation).all()


def test_what_is_outside_the_nucleus_is_never_drawn() -> None:
    scores = torch.tensor([0.5, 0.1, 0.4]).log()
    one = draw(1.0, top_p=0.8)

    assert {pick(scores, one) for _ in range(500)} == {0, 2}


def test_a_tiny_temperature_is_greedy() -> None:
    scores = torch.tensor([1.0, 3.0, 2.9])

    assert pick(scores, draw(0)) == pick(scores, draw(1e-6)) == 1


def test_a_row_is_drawn_by_itself() -> None:
    logits = torch.randn(5, 1000, generator=torch.Generator().manual_seed(1))

    together = choose(logits, [draw(1.0, seed=k) for k in range(5)])

    assert [choose(logits[k : k + 1], [draw(1.0, seed=k)])[0] for k in range(5)] == together


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_logits_that_are_no_numbers_are_refused(bad: float) -> None:
    logits = torch.zeros(2, 8)
    logits[1, 3] = bad

    with pytest.raises(DivergedError, match="not numbers"):
        choose(logits, [draw(1.0), draw(0.0)])
