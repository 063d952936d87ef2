"""What a run of programs comes to: rates by arm, differences made, a curve by round."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from iterun.ops.pictures import quality_curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from iterun.judges.coding import Attempt
    from iterun.judges.suites import Quality


def rates(attempts: Sequence[Attempt], arm: str) -> dict[str, float]:
    """Metrics of one arm; its name stands behind each, but for the run's own.

    pass@1: share of problems whose program passes the hidden tests; pass_own: that were accepted;
    false_accepts: accepted ones that fail the hidden tests; rounds_used: their mean; tried:
    programs asked for so far.
    """
    n, after = len(attempts), f"_{arm}" if arm else ""
    return {
        f"pass@1{after}": sum(one.right for one in attempts) / n,
        f"pass_own{after}": sum(one.accepted for one in attempts) / n,
        f"false_accepts{after}": sum(one.accepted and not one.right for one in attempts),
        f"rounds_used{after}": sum(one.rounds for one in attempts) / n,
        f"tried{after}": sum(one.n_tried for one in attempts),
    }


def worth(qualities: Sequence[Quality], designer: str) -> dict[str, float]:
    """Metrics of one designer's suites; what nothing can be said of is left out.

    test_accuracy: share of asserts that the reference passes; coverage: of its lines that they
    execute; mutants_killed: of its mutants that fail a right assert.
    """
    after = f"_{designer}" if designer else ""
    found = {}
    for name, part, whole in (
        ("test_accuracy", "right", "asserts"),
        ("coverage", "covered", "lines"),
        ("mutants_killed", "killed", "mutants"),
    ):
        if total := sum(getattr(one, whole) for one in qualities):
            found[f"{name}{after}"] = sum(getattr(one, part) for one in qualities) / total
    return found


def diff(before: str, after: str, name: str) -> str:
    """A unified difference of two programs; empty where there is none."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"a/{name}.py", f"b/{name}.py", lineterm=""
    )
    return "".join(line + "\n" for line in lines)


def curve(by_arm: Mapping[str, Sequence[float]], title: str) -> Figure:
    """pass@1 by round, a line an arm.

    Args:
        by_arm: at rounds 0, 1, ...
        title: the model and the problems, and what the model is.
    """
    from matplotlib.ticker import MaxNLocator

    series = {arm: list(enumerate(values)) for arm, values in by_arm.items()}
    figure = quality_curve(series, x="round", y="pass@1: share that passes hidden tests")
    axes: Any = figure.axes[0]
    axes.set_ylim(-0.03, 1.03)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(title, fontsize="small")
    return figure
