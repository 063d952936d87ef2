"""Code written by one agent, tested by another, and mended by what a sandbox says of it.

Paper: AgentCoder: Multi-Agent-based Code Generation with Iterative Testing and Optimisation
(arXiv 2312.13010).

    programmer      task (+ what failed) -> `candidates` programs
    test designer   task alone           -> `suites` suites of asserts
    executor        the best program passes most suites, the first one on ties
                    accepted: `accept` suites pass; else its first failing assert is the feedback

One step is one round of this for every problem not yet accepted; iteration 0 makes the draft.
pass@1 is the share of problems whose best program passes hidden tests, which no agent is told of.
Arms get the same draft, and as many candidates a round: `error` is told the failure, `none`
nothing, as in the authors' code; `weak_tests` has the run's feedback, and a designer that errs
more often.

Departures: the best program so far stays until another passes more suites; a suite is asked for
again only where a reply held none; a program has one `test_timeout` for all of its suites.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar, Literal

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.errors import ConfigError, misset, shown, too_small
from iterun.judges import code_report
from iterun.judges.coding import Rule
from iterun.judges.coding_arms import Arms, Place
from iterun.judges.designed import Designed
from iterun.judges.executor import Executor, whole
from iterun.judges.exercises import Exercise, prepare
from iterun.judges.programs import parse_program
from iterun.judges.suites import parse_suite
from iterun.judges.turns import OWN, Turn
from iterun.judges.unit_tests import Bench, flat
from iterun.models.chat.desk import Desk, Exchange
from iterun.models.coder_agents import Agents
from iterun.models.coder_program import SIMULATED, Traced, mark, propose
from iterun.models.settled import refuse_other_data
from iterun.types import ChatModel, Programmed, Request

Feedback = Literal["error", "none"]
ArmName = Literal["error", "none", "weak_tests"]
Answer = tuple[Exchange, int]  # a reply and the number of a sample
LONGEST = 400  # characters of a remark
AT_LEAST_ONE = ("candidates", "suites", "asserts", "accept", "rounds", "max_tokens")


@dataclass(kw_only=True)
class AgentCoder(Procedure):
    """Programmer, test designer and executor."""

    model_kind: ClassVar = "chat"
    data_kind: ClassVar = "code"

    candidates: int  #: programs a round and problem
    suites: int  #: of tests a problem
    asserts: int  #: asked for in a suite
    accept: int  #: suites that have to pass, with accept_rule=suites
    accept_rule: Rule  #: suites, or all_tests: every assert of all suites
    rounds: int  #: after the draft
    feedback: Feedback  #: error: the failing assert and its error; none
    arms: list[ArmName]  #: beside the run's own
    test_timeout: float  #: seconds a program, for all suites together
    mutants: int  #: of each reference, to measure tests by; the program's first answers, too
    test_accuracy: float  #: probability that an assert of model=program is right
    weak_accuracy: float  #: the same in the arm weak_tests
    temperature: float  #: of both agents
    top_p: float  #: of both agents
    max_tokens: int  #: of a reply
    limit: int | None  #: the first so many problems; null: all

    def check(self) -> Iterator[ConfigError]:
        yield from too_small(vars(self), dict.fromkeys(AT_LEAST_ONE, 1))
        if self.limit is not None and self.limit < 1:
            yield misset(
                "limit", self.limit, "leaves no problems", "as in task.limit=5, or null for all"
            )
        if self.accept_rule == "suites" and self.accept > self.suites:
            hint = f"at most task.accept={self.suites}"
            yield misset("accept", self.accept, f"is more than task.suites={self.suites}", hint)
        if self.feedback in self.arms:
            hint = "leave it out of task.arms"
            yield misset(
                "arms", self.arms, f"names the run's own task.feedback={self.feedback}", hint
            )
        yield from self._outside()

    def _outside(self) -> Iterator[ConfigError]:
        """Numbers that are not in their range."""
        for name, low, high, example in (
            ("mutants", 0, inf, 8),
            ("test_accuracy", 0, 1, 0.9),
            ("weak_accuracy", 0, 1, 0.6),
            ("temperature", 0, 100, 0.7),
            ("top_p", 1e-9, 1, 0.95),
            ("test_timeout", 1e-3, 1e6, 3.0),
        ):
            if not low <= getattr(self, name) <= high:
                wanted = f"is not from {low:g}" + (f" to {high:g}" if high < inf else "")
                yield misset(name, getattr(self, name), wanted, f"as in task.{name}={example}")

    def start(self, run: Run) -> None:
        self.run, self.data = run, run.data()
        chat = run.model(ChatModel)  # type: ignore[type-abstract]  # a protocol
        self.programmed = isinstance(chat, Programmed)
        if isinstance(chat, Programmed):
            chat.answer_with(propose)
        self.desk, self.name = Desk(chat, run), chat.name
        sandbox = run.sandbox
        run.resolve(sandbox_level=sandbox.level)
        if sandbox.remark:
            run.warn(sandbox.remark)
        self.bench = Bench(sandbox, self.test_timeout, run.progress)
        self.executor = Executor(self.bench, self.accept_rule, self.accept)
        self.exercises = self._exercises()
        self.agents = Agents(
            candidates=self.candidates,
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            seed_of=run.seed_of,
            programmed=self.programmed,
        )
        self.feedbacks = self._feedbacks()
        designers = [arm for arm in self.feedbacks if arm in ("", "weak_tests")]
        self.designed = Designed(self.exercises, designers, self.suites, self.bench)
        self.by_arm = Arms(self.feedbacks, len(self.exercises))

    def length(self) -> int:
        return self.rounds

    def baseline(self) -> Mapping[str, float]:
        return self.step(0)

    def step(self, i: int) -> Mapping[str, float]:
        since = self.bench.seconds
        places = self.by_arm.open()
        unread = self._design(places, i)
        answers = self._ask(places, i)
        turns = [self._turn(place, answers[place]) for place in places]
        self.executor.judge(turns, i)
        for place, turn in zip(places, turns, strict=True):
            self._note(place, turn, answers[place], i)
        self._keep(turns, i)
        self.desk.file()
        self.by_arm.end_round()
        if not self.by_arm.open():
            self.run.stop("all accepted")
        unread += sum(not code for turn in turns if not turn.arm for code in turn.programs)
        self.run.cost(seconds_sandbox=self.bench.seconds - since)
        return self._measured() | {"parse_fail": unread} | self.desk.metrics()

    def state(self) -> dict[str, Any]:
        return {
            "data": self.data.fingerprint,
            "problems": [exercise.problem.id for exercise in self.exercises],
            "arms": self.by_arm.state(),
            "designed": self.designed.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        refuse_other_data(self.data, state["data"], "another set of problems")
        if state["problems"] != [exercise.problem.id for exercise in self.exercises]:
            raise ConfigError(
                f"task.limit={shown(self.limit)}: the state is of {len(state['problems'])} other "
                "problems",
                hint="leave task.limit as it was, or begin a new run",
            )
        if set(state["arms"]["attempts"]) != set(self.feedbacks):
            raise ConfigError(
                f"task.arms={shown(self.arms)}: the state is of other arms",
                hint="leave task.arms and task.feedback as they were, or begin a new run",
            )
        self.designed.restore(state["designed"])
        self.by_arm.restore(state["arms"])

    def result(self) -> Mapping[str, Any]:
        title = f"{self.name} on {len(self.exercises)} problems"
        title += f"\n{self.desk.subtitle}" if self.desk.subtitle else ""
        named = {arm or f"feedback={self.feedback}": ys for arm, ys in self.by_arm.curves.items()}
        self.run.save_image("pass.png", code_report.curve(named, title))
        for exercise, attempt in zip(self.exercises, self.by_arm.attempts[""], strict=True):
            text = whole(exercise, attempt.program)
            self.run.save_text(f"programs/{exercise.problem.id}.py", text)
        solved_ci = self.by_arm.solved_ci()
        simulated = {"simulated": list(SIMULATED)} if self.programmed else {}
        return {
            "problems": len(self.exercises),
            "solved_ci": solved_ci,
            "pass@1_ci": solved_ci[OWN],
            **self._measured(),
            **simulated,
        }

    # What is set up.

    def _exercises(self) -> list[Exercise]:
        """The problems, with hidden tests and mutants; those that can't be used are told."""
        problems = list(self.data.test)[: self.limit]
        found, refused = prepare(
            problems,
            self.bench,
            n_mutants=self.mutants,
            for_program=self.programmed,
            seed_of=self.run.seed_of,
        )
        told = "; ".join(f"{id}: {why}" for id, why in refused.items())[:LONGEST]
        if not found:
            raise ConfigError(
                f"data={self.data.name} has no problem that can be used: {told}",
                hint="allow more time or memory, as in sandbox.timeout=20 sandbox.memory_mb=4096",
            )
        if refused:
            self.run.warn(f"{len(refused)} of {len(problems)} problems are left out: {told}")
        return found

    def _feedbacks(self) -> dict[str, Feedback]:
        """What each arm's programmer is told."""
        found: dict[str, Feedback] = {"": self.feedback}
        for arm in self.arms:
            if arm != "weak_tests":
                found[arm] = arm
            elif self.programmed:
                found[arm] = self.feedback
            else:
                self.run.warn(f"no arm weak_tests: how often model={self.name} errs can't be set")
        return found

    # Who is asked.

    def _design(self, places: Sequence[Place], i: int) -> int:
        """Have suites written where there are none; how many replies held none, of the own arm."""
        due = [
            (designer, k, missing)
            for designer, k in dict.fromkeys((self.designed.designer(a), k) for a, k in places)
            if (missing := self.designed.missing(designer, k))
        ]
        requests = [self._suites(designer, k, len(missing), i) for designer, k, missing in due]
        unread, rows = 0, []
        for (designer, k, missing), exchange in zip(due, self.desk.ask(requests), strict=True):
            problem = self.exercises[k].problem
            about = {"designer": designer or "own", "instance": problem.id}
            for sample, j in enumerate([] if exchange.failed else missing):
                suite = parse_suite(exchange.reply.texts[sample], problem.entry)
                self.designed.take(designer, k, j, suite)
                exchange.judged(sample, list(suite) or None, {"asserts": len(suite)})
                unread += not suite and not designer
                rows.append({**about, "suite": j, "asserts": list(suite)})
        self.run.append("suites.jsonl", rows)
        self.designed.weigh([(designer, k) for designer, k, _ in due])
        return unread

    def _suites(self, designer: str, k: int, n: int, i: int) -> Request:
        exercise = self.exercises[k]
        return self.agents.design(
            exercise.problem,
            exercise.cases,
            asserts=self.asserts,
            accuracy=self.weak_accuracy if designer else self.test_accuracy,
            n=n,
            designer=designer,
            i=i,
        )

    def _ask(self, places: Sequence[Place], i: int) -> dict[Place, list[Answer]]:
        """The programmer's answers; those of the draft serve all arms."""
        asking = list(places) if i else [(arm, k) for arm, k in places if not arm]
        seen = self._seen(asking, i)
        groups = [self._programs(place, seen.get(place, ()), i) for place in asking]
        exchanges = iter(self.desk.ask([request for group in groups for request in group]))
        found: dict[Place, list[Answer]] = {}
        for place, group in zip(asking, groups, strict=True):
            replies = [next(exchanges) for _ in group]
            good = [exchange for exchange in replies if not exchange.failed]
            found[place] = [(one, j) for one in good for j in range(one.request.n)]
        return found if i else {(arm, k): found["", k] for arm, k in places}

    def _programs(self, place: Place, tests: Sequence[Traced], i: int) -> list[Request]:
        arm, k = place
        problem, attempt = self.exercises[k].problem, self.by_arm.attempts[arm][k]
        if i == 0:
            return self.agents.draft(problem, self.exercises[k].mutants)
        if self.feedbacks[arm] == "none":
            return self.agents.once_more(problem, attempt.first, arm=arm, i=i)
        tried = frozenset(attempt.marks)
        return self.agents.repair(
            problem, attempt.program, attempt.feedback, tests, tried, arm=arm, i=i
        )

    def _seen(self, places: Sequence[Place], i: int) -> dict[Place, list[Traced]]:
        """What a program that looks for its fault sees of its tests; a model sees words alone."""
        if i == 0 or not self.programmed:
            return {}
        told = [(arm, k) for arm, k in places if self.feedbacks[arm] == "error"]
        jobs = [
            (self.exercises[k], self.by_arm.attempts[arm][k].program, self._tests(arm, k))
            for arm, k in told
        ]
        return {
            place: [
                Traced(test, it.passed, frozenset(it.lines))
                for test, it in zip(tests, outcomes, strict=False)
            ]
            for place, (_, _, tests), outcomes in zip(
                told, jobs, self.executor.followed(jobs), strict=True
            )
        }

    def _tests(self, arm: str, k: int) -> tuple[str, ...]:
        return flat(self.designed.suites(arm, k))

    # What comes back.

    def _turn(self, place: Place, answers: Sequence[Answer]) -> Turn:
        arm, k = place
        exercise, attempt = self.exercises[k], self.by_arm.attempts[arm][k]
        entry = exercise.problem.entry
        programs = [parse_program(one.reply.texts[j], entry) or "" for one, j in answers]
        if self.programmed:
            attempt.marks += [mark(code) for code in programs if code]
        suites = self.designed.suites(arm, k)
        return Turn(arm=arm, exercise=exercise, attempt=attempt, suites=suites, programs=programs)

    def _note(self, place: Place, turn: Turn, answers: Sequence[Answer], i: int) -> None:
        """For the transcript; the draft is noted as the run's own arm has judged it."""
        arm, k = place
        if i == 0 and arm:
            return
        solved = {"solved": self.by_arm.solved([arm] if i else self.feedbacks, k)}
        for (exchange, j), code, trial in zip(answers, turn.programs, turn.trials, strict=True):
            verdict = turn.verdict(trial, self.accept_rule, self.accept)
            exchange.judged(j, code or None, verdict | solved)

    def _keep(self, turns: Sequence[Turn], i: int) -> None:
        """Every program, the draft's once, how it ran, and what changed in the best ones."""
        said = [turn for turn in turns if i or not turn.arm]
        self.run.append("programs.jsonl", [row for turn in said for row in turn.texts()])
        self.run.append("executions.jsonl", [row for turn in turns for row in turn.executions()])
        if i and (text := "".join(turn.change() for turn in turns)):
            self.run.save_text("changes.patch", text, at=i)

    def _measured(self) -> dict[str, float]:
        return self.by_arm.metrics() | self.designed.metrics()
