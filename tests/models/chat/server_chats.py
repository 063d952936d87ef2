"""Chat models on the test server, with the settings of conf/model/openai.yaml and no waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from iterun.config.locate import conf_dir
from iterun.models.chat import settings as server_settings
from iterun.models.chat.server import ServerChat
from iterun.types import Message, Request

if TYPE_CHECKING:
    import threading

    from fault_server import Server

NOW = 1_700_000_000.0  # seconds since 1970


def openai_yaml() -> dict[str, Any]:
    text = (conf_dir() / "model" / "openai.yaml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text) | {"name": "test-model"}
    return {key: value for key, value in settings.items() if key != "_target_"}


class Waits:
    """Takes the place of waiting: notes for how long."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, stop: threading.Event, seconds: float) -> bool:
        self.seconds.append(seconds)
        return stop.is_set()


def chat_on(server: Server, waits: Waits | None = None, **settings: Any) -> ServerChat:
    usual = {"id": "test-model", "base_url": server.url, "api_key_env": None, "cache": "off"}
    read = server_settings.read(openai_yaml() | usual | settings)
    return ServerChat(read, pause=waits or Waits(), now=lambda: NOW)


def ask(text: str, **settings: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), **settings)
