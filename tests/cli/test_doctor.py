"""`iterun doctor`: what is here, and what would keep a run from working."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from iterun.cli import examine


class Hub(BaseHTTPRequestHandler):
    """Answers every question about its head."""

    def do_HEAD(self) -> None:
        self.send_response(int(self.path.strip("/") or 200))
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    server = HTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_page_has_every_part(
    iterun: Any, runs: Any, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub)
    runs()

    answer = iterun("doctor")

    for part in (
        "Versions",
        "Devices",
        "Memory and disk",
        "Runs",
        "Caches",
        "Hub",
        "Models at hand",
    ):
        assert part in answer.lines
    assert f"{hub} answers" in answer.out
    assert "1 run below" in answer.out
    assert "model=opt-mini" in answer.out
    assert (answer.status, answer.lines[-1]) == (0, "all that a run needs is here")


def test_json_is_the_same_for_programs(
    iterun: Any, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{hub}/404")

    found = json.loads(iterun("doctor", "--json").out)

    assert found["ok"] is True
    names = {one["name"]: one for one in found["findings"]}
    assert names["torch"]["text"]
    assert names["hub"]["text"] == f"{hub}/404 answers (404)"


def test_a_hub_that_does_not_answer_is_no_fault(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")

    [found] = examine.hub()

    assert found.verdict == "note"
    assert "http://127.0.0.1:1 does not answer" in found.text
    assert "HF_ENDPOINT" in found.hint


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://x y", "http://[::1"])
def test_an_endpoint_that_is_none(endpoint: str, hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)

    [found] = examine.hub()

    assert found.verdict == "note"


def test_offline_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    [found] = examine.hub()

    assert found.text == "not asked: HF_HUB_OFFLINE is set"


def test_outputs_that_cannot_be_a_folder_are_a_fault(
    iterun: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "file").write_text("")

    answer = iterun("doctor", "--outputs", str(tmp_path / "file"))

    assert (answer.status, answer.lines[-1]) == (1, "1 problem: outputs")
    assert "can't be written" in answer.out
    assert "ITERUN_OUTPUTS" in answer.out
