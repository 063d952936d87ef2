"""Graph colorings asked of a chat model, criticized, and asked again.

Paper: GPT-4 Doesn't Know It's Wrong: An Analysis of Iterative Prompting for Reasoning Problems
(arXiv 2310.12397).

    round 0   a_0 = model(problem)                    direct; one answer, the same for all arms
    round i   f   = critic(a_{i-1})                   an arm is done with a graph it accepts
              a_i = model(problem, a_{i-1}, f)

    self        the model is its own critic: it is done where it says "right"
    external_F  an exact verifier is: it tells passfail, the first or all violated edges, or claims
                that of one which is fine (random)
    best_of_k   no critic: fresh answers to the problem, the exact verifier picks; k = i + 1

One step is round i of all arms: the critiques of all graphs in one call, then all answers in one.
Answers that count are verified exactly: `solved_<arm>` graphs, `solved_frac_<arm>` of all. Without
an arm's name: of the external critic of task.feedback, or of the only one. `chance_<arm>` is what
uniform guesses solve: one guess in the arms that nobody verifies (direct, self), i + 1 in others.

Departures: graphs are planted, not the paper's (data=planar-graphs is nearer). best_of_k goes on
with graphs that it has solved, so that `pass_at_k` is unbiased; it counts them no more. A reply
that is no coloring is told so by all critics, itself included, and the last valid one counts; one
that could not be had changes nothing. Verdicts are the likeliest ones, whatever task.temperature.
The judged answers of `verify_probe` are the four of `judges.coloring.probes`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, ClassVar, Literal

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.data.cache import digest
from iterun.errors import ConfigError, too_small
from iterun.judges import coloring as judge
from iterun.judges.coloring_chains import Chain, Critic, arms_of, counts, main_arm
from iterun.judges.coloring_report import Report
from iterun.models.chat.desk import Desk, Exchange
from iterun.models.coloring_prompts import Prompts
from iterun.models.graph_colorer import propose
from iterun.ops.attempts import within
from iterun.types import ChatModel, Programmed


@dataclass(kw_only=True)
class Coloring(Procedure):
    """Iterative prompting for graph coloring."""

    model_kind: ClassVar = "chat"
    data_kind: ClassVar = "coloring"

    rounds: int  #: of critique and answer, after the direct answers
    critic: Critic  #: self, external or none (best_of_k); compare: all on the same graphs
    feedback: judge.Feedback  #: what the external critic tells; with `compare` that of the main arm
    history: Literal["last", "full"]  #: whether a prompt shows the last answer, or all of them
    temperature: float  #: of the colorings; 0: the likeliest
    constrained: bool  #: whether replies are held to the form that is asked for
    max_tokens: int  #: of a reply that is not held to it
    verify_probe: bool  #: whether the model judges answers that are known, in iteration 0

    def check(self) -> Iterator[ConfigError]:
        yield from too_small(vars(self), {"rounds": 1, "max_tokens": 1})
        if not (self.temperature >= 0 and isfinite(self.temperature)):
            yield ConfigError(
                f"task.temperature={self.temperature} is not a number from 0",
                hint="as in task.temperature=1.0",
            )

    def start(self, run: Run) -> None:
        self.run, data = run, run.data()
        chat = run.model(ChatModel)  # type: ignore[type-abstract]  # a protocol
        if isinstance(chat, Programmed):
            chat.answer_with(propose)
        self.desk, self.model = Desk(chat, run), chat
        self.data_name, self.graphs = data.name, list(data.drawn(run.numpy("graphs", 0)))
        self.prompts = Prompts(
            temperature=self.temperature, constrained=self.constrained, max_tokens=self.max_tokens
        )
        self.arms = arms_of(self.critic, self.feedback)
        self.main = main_arm(self.critic, self.feedback)
        self.chains = {arm: [Chain(graph, arm) for graph in self.graphs] for arm in self.arms}
        self.chances = [judge.chance(graph) for graph in self.graphs]
        self.told: Counter[str] = Counter()  # what the model as its own critic has done
        self.curves: list[dict[str, float]] = []  # solved_frac and chance by round
        self.probed: list[dict[str, Any]] = []  # rows of verify_confusion.csv
        self._remark()

    def length(self) -> int:
        return self.rounds

    def baseline(self) -> Mapping[str, float]:
        for graph in self.graphs:
            self.run.save_text(f"instances/{graph.name}.col", graph.dimacs())
        direct = self.chains["direct"]
        asked = [self._question(chain, k, 0) for k, chain in enumerate(direct)]
        probes = self._probes() if self.verify_probe else []
        exchanges = self.desk.ask([*asked, *(request for _, request in probes)])
        failed = sum(
            self._take([self.chains[arm][k] for arm in self.arms], exchange, 0)
            for k, exchange in enumerate(exchanges[: len(asked)])
        )
        if probes:
            self._confusion([kind for kind, _ in probes], exchanges[len(asked) :])
        return self._measured(0, failed)

    def step(self, i: int) -> Mapping[str, float]:
        self._criticize(i)
        chains = [
            (k, chain)
            for arm in self.arms
            for k, chain in enumerate(self.chains[arm])
            if chain.asks_for_answer
        ]
        exchanges = self.desk.ask([self._question(chain, k, i) for k, chain in chains])
        failed = 0
        for (_, chain), exchange in zip(chains, exchanges, strict=True):
            failed += self._take([chain], exchange, i) and chain.arm == self.main
        arms = [arm for arm in self.arms if arm != "direct"]
        if not any(chain.is_open for arm in arms for chain in self.chains[arm]):
            self.run.stop("nothing open")
        return self._measured(i, failed)

    def state(self) -> dict[str, Any]:
        return {
            "graphs": [digest(graph.dimacs()) for graph in self.graphs],
            "chains": {arm: [chain.state() for chain in self.chains[arm]] for arm in self.arms},
            "told": dict(self.told),
            "curves": self.curves,
            "probed": self.probed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        if tuple(state["chains"]) != self.arms:
            raise ConfigError(
                f"task.critic={self.critic} task.feedback={self.feedback}: the state is of the "
                f"arms {', '.join(state['chains'])}",
                hint="leave both as they were, or begin a new run",
            )
        if state["graphs"] != [digest(graph.dimacs()) for graph in self.graphs]:
            raise ConfigError(
                f"data={self.data_name}: the state is of {len(state['graphs'])} other graphs",
                hint="leave data= and data.* as they were, or begin a new run",
            )
        for arm in self.arms:
            for chain, kept in zip(self.chains[arm], state["chains"][arm], strict=True):
                chain.restore(kept)
        self.told = Counter(state["told"])
        self.curves, self.probed = state["curves"], state["probed"]

    def result(self) -> Mapping[str, Any]:
        report = Report(self.chains, self.curves, self.main)
        title = f"{self.model.name} on {len(self.graphs)} graphs"
        if self.desk.subtitle:
            title += f"\n{self.desk.subtitle}"
        self.run.save_image("curves.png", report.drawn(title))
        self.run.save_image("graph.png", report.before_and_after(title))
        simulated = {"simulated": ["answers", "critiques"]} if self.desk.subtitle else {}
        return {"arm": self.main, **report.figures(), **simulated}

    # What is asked.

    def _question(self, chain: Chain, k: int, i: int) -> Any:
        seed = self.run.seed_of("answer", chain.arm, k, i)
        return self.prompts.color(chain.graph, chain.turns, seed, chain.arm, i)

    def _probes(self) -> list[tuple[str, Any]]:
        """Kinds of known answers, and the requests to judge them."""
        found = []
        for k, graph in enumerate(self.graphs):
            for kind, colors in judge.probes(graph, self.run.numpy("probes", k)).items():
                seed = self.run.seed_of("probe", kind, k)
                answer = graph.written(colors)
                request = self.prompts.judge(graph, answer, seed, "probe", 0, edge=False)
                found.append((kind, request))
        return found

    # What comes back.

    def _criticize(self, i: int) -> None:
        """The model judges its own last answers; what it calls right is done."""
        due = [(k, c) for k, c in enumerate(self.chains.get("self", ())) if c.asks_for_critique]
        exchanges = self.desk.ask(
            [
                self.prompts.judge(
                    chain.graph, chain.answer, self.run.seed_of("critique", k, i), "critic", i
                )
                for k, chain in due
            ]
        )
        for (_, chain), exchange in zip(due, exchanges, strict=True):
            if exchange.failed:
                continue
            said = judge.critique(exchange.reply.text)
            exchange.judged(0, said, {"ok": said is chain.solved})
            self.told.update(chain.hear(said, exchange.reply.text))

    def _take(self, chains: Sequence[Chain], exchange: Exchange, i: int) -> bool:
        """Give the reply to the chains that asked; whether it is no coloring."""
        if exchange.failed:
            for chain in chains:
                chain.miss()
            return False
        graph, whole_past = chains[0].graph, self.history == "full"
        taken = [
            chain.take(
                exchange.reply.text,
                whole_past=whole_past,
                draw=self.run.numpy("claims", graph.name, i),
            )
            for chain in chains
        ]
        colors, verdict = taken[0]  # the same for all of them
        words = None if colors is None else [graph.color_names[c] for c in colors]
        solved = {"solved": {chain.arm: chain.solved for chain in chains}}
        exchange.judged(0, words, asdict(verdict) | solved)
        return colors is None

    def _confusion(self, kinds: Sequence[str], exchanges: Sequence[Exchange]) -> None:
        """verify_confusion.csv: what the model says of answers that are known."""
        said: Counter[tuple[str, bool | None]] = Counter()
        for kind, exchange in zip(kinds, exchanges, strict=True):
            if not exchange.failed:
                verdict = judge.critique(exchange.reply.text)
                exchange.judged(0, verdict, {"ok": verdict is (kind == "right"), "answer": kind})
                said[kind, verdict] += 1
        columns = {"said_right": True, "said_wrong": False, "no_verdict": None}
        self.probed = [
            {"answer": kind, **{name: said[kind, value] for name, value in columns.items()}}
            for kind in judge.PROBES
        ]
        self.run.save_table("verify_confusion.csv", self.probed)

    # Measures.

    def _measured(self, i: int, failed: int) -> dict[str, float]:
        """All metrics of round i; its calls go into the transcript."""
        own = self.chains[self.main]
        found: dict[str, float] = {
            "solved": sum(chain.solved for chain in own),
            "solved_frac": sum(chain.solved for chain in own) / len(own),
            "open": sum(chain.is_open for chain in own),
            "parse_fail": failed,
        }
        for arm in self.arms:
            found |= counts(self.chains[arm], arm) | self._chance(arm, i)
        if "self" in self.arms:
            names = ("stopped", "false_accept", "false_reject")
            found |= {f"self_{name}": self.told[name] for name in names}
            found["self_given_up"] = sum(chain.given_up for chain in self.chains["self"])
        self.curves.append(
            {name: x for name, x in found.items() if name.startswith(("solved_frac_", "chance_"))}
        )
        self.desk.file()
        return found | self.desk.metrics()

    def _chance(self, arm: str, i: int) -> dict[str, float]:
        """What uniform guessing solves of graphs whose colorings can be counted."""
        known = [p for p in self.chances if p is not None]
        if len(known) < len(self.chances):
            return {}
        tries = 1 if arm in ("direct", "self") else i + 1
        return {f"chance_{arm}": sum(within(p, tries) for p in known) / len(known)}

    def _remark(self) -> None:
        if "best_of_k" in self.arms and self.temperature == 0:
            self.run.warn("task.temperature=0: best_of_k gets the same answer every time")
        if unknown := sum(p is None for p in self.chances):
            self.run.warn(f"{unknown} graphs have too many colorings to count: no chance_<arm>")
