"""Problems made ready: hidden tests with their results, mutants of the reference, right cases."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from iterun.data.code_problems import Case
from iterun.judges.hidden_tests import failing_mutants, hidden_tests
from iterun.ops import fuzz
from iterun.ops.mutants import mutants

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterun.data.code_problems import Arguments, CodeProblem
    from iterun.judges.hidden_tests import Hidden
    from iterun.judges.unit_tests import Bench

    SeedOf = Callable[[str, str], int]  # purpose, problem

SORTS = {"basic": fuzz.varied, "edge": fuzz.emptied, "large-scale": fuzz.enlarged}
EACH = 8  # cases of a sort
SPARE = 4  # mutants looked at beyond those wanted: some do what the reference does
LIMIT = 100_000  # lines that the reference may execute in a case


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """A problem with what its runs need."""

    problem: CodeProblem
    hidden: Hidden
    mutants: tuple[str, ...]  #: of the reference; every one fails a hidden test
    cases: tuple[Case, ...]  #: calls with their right results, drawn from the visible examples


def prepare(
    problems: Sequence[CodeProblem],
    bench: Bench,
    *,
    n_mutants: int,
    for_program: bool,
    seed_of: SeedOf,
) -> tuple[list[Exercise], dict[str, str]]:
    """Run the references, which have to pass, and their mutants.

    Args:
        problems: each has a reference solution.
        bench: runs programs.
        n_mutants: how many are wanted of each; there may be fewer.
        for_program: whether a program is to answer: then cases and a mutant are needed.
        seed_of: seeds what is drawn.

    Returns:
        The problems that can be used; and by id why others can't.
    """
    told = hidden_tests(problems, bench)
    refused = {p.id: why for p, why in zip(problems, told, strict=True) if isinstance(why, str)}
    pairs = [(p, h) for p, h in zip(problems, told, strict=True) if not isinstance(h, str)]
    drawn = [_mutants(p, seed_of("mutants", p.id), n_mutants) for p, _ in pairs]
    failing = failing_mutants([(h, m) for (_, h), m in zip(pairs, drawn, strict=True)], bench)
    cases = _cases(pairs, bench, seed_of) if for_program else [()] * len(pairs)
    found = [
        Exercise(problem=p, hidden=h, mutants=tuple(failing[k][:n_mutants]), cases=cases[k])
        for k, (p, h) in enumerate(pairs)
    ]
    if for_program:
        lacking = [it for it in found if not (it.mutants and it.cases)]
        refused |= {it.problem.id: "a program finds no mutant to begin with" for it in lacking}
        found = [it for it in found if it not in lacking]
    return found, refused


def _mutants(problem: CodeProblem, seed: int, n: int) -> list[str]:
    found = [mutant.source for mutant in mutants(problem.solution, problem.entry)]
    Random(seed).shuffle(found)
    return found[: n + SPARE] if n else []


def _cases(
    pairs: Sequence[tuple[CodeProblem, Hidden]], bench: Bench, seed_of: SeedOf
) -> list[tuple[Case, ...]]:
    """Calls made from the visible examples; where there are none, from the first hidden input."""
    drawn = [_drawn(p.examples or h.inputs[:1], seed_of("cases", p.id)) for p, h in pairs]
    jobs = [
        [(p.solution, p.entry, [arguments for _, arguments in some], LIMIT)]
        for (p, _), some in zip(pairs, drawn, strict=True)
    ]
    found = []
    for some, (output,) in zip(drawn, bench.line_by_line("results", jobs), strict=True):
        results = output.value if output.status == "pass" else []
        found.append(
            tuple(
                Case(sort, arguments, value)
                for (sort, arguments), (returned, value) in zip(some, results, strict=False)
                if returned  # else the arguments are none that the function is for
            )
        )
    return found


def _drawn(examples: Sequence[Arguments], seed: int) -> list[tuple[str, Arguments]]:
    """Arguments of each sort; one or all of an example's arguments are changed."""
    rng, found = Random(seed), []
    for sort, change in SORTS.items():
        for _ in range(EACH if examples else 0):
            arguments = list(rng.choice(examples))
            n = rng.choice((1, len(arguments))) if arguments else 0
            for k in rng.sample(range(len(arguments)), n):
                arguments[k] = change(arguments[k], rng)
            found.append((sort, tuple(arguments)))
    return found
