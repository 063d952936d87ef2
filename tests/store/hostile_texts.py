"""Harms: what the files say."""

import json
import os
from pathlib import Path

from hostile_run import EVIL, HUGE, change, change_lines, harm


@harm
def evil_names(run: Path, outside: Path) -> None:
    tame = EVIL.replace("\ud800", "")
    change(run / "run.json", id=tame, model=tame, data=tame, host=tame, version=tame,
           command=[tame], packages={tame: tame}, environment={tame: tame}, sweep={"id": tame},
           git={"commit": tame, "dirty": True, "patch": tame})  # fmt: skip


@harm
def evil_system(run: Path, outside: Path) -> None:
    change(run / "run.json", system=f"../{EVIL}".replace("\ud800", ""), family="\x1b[2J")


@harm
def half_characters_in_names(run: Path, outside: Path) -> None:
    change(run / "run.json", id="\ud800", model="\udfff")


@harm
def evil_texts(run: Path, outside: Path) -> None:
    numbers = {EVIL: 1.5, "total": 1.0, "[/]": 2.0}
    change(run / "summary.json", parameters={EVIL: EVIL, "to": EVIL}, last=numbers, costs=numbers,
           result={EVIL: [EVIL, {EVIL: EVIL}]}, objective={"metric": EVIL, "goal": EVIL},
           best={"i": 1, "value": 1.5})  # fmt: skip
    change(run / "status.json", state="failed", error=f"{EVIL}\n{EVIL}", reason=EVIL, host=EVIL)
    change(run / "run.json", objective={"metric": EVIL, "goal": EVIL}, resolved={EVIL: EVIL})
    change(run / "config.json", tags=[EVIL, 3, None, [EVIL]], task={EVIL: EVIL, "about": EVIL})
    change_lines(run, metrics=numbers, cost=numbers, labels={EVIL: EVIL}, files=[EVIL])
    (run / "log.txt").write_bytes(EVIL.encode(errors="surrogatepass") + b"\xff\xfe\n" * 50)
    (run / "marks.json").write_text(json.dumps({"tags": [EVIL], "note": f"{EVIL}\n{EVIL}"}))


@harm
def evil_file_names(run: Path, outside: Path) -> None:
    name = EVIL.replace("\0", "").replace("/", "|").replace("\ud800", "")[:80]
    for raw in (os.fsencode(name), b"\xff\xfe\x1b[31m", b"-rf", b"a\nb", b"<img src=x>.png"):
        with open(os.path.join(os.fsencode(run / "artifacts"), raw), "w") as file:
            file.write("x")
    (run / name).write_text("foreign")


@harm
def evil_folder_name(run: Path, outside: Path) -> None:
    run.rename(run.with_name("\x1b[2J[bold]\u202e"))


@harm
def numbers_as_strings(run: Path, outside: Path) -> None:
    change(run / "summary.json", last={"total": "3.0"}, seconds="0.3", best={"i": "1", "value": 2})
    change_lines(run, i="1", metrics={"total": "3"})


@harm
def numbers_as_strings_where_any_may_be(run: Path, outside: Path) -> None:
    change(run / "summary.json", parameters={"to": "3", "by": [], "seed": {}, "mode": True},
           result={"said": "NaN", "n": "-Infinity"})  # fmt: skip


@harm
def huge_numbers(run: Path, outside: Path) -> None:
    change(run / "run.json", seed=HUGE, threads=HUGE, resolved={"to": HUGE})
    change(run / "summary.json", parameters={"to": HUGE, "by": [-HUGE]}, result={"n": HUGE})


@harm
def huge_metrics(run: Path, outside: Path) -> None:
    change(run / "summary.json", last={"total": HUGE, "draw": -HUGE}, costs={"ms": HUGE},
           best={"i": 1, "value": HUGE})  # fmt: skip
    change_lines(run, metrics={"total": HUGE, "draw": 1e308}, cost={"ms": HUGE})


@harm
def huge_times(run: Path, outside: Path) -> None:
    change(run / "summary.json", seconds=HUGE, iterations=HUGE)
    change_lines(run, time=HUGE, seconds=HUGE)


