"""What a run has come to: costs, the objective, the parameters that tell it from others."""

import pytest

from iterun.core.tally import Tally, parameters_of


def test_seconds_and_prices_add_up_and_of_other_costs_the_last_value_stands() -> None:
    tally = Tally(None, {})
    tally.add(0, {"x": 1.0}, {"time_dps": 2.0, "peak_mem_mb": 9.0})
    tally.add(1, {"x": 2.0}, {"seconds_model": 1.5, "price": 0.1, "peak_mem_mb": 8.0})
    again = Tally(None, {})
    again.restore(tally.state())
    again.add(2, {"x": 3.0}, {"seconds_model": 0.5, "price": 0.2, "tokens_per_s": 4.0})

    assert again.costs == pytest.approx(
        {"time_dps": 2, "seconds_model": 2, "price": 0.3, "peak_mem_mb": 8, "tokens_per_s": 4}
    )


@pytest.mark.parametrize(
    ("node", "named"),
    [
        (None, {}),
        ({"name": "cosine", "last": 0.1}, {"schedule": "cosine"}),
        ({"name": "file", "path": "/a/b/refined.csv"}, {"schedule": "file:refined.csv"}),
    ],
)
def test_a_schedule_is_a_parameter(node: object, named: dict[str, str]) -> None:
    config = {"task": {"lr": 1, "about": {}}, "schedule": node}

    assert parameters_of(config, seed=0, model=None) == {"lr": 1, "seed": 0} | named
