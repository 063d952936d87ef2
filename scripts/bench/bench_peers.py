"""Looking at 1,000 and 10,000 runs: iterun beside guild, mlflow and trackio, in one run.

    PEERS=.peers python scripts/bench/bench_peers.py PEER_SCRIPTS [COUNT...]

PEER_SCRIPTS holds manyruns.py and clone10.py, which make the peers' stores; $PEERS their virtual
environments, v-guild, v-mlflow, v-trackio. A peer that is not there is left out. Each command is a
process of its own; the rounds go through all of them in turn, so that whatever else the machine
does meets all alike. Bars for 10,000 runs: ls 0.40 s, filter + sort + top 20 0.35 s, compare --csv
1 s, index rebuilt 3 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench_ls import make_runs

from iterun.store import paths

ROUNDS = 5
LONGEST = 15.0  #: seconds; what takes longer is done once
MLFLOW = """
import sys, mlflow
mlflow.set_tracking_uri("sqlite:///" + sys.argv[1] + "/m.db")
{}
"""
TOP = """print(mlflow.search_runs(["0"], "metrics.loss < 0.02 and params.system = 'perp'",
order_by=["metrics.accuracy DESC"], max_results=20))"""
TABLE = """mlflow.search_runs(["0"], max_results=100000).to_csv(sys.stdout)"""
SQL = "select * from metrics where step = 19 and metrics ->> 'loss' < 0.02 limit 20"


@dataclass
class Command:
    """One thing that a user asks for, of one tool."""

    what: str
    tool: str
    words: list[str]
    environment: dict[str, str]
    remove: Path | None = None  #: first, outside the time

    def seconds(self) -> float:
        """How long it takes, once."""
        if self.remove is not None:
            self.remove.unlink(missing_ok=True)
        environment = {**os.environ, "COLUMNS": "120", **self.environment}
        start = time.perf_counter()
        done = subprocess.run(self.words, env=environment, capture_output=True, check=False)
        taken = time.perf_counter() - start
        if done.returncode:
            raise SystemExit(f"{self.words}\n{done.stderr.decode()[-2000:]}")
        return taken


def commands(peers: Path, count: int, outputs: Path) -> list[Command]:
    """All commands, by what is asked; iterun first."""
    ours = [sys.executable, "-m", "iterun"]
    place = {"ITERUN_OUTPUTS": str(outputs), "PYTHONDONTWRITEBYTECODE": ""}
    found = [
        Command("newest 20", "iterun", [*ours, "ls", "-n", "20"], place),
        Command("all, with metrics", "iterun", [*ours, "ls", "--all"], place),
        Command("all, as JSON", "iterun", [*ours, "ls", "--json"], place),
        Command(
            "filter, sort, top 20", "iterun",
            [*ours, "ls", "sparsity>0.5", "task=prune*", "--sort", "ppl_final", "-n", "20"], place,
        ),
        Command("compare as CSV", "iterun", [*ours, "compare", "since=9999d", "--csv"], place),
        Command("index rebuilt", "iterun", [*ours, "ls", "-n", "1"], place, outputs / paths.INDEX),
    ]  # fmt: skip
    many = peers / "work" / "many"
    home = many / f"guild-{count}" / "gh"
    if home.exists():
        guild, at = str(peers / "v-guild" / "bin" / "guild"), {"GUILD_HOME": str(home)}
        loss = ["-F", "loss < 0.02"]
        found += [
            Command("newest 20", "guild", [guild, "runs", "list", "-n", "20"], at),
            Command("all, with metrics", "guild", [guild, "runs", "list", "-a"], at),
            Command(
                "filter, sort, top 20", "guild",
                [guild, "compare", "--csv", "-", *loss, "--max", "accuracy", "-n", "20"], at,
            ),
            Command("compare as CSV", "guild", [guild, "compare", "--csv", "-"], at),
        ]  # fmt: skip
    store = many / f"mlflow-{count}"
    if store.exists():
        python = str(peers / "v-mlflow" / "bin" / "python")
        at = {"MLFLOW_TRACKING_URI": f"sqlite:///{store}/m.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
        listed = [python.replace("python", "mlflow"), "runs", "list", "--experiment-id", "0"]
        script = [python, "-W", "ignore", "-c"]
        found += [
            Command("newest 20", "mlflow", listed, at),
            Command(
                "filter, sort, top 20", "mlflow", [*script, MLFLOW.format(TOP), str(store)], at
            ),
            Command("compare as CSV", "mlflow", [*script, MLFLOW.format(TABLE), str(store)], at),
        ]
    store = many / f"trackio-{count}"
    if store.exists():
        trackio, at = str(peers / "v-trackio" / "bin" / "trackio"), {"TRACKIO_DIR": str(store)}
        query = [trackio, "query", "project", "--project", "p", "--sql", SQL]
        found += [
            Command("newest 20", "trackio", [trackio, "list", "runs", "--project", "p"], at),
            Command("filter, sort, top 20", "trackio", query, at),
        ]
    order = list(dict.fromkeys(command.what for command in found))
    return sorted(found, key=lambda command: order.index(command.what))


def make_stores(peers: Path, scripts: Path, count: int) -> Path:
    """The stores of all tools that are there; iterun's folder."""
    environment = {**os.environ, "PEERS": str(peers)}
    for name in ("guild", "mlflow", "trackio"):
        python = peers / f"v-{name}" / "bin" / "python"
        if python.exists() and not (peers / "work" / "many" / f"{name}-{count}").exists():
            words = [str(python), "manyruns.py", name, "make", "1000"]
            if count != 1000:
                words = [sys.executable, "clone10.py", name]
            subprocess.run(words, cwd=scripts, env=environment, check=True, stdout=sys.stderr)
    outputs = peers / "work" / "many" / f"iterun-{count}"
    if not outputs.exists():
        make_runs(outputs, count)
    return outputs


def measure(asked: list[Command]) -> dict[int, list[float]]:
    """Seconds of each command, by its place in the list."""
    found: dict[int, list[float]] = {k: [command.seconds()] for k, command in enumerate(asked)}
    for _ in range(ROUNDS):
        for k, command in enumerate(asked):
            if found[k][0] < LONGEST:
                found[k].append(command.seconds())
    return found


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    scripts = Path(sys.argv[1]).absolute()
    peers = Path(os.environ.get("PEERS", ".peers")).absolute()
    for count in [int(n) for n in sys.argv[2:]] or [1000, 10_000]:
        asked = commands(peers, count, make_stores(peers, scripts, count))
        print(f"{count} runs: median s of {ROUNDS} rounds, warm (first)")
        for command, taken in zip(asked, measure(asked).values(), strict=True):
            warm = statistics.median(taken[1:] or taken)
            print(f"  {command.what:<22} {command.tool:<8} {warm:8.3f}  ({taken[0]:.3f})")


if __name__ == "__main__":
    main()
