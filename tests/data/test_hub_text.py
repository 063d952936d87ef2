"""Published corpora through `datasets`, from a hub on the loopback interface.

`datasets` reads HF_ENDPOINT when it is imported, so each case is a process of its own.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from hub_server import Hub, Repository, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("datasets")
pytestmark = pytest.mark.slow

CARD = """---
configs:
- config_name: wikitext-2-raw-v1
  data_files:
  - {split: train, path: wikitext-2-raw-v1/train-*}
  - {split: validation, path: wikitext-2-raw-v1/validation-*}
  - {split: test, path: wikitext-2-raw-v1/test-*}
---
"""
SPLITS = ("train", "validation", "test")


def parquet(**columns: list[str]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def lines(word: str, n: int) -> bytes:
    return gzip.compress("\n".join(json.dumps({"text": f"{word}{k}"}) for k in range(n)).encode())


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    wiki = {f"wikitext-2-raw-v1/{s}-0.parquet": parquet(text=[s, "", "end\n"]) for s in SPLITS}
    wiki["README.md"] = CARD.encode()
    shards = {
        "en/c4-train.00000-of-01024.json.gz": lines("train", 5),
        "en/c4-validation.00000-of-00008.json.gz": lines("v", 9),
    }
    trees = {f"penn_treebank/{s}/0000.parquet": parquet(sentence=[s, "is", "it"]) for s in SPLITS}
    script = {"ptb_text_only.py": b"raise SystemExit('this must not run')"}
    pairs = parquet(
        instruction=[f"ask {k} " for k in range(7)], response=[f"say {k}\n" for k in range(7)]
    )
    ptb = Repository(script, branches={"refs/convert/parquet": trees})
    with serving(
        {
            "datasets/Salesforce/wikitext": Repository(wiki),
            "datasets/allenai/c4": Repository(shards),
            "datasets/ptb-text-only/ptb_text_only": ptb,
            "datasets/MBZUAI/LaMini-instruction": Repository({"data/train-0.parquet": pairs}),
        }
    ) as server:
        yield server


def run(call: str, endpoint: str, home: Path, module: str = "text") -> dict[str, str]:
    """What `<module>.<call>` gives for each split; or the error it raises."""
    program = f"""
import json
from iterun.data import {module}, text
from iterun.errors import IterunError
try:
    data = {module}.{call}
    print(json.dumps({{split: data.text(split) for split in text.SPLITS}}))
except IterunError as error:
    print(json.dumps({{"error": error.message, "hint": error.hint}}))
"""
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "ITERUN_CACHE": str(home),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def test_wikitext_lines_are_joined_with_two_newlines(hub: Hub, tmp_path: Path) -> None:
    got = run("wikitext2()", hub.url, tmp_path)

    assert got == {
        "train": "train\n\n\n\nend\n",
        "dev": "validation\n\n\n\nend\n",
        "test": "test\n\n\n\nend\n",
    }


def test_the_first_documents_of_c4_are_test_and_the_next_dev(hub: Hub, tmp_path: Path) -> None:
    got = run("c4(documents=3)", hub.url, tmp_path)

    assert got["train"] == "train0 train1 train2 train3 train4"
    assert (got["test"], got["dev"]) == ("v0 v1 v2", "v3 v4 v5")


def test_ptb_comes_from_the_hubs_parquet_and_its_script_is_refused(
    hub: Hub, tmp_path: Path
) -> None:
    assert run("ptb()", hub.url, tmp_path)["test"] == "test is it"
    other = run(r"ptb(eval_split='validation', join='\n\n')", hub.url, tmp_path)
    assert (other["test"], other["dev"]) == ("validation\n\nis\n\nit", "test\n\nis\n\nit")

    refused = run("ptb(revision=None)", hub.url, tmp_path)

    assert "made by a script, which is never run" in refused["error"]
    assert "data.revision=refs/convert/parquet" in refused["hint"]


def test_instructions_stand_before_their_responses_and_the_last_are_held_out(
    hub: Hub, tmp_path: Path
) -> None:
    got = run("lamini(held_out=2)", hub.url, tmp_path, "instructions")

    both = [f"ask {k}\n\nsay {k}" for k in range(7)]
    assert got["train"] == "\n\n".join(both[:3])
    assert got["dev"] == "\n\n".join(both[3:5])
    assert got["test"] == "\n\n".join(both[5:])
    refused = run("lamini(held_out=4)", hub.url, tmp_path, "instructions")
    assert refused["error"] == "data.held_out=4, twice, leaves none of 7 documents to train on"
    assert refused["hint"] == "at most data.held_out=3"


def test_what_was_fetched_serves_without_network(hub: Hub, tmp_path: Path) -> None:
    fetched = run("wikitext2()", hub.url, tmp_path)

    assert run("wikitext2()", "http://127.0.0.1:9", tmp_path) == fetched
    other = run("wikitext2(revision='v2')", "http://127.0.0.1:9", tmp_path)
    assert "is not on this machine" in other["error"]


def test_an_unknown_revision_is_named(hub: Hub, tmp_path: Path) -> None:
    got = run("wikitext2(revision='v2')", hub.url, tmp_path)

    assert got["error"] == "data=wikitext2: Salesforce/wikitext has no such revision on the hub"


def test_without_network_the_embedded_text_is_named(tmp_path: Path) -> None:
    got = run("wikitext2()", "http://127.0.0.1:9", tmp_path)

    assert got["error"].startswith("data=wikitext2: Salesforce/wikitext is not on this machine")
    assert "data=pydoc" in got["hint"]
