"""Types every command of the README's tour, in order, and holds its output against the README.

    python scripts/tour.py             # exit status 1 if a command fails or says other things
    python scripts/tour.py --write     # puts what the commands say today into README.md

A block that starts with ```console is part of the tour: `$ COMMAND` and below it what it prints. A
line `…` stands for lines left out; --write keeps as many lines before it as there are. Numbers, ids
and times differ from run to run, so that only the words are compared: those in the README must
stand in what the command prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CUT = "…"
WIDTH = 100
#: what differs from run to run: ids, and everything with a digit in it
VARIES = re.compile(r"\b[a-z2-7]{8}\b|\S*\d\S*")
WORD = re.compile(r"[A-Za-z_]{3,}")


@dataclass
class Step:
    """A command and what the README shows of its output."""

    command: str
    shown: list[str] = field(default_factory=list)

    def words(self) -> set[str]:
        """The words shown that must come again."""
        return {word for line in self.shown for word in WORD.findall(VARIES.sub(" ", line))}


def steps(block: str) -> list[Step]:
    """The commands of a block."""
    found: list[Step] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Step(line.removeprefix("$ ")))
        elif found:
            found[-1].shown.append(line)
    return found


def typed(step: Step, folder: Path) -> str:
    """What a command prints, standard error with it, in a folder of its own.

    Raises:
        SystemExit: it fails.
    """
    keep = ("PATH", "HOME", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "OMP_NUM_THREADS")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    environment |= {
        "COLUMNS": str(WIDTH), "NO_COLOR": "1", "LANG": "C.UTF-8",
        "ITERUN_CACHE": str(folder / ".cache"),
    }  # fmt: skip
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    done = subprocess.run(
        ["bash", "-c", step.command], cwd=folder, env={**environment, "PATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"exit status {done.returncode}: {step.command}\n{done.stdout}")
    return done.stdout.replace(f"{folder}{os.sep}", "")


def shortened(text: str, shown: list[str]) -> list[str]:
    """As many lines as the README shows so far, if it leaves any out."""
    lines = [line.rstrip() for line in text.rstrip().splitlines()]
    if CUT not in shown:
        return lines
    before, after = shown.index(CUT), len(shown) - shown.index(CUT) - 1
    if len(lines) <= before + after + 1:
        return lines
    return [*lines[:before], CUT, *lines[len(lines) - after :]]


def main() -> int:
    """Type all of them; the exit status."""
    text = README.read_text(encoding="utf-8")
    wrong = 0
    with tempfile.TemporaryDirectory() as name:

        def anew(match: re.Match[str]) -> str:
            nonlocal wrong
            lines: list[str] = []
            for step in steps(match[1]):
                print(f"$ {step.command}", flush=True)
                said = typed(step, Path(name))
                if gone := sorted(step.words() - set(WORD.findall(said))):
                    wrong += 1
                    print(f"  says no longer: {', '.join(gone)}")
                lines += [f"$ {step.command}", *shortened(said, step.shown)]
            return "```console\n" + "\n".join(lines) + "\n```"

        written = BLOCK.sub(anew, text)
    if "--write" in sys.argv[1:]:
        README.write_text(written, encoding="utf-8")
        return 0
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
