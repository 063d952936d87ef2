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
from iterun.data.code_problems import CodeProblems
from iterun.errors import ConfigError, misset, too_small
from iterun.judges import code_report
from iterun.judges.coding import Attempt, Rule, Trial, failure, unreadable
from iterun.judges.designed import Designed
from iterun.judges.executor import Executor, Turn, whole
from iterun.judges.exercises import Exercise, prepare
from iterun.judges.programs import parse_program
from iterun.judges.suites import parse_suite
from iterun.judges.unit_tests import Bench, flat
from iterun.models.chat.desk import Desk, Exchange
from iterun.models.coder_agents import Agents
from iterun.models.coder_program import SIMULATED, Traced, mark, propose
from iterun.ops.attempts import wilson
from iterun.types import ChatModel, Programmed, Request

Feedback = Literal["error", "none"]
ArmName = Literal["error", "none", "weak_tests"]
Place = tuple[str, int]  # an arm, "" being the run's own, and the number of a problem
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
    accept: int  #: suites that have to pass
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
        if self.accept > self.suites:
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
        self.run, data = run, run.data()
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
        self.exercises = self._exercises(data)
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
        self.attempts = {arm: [Attempt() for _ in self.exercises] for arm in self.feedbacks}
        self.curves: dict[str, list[float]] = {arm: [] for arm in self.feedbacks}

    def length(self) -> int:
        return self.rounds

    def baseline(self) -> Mapping[str, float]:
        return self.step(0)

    def step(self, i: int) -> Mapping[str, float]:
        since = self.bench.seconds
        places = [
            (arm, k)
            for arm, attempts in self.attempts.items()
            for k, attempt in enumerate(attempts)
            if not attempt.accepted
        ]
        unread = self._design(places, i)
        answers = self._ask(places, i)
        turns = [self._turn(place, answers[place]) for place in places]
        self.executor.judge(turns, i)
        for turn in turns:
            self._note(turn, answers[turn.arm, self.exercises.index(turn.exercise)], i)
        self._keep(turns, i)
        self.desk.file()
        for arm, attempts in self.attempts.items():
            self.curves[arm].append(sum(it.right for it in attempts) / len(attempts))
        if all(it.accepted for attempts in self.attempts.values() for it in attempts):
            self.run.stop("all accepted")
        unread += sum(not code for turn in turns if not turn.arm for code in turn.programs)
        self.run.cost(seconds_sandbox=self.bench.seconds - since)
        return self._measured() | {"parse_fail": unread} | self.desk.metrics()

    def state(self) -> dict[str, Any]:
        return {
            "problems": [exercise.problem.id for exercise in self.exercises],
            "attempts": {arm: [it.state() for it in some] for arm, some in self.attempts.items()},
            "designed": self.designed.state(),
            "curves": self.curves,
        }

    def restore(self, state: dict[str, Any]) -> None:
        if state["problems"] != [exercise.problem.id for exercise in self.exercises]:
            raise ConfigError(
                f"task.limit={self.limit}: the state is of {len(state['problems'])} other problems",
                hint="leave data= and task.limit as they were, or begin a new run",
            )
        if set(state["attempts"]) != set(self.attempts):
            raise ConfigError(
                f"task.arms={self.arms}: the state is of other arms",
                hint="leave task.arms and task.feedback as they were, or begin a new run",
            )
        for arm, some in state["attempts"].items():
            for attempt, kept in zip(self.attempts[arm], some, strict=True):
                attempt.restore(kept)
        self.designed.restore(state["designed"])
        self.curves = state["curves"]

    def result(self) -> Mapping[str, Any]:
        title = f"{self.name} on {len(self.exercises)} problems"
        title += f"\n{self.desk.subtitle}" if self.desk.subtitle else ""
        named = {arm or f"feedback={self.feedback}": ys for arm, ys in self.curves.items()}
        self.run.save_image("pass.png", code_report.curve(named, title))
        for exercise, attempt in zip(self.exercises, self.attempts[""], strict=True):
            text = whole(exercise, attempt.program)
            self.run.save_text(f"programs/{exercise.problem.id}.py", text)
        n, right = len(self.exercises), sum(it.right for it in self.attempts[""])
        simulated = {"simulated": list(SIMULATED)} if self.programmed else {}
        return {"problems": n, "pass@1_ci": list(wilson(right, n)), **self._measured(), **simulated}

    # What is set up.

    def _exercises(self, data: CodeProblems) -> list[Exercise]:
        """The problems, with hidden tests and mutants; those that can't be used are told."""
        problems = list(data.test)[: self.limit]
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
                f"data={data.name} has no problem that can be used: {told}",
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
        groups = [
            self._programs(*pair, i) for pair in zip(asking, self._seen(asking, i), strict=True)
        ]
        exchanges = iter(self.desk.ask([request for group in groups for request in group]))
        found: dict[Place, list[Answer]] = {}
        for place, group in zip(asking, groups, strict=True):
            replies = [next(exchanges) for _ in group]
            good = [exchange for exchange in replies if not exchange.failed]
            found[place] = [(one, j) for one in good for j in range(one.request.n)]
        return found if i else {(arm, k): found["", k] for arm, k in places}

    def _programs(self, place: Place, tests: Sequence[Traced], i: int) -> list[Request]:
        arm, k = place
        problem, attempt = self.exercises[k].problem, self.attempts[arm][k]
        if i == 0:
            return self.agents.draft(problem, self.exercises[k].mutants)
        if self.feedbacks[arm] == "none":
            return self.agents.once_more(problem, attempt.first, arm=arm, i=i)
        tried = frozenset(attempt.marks)
        return self.agents.repair(
            problem, attempt.program, attempt.feedback, tests, tried, arm=arm, i=i
        )

    def _seen(self, places: Sequence[Place], i: int) -> list[list[Traced]]:
        """What a program that looks for its fault sees of its tests; a model sees words alone."""
        told = [self.programmed and i > 0 and self.feedbacks[arm] == "error" for arm, _ in places]
        jobs = [
            ([whole(self.exercises[k], self.attempts[arm][k].program)], self._tests(arm, k))
            for (arm, k), is_told in zip(places, told, strict=True)
            if is_told
        ]
        traces = iter(self.bench.traces(jobs))
        found = []
        for (arm, k), is_told in zip(places, told, strict=True):
            outcomes = next(traces)[0][1] if is_told else ()
            pairs = zip(self._tests(arm, k), outcomes, strict=False)
            found.append([Traced(test, o.passed, frozenset(o.lines)) for test, o in pairs])
        return found

    def _tests(self, arm: str, k: int) -> tuple[str, ...]:
        return flat(self.designed.suites(arm, k))

    # What comes back.

    def _turn(self, place: Place, answers: Sequence[Answer]) -> Turn:
        arm, k = place
        exercise, attempt = self.exercises[k], self.attempts[arm][k]
        entry = exercise.problem.entry
        programs = [parse_program(one.reply.texts[j], entry) or "" for one, j in answers]
        if self.programmed:
            attempt.marks += [mark(code) for code in programs if code]
        suites = self.designed.suites(arm, k)
        return Turn(arm=arm, exercise=exercise, attempt=attempt, suites=suites, programs=programs)

    def _note(self, turn: Turn, answers: Sequence[Answer], i: int) -> None:
        """For the transcript; the draft is noted as the run's own arm has judged it."""
        if i == 0 and turn.arm:
            return
        for (exchange, j), code, trial in zip(answers, turn.programs, turn.trials, strict=True):
            exchange.judged(j, code or None, self._verdict(turn, trial))

    def _verdict(self, turn: Turn, trial: Trial | None) -> dict[str, Any]:
        """What its own tests say of a program, for the transcript."""
        by = {"by": "its tests"}
        if trial is None:
            said = [unreadable(turn.exercise.problem.entry)]
            return {"ok": False, "score": 0.0, "violations": said, **by}
        score = trial.n_passed / max(1, len(trial.suites))
        said = [failure(trial.failing, trial.error)] if trial.failing else []
        accepted = trial.accepted(self.accept_rule, self.accept)
        return {"ok": accepted, "score": score, "violations": said, **by}

    def _keep(self, turns: Sequence[Turn], i: int) -> None:
        """Every program, how it ran, and what changed in the best ones."""
        programs = [
            {
                "arm": turn.arm or "own",
                "instance": turn.exercise.problem.id,
                "sample": j,
                "text": code,
            }
            for turn in turns
            if i or not turn.arm
            for j, code in enumerate(turn.programs)
            if code
        ]
        self.run.append("programs.jsonl", programs)
        self.run.append("executions.jsonl", [row for turn in turns for row in turn.rows()])
        changes = [
            code_report.diff(turn.before, turn.attempt.program, f"{turn.arm or 'own'}/{id}")
            for turn in turns
            for id in [turn.exercise.problem.id]
            if i
        ]
        if text := "".join(changes):
            self.run.save_text("changes.patch", text, at=i)

    def _measured(self) -> dict[str, float]:
        own = self.attempts[""]
        found: dict[str, float] = {
            "solved": sum(it.right for it in own),
            "solved_frac": sum(it.right for it in own) / len(own),
            "open": sum(not it.accepted for it in own),
        }
        for arm, attempts in self.attempts.items():
            found |= code_report.rates(attempts, arm)
        return found | self.designed.metrics()
