"""Published figures: only verified ones, apart, and with what keeps them from comparing."""

from collections.abc import Callable

from iterun.analysis.compare import compare
from iterun.analysis.published import figures
from iterun.store.rows import Row


def test_only_verified_figures_with_a_value_are_given(row: Callable[..., Row]) -> None:
    found = figures(compare([row()]), ["prune/perp"])

    assert len(found) > 20
    assert all(f.value is not None or f.low is not None for f in found)
    assert not any(f.value == 12000 for f in found)  # stands in the file, as not verified
    assert all(f.source for f in found)


def test_a_figure_says_in_what_it_differs_from_the_nearest_setting(row: Callable[..., Row]) -> None:
    rows = [row(criterion="wanda", sparsity=0.5, eval_seqlen=128)]

    found = figures(compare(rows), ["prune/perp"])

    [figure] = [f for f in found if f.value == 6.42]
    assert not figure.is_comparable
    assert figure.differs == {"model": "opt-mini", "data": "pydoc", "eval_seqlen": 128}


def test_a_figure_of_the_same_model_data_and_settings_compares(row: Callable[..., Row]) -> None:
    rows = [
        row(signature="b", model="llama-2-7b", criterion="wanda"),
        row(model="llama-2-7b", criterion="wanda", sparsity=0.5, eval_seqlen=4096),
    ]
    for one in rows:
        one.data = "wikitext2"
        one.body["parameters"]["data"] = "wikitext2"

    first = figures(compare(rows), ["prune/perp"])[0]

    assert first.is_comparable
    assert first.nearest == 1


def test_a_system_without_figures_has_none(row: Callable[..., Row]) -> None:
    assert figures(compare([row(system="../x")]), ["../x"]) == []
