"""Write golden runs anew: seeded metrics that every later version has to give again.

    python scripts/make_golden.py [FAMILY/SYSTEM...]

tests/golden/<family>/<system>.jsonl opens with how the run is made, {"line": [...], "tolerance":
relative}, and holds an iteration a line: number, metrics, labels. Here the first line is kept and
the others are computed again; tests/test_golden.py compares. A commit that does this says what
changed.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests/golden"


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How the run is made, and its iterations."""
    first, *others = map(json.loads, path.read_text().splitlines())
    return first, others


def run(line: list[str], directory: Path) -> list[dict[str, Any]]:
    """Do the run; paths in `line` are relative to the project."""
    from iterun.config.compose import compose, to_plain
    from iterun.launch.local import launch
    from iterun.store.reader import RunView

    os.chdir(ROOT)
    config = to_plain(compose([*line, "backend=cpu", "backend.threads=1"]))
    launch(
        config, directory=directory, outputs=directory.parent, argv=[], listener=lambda event: None
    )
    return [
        {"i": done.i, "metrics": dict(done.metrics), "labels": dict(done.labels)}
        for done in RunView(directory).iterations()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write golden runs anew.")
    parser.add_argument("systems", nargs="*", help="as in prune/perp; all if none is named")
    names = parser.parse_args().systems
    for path in sorted(GOLDEN.glob("*/*.jsonl")):
        system = f"{path.parent.name}/{path.stem}"
        if names and system not in names:
            continue
        first, before = read(path)
        with tempfile.TemporaryDirectory() as folder:
            after = run(first["line"], Path(folder) / "run")
        path.write_text("".join(json.dumps(row) + "\n" for row in [first, *after]))
        print(f"{system}: {len(after)} iterations, {'the same' if after == before else 'changed'}")


if __name__ == "__main__":
    main()
