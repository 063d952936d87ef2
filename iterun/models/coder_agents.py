"""The requests of AgentCoder's two agents, as a language model or the program is asked them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.models import coder_prompts as prompts
from iterun.models.coder_program import Design, Draft, Repair, Traced
from iterun.types import Message, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterun.data.code_problems import Case, CodeProblem


@dataclass(frozen=True, kw_only=True)
class Agents:
    """Programmer and test designer.

    A language model gives all candidates of a round as samples of one request. A program is asked
    for one at a time, since its candidates are the first, the second ... of an order.
    """

    candidates: int
    temperature: float
    top_p: float
    max_tokens: int
    seed_of: Callable[..., int]  #: (name, *key) of what draws
    programmed: bool

    def draft(self, problem: CodeProblem, mutants: tuple[str, ...]) -> list[Request]:
        """The programmer's first answers; they are the same for all arms."""
        order = self.seed_of("draft", problem.id)

        def payload(place: int) -> object:
            return Draft(bugs=mutants, order=order, place=place)

        messages = prompts.programmer(problem.prompt, problem.entry)
        return self._programs(messages, problem, "", 0, payload)

    def repair(
        self,
        problem: CodeProblem,
        program: str,
        feedback: str,
        tests: Sequence[Traced],
        tried: frozenset[str],
        *,
        arm: str,
        i: int,
    ) -> list[Request]:
        """More answers, with what was wrong with the last one.

        Args:
            problem: the task.
            program: the last answer; empty: none could be read.
            feedback: of the executor.
            tests: for a program, which looks for the fault.
            tried: for a program, which tries none twice.
            arm: that asks.
            i: the round.
        """
        order = self.seed_of("order", arm, problem.id, i)

        def payload(place: int) -> object:
            return Repair(program, problem.entry, order, place, tuple(tests), tried)

        messages = prompts.programmer(problem.prompt, problem.entry)
        if feedback:
            messages = prompts.again(messages, program, feedback)
        return self._programs(messages, problem, arm, i, payload)

    def once_more(self, problem: CodeProblem, program: str, *, arm: str, i: int) -> list[Request]:
        """More answers to the task alone: the conversation begins anew."""

        def payload(place: int) -> object:
            return Repair(program, problem.entry, 0, place, None)

        messages = prompts.programmer(problem.prompt, problem.entry)
        return self._programs(messages, problem, arm, i, payload)

    def design(
        self,
        problem: CodeProblem,
        cases: tuple[Case, ...],
        *,
        asserts: int,
        accuracy: float,
        n: int,
        designer: str,
        i: int,
    ) -> Request:
        """Suites of tests: n samples; two designers draw alike, but for what they get wrong."""
        return Request(
            messages=prompts.designer(problem.prompt, problem.entry, asserts),
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed_of("designer", problem.id, i),
            n=n,
            payload=Design(problem.entry, cases, accuracy, asserts),
            tag=_tag("designer", problem, designer, i),
        )

    def _programs(
        self,
        messages: tuple[Message, ...],
        problem: CodeProblem,
        arm: str,
        i: int,
        payload: Callable[[int], object],
    ) -> list[Request]:
        requests, samples = (self.candidates, 1) if self.programmed else (1, self.candidates)
        return [
            Request(
                messages=messages,
                max_tokens=self.max_tokens,
                temperature=self.temperature,
                top_p=self.top_p,
                seed=self.seed_of("programmer", arm, problem.id, i, place),
                n=samples,
                payload=payload(place) if self.programmed else None,
                tag=_tag("programmer", problem, arm, i),
            )
            for place in range(requests)
        ]


def _tag(agent: str, problem: CodeProblem, arm: str, i: int) -> dict[str, str | int]:
    return {"agent": agent, "instance": problem.id, "arm": arm or "own", "round": i}