@harm
def huge_status(run: Path, outside: Path) -> None:
    change(run / "status.json", state="running", attempt=HUGE, pid=HUGE, start_ticks=HUGE,
           heartbeat=HUGE, iteration=HUGE)  # fmt: skip


@harm
def alive_for_ever(run: Path, outside: Path) -> None:
    change(run / "status.json", state="running", pid=1, host="node\x1b[2J", heartbeat=1e300)


@harm
def odd_status(run: Path, outside: Path) -> None:
    change(run / "status.json", state="\x1b[2J", attempt=-7, pid=-1, heartbeat=float("nan"),
           iteration=-5)  # fmt: skip


@harm
def not_finite_without_quotes(run: Path, outside: Path) -> None:
    nan, inf = float("nan"), float("inf")
    change(run / "summary.json", last={"total": nan, "draw": inf}, seconds=nan,
           best={"i": 1, "value": -inf}, parameters={"to": nan})  # fmt: skip
    change_lines(run, metrics={"total": nan, "draw": -inf}, seconds=inf, time=nan)


@harm
def digits_beyond_reason(run: Path, outside: Path) -> None:
    text = (run / "summary.json").read_text()
    (run / "summary.json").write_text(text.replace('"iterations":3', f'"iterations":{"9" * 10**5}'))


@harm
def iterations_out_of_order(run: Path, outside: Path) -> None:
    path = run / "iterations.jsonl"
    lines = path.read_text().splitlines()
    odd = [lines[0].replace('"i":1', f'"i":{i}') for i in (-1, 0, 10**17, 3, 3, HUGE)]
    path.write_text("\n".join([*reversed(lines), *odd]) + "\n")


@harm
def wrong_shapes(run: Path, outside: Path) -> None:
    change(run / "config.json", task=[1], checkpoint=[1], stop="x", tags={"a": 1}, model=7,
           hydra=3, seed="x", logger=[{"_target_": "os.system"}])  # fmt: skip
    change(run / "run.json", sweep={"id": [1], "job": {}}, git={"commit": [1], "dirty": "yes"},
           parent={"run": "aaaa0001", "iteration": -(10**18), "changes": 3})  # fmt: skip


@harm
def its_own_parent(run: Path, outside: Path) -> None:
    id = json.loads((run / "run.json").read_text())["id"]
    change(run / "run.json", parent={"run": id, "iteration": 1, "changes": {EVIL: [EVIL]}})


@harm
def every_file_a_list(run: Path, outside: Path) -> None:
    for name in ("config.json", "status.json", "summary.json", "marks.json"):
        (run / name).write_text("[1]")


@harm
def a_million_keys(run: Path, outside: Path) -> None:
    keys = {f"k{n}": n for n in range(300_000)}
    change(run / "summary.json", parameters=keys)


@harm
def long_texts(run: Path, outside: Path) -> None:
    change(run / "status.json", state="failed", error="line of text\n" * 100_000)
    (run / "marks.json").write_text(json.dumps({"note": "n" * 10_000_000, "tags": ["t" * 10**6]}))


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@harm
def nested_to_the_bottom(run: Path, outside: Path) -> None:
    for name in ("config.json", "summary.json", "marks.json", "iterations.jsonl"):
        (run / name).write_text(_nested(200_000))


@harm
def nested_as_deep_as_can_be_read(run: Path, outside: Path) -> None:
    deep = json.loads(_nested(800))
    change(run / "summary.json", parameters={"to": deep}, result={"r": deep})
    change(run / "config.json", task={"to": deep, "about": deep}, tags=deep, model=deep)
    change(run / "run.json", resolved={"to": deep}, sweep={"id": deep}, git={"commit": deep})


@harm
def nested_a_hundred_deep(run: Path, outside: Path) -> None:
    deep = json.loads(_nested(100))
    change(run / "summary.json", parameters={"to": deep}, result={"r": deep})
    change(run / "config.json", task={"to": deep}, tags=deep)
