"""A chat server on the loopback interface: it speaks OpenAI's protocol, and fails as told.

    with serving() as server:
        server.faults = [Status(429, {"Retry-After": "1"}), WebPage()]
        ...  # against server.url: one 429, one web page, then answers

Its model repeats the last message and the seed, or fills a schema by first choices. Faults are used
up in the order in which calls come in. What it does not take is refused by name, with status 400.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 20.0  # seconds that a call may hang


@dataclass
class Status:
    """An error status with a message in the service's own form."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "as the test wants it"
    code: str | None = None
    param: str | None = None  #: the argument that it is about

    def answer(self, call: Handler) -> None:
        error = {"message": self.message, "type": "test", "param": self.param, "code": self.code}
        call.send_json({"error": error}, self.status, self.headers)


@dataclass
class Bytes:
    """A 200 with a body that is no reply."""

    body: bytes
    kind: str = "application/json"
    length: int | None = None  #: announced; more than there is: cut short

    def answer(self, call: Handler) -> None:
        call.send_bytes(self.body, 200, {"Content-Type": self.kind}, self.length)


@dataclass
class Reset:
    """The connection is torn instead of an answer."""

    def answer(self, call: Handler) -> None:
        linger = struct.pack("ii", 1, 0)
        call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        call.connection.shutdown(socket.SHUT_WR)
        call.connection.close()
        call.close_connection = True


@dataclass
class Hang:
    """No answer until the server ends."""

    def answer(self, call: Handler) -> None:
        call.state.closing.wait(PATIENCE)


@dataclass
class Choices:
    """A reply with other choices than the model's."""

    choices: list[Any]

    def answer(self, call: Handler) -> None:
        call.send_json({**call.completion([]), "choices": self.choices})


Fault = Status | Bytes | Reset | Hang | Choices


def choice(content: str | None, finish: str = "stop") -> dict[str, Any]:
    return {
        "index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content},
    }  # fmt: skip


BROKEN = Bytes(b'{"choices": [{"message": ')
TRUNCATED = Bytes(b'{"choices": []', length=4000)
WEB_PAGE = Bytes(b"<html><body>Bad gateway</body></html>", "text/html")
LIST = Bytes(b"[]")
NO_CHOICES = Choices([])
NULL_CONTENT = Choices([choice(None)])
NO_MESSAGE = Choices([{"index": 0, "finish_reason": "stop"}])


@dataclass
class Server:
    """A running server, and what it has seen."""

    url: str = ""
    key: str | None = None  #: asked for; None: none is
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None  #: for every call, after `faults`
    refuses: set[str] = field(default_factory=set)  #: names of arguments
    one_at_a_time: bool = False  #: n is taken and not kept to
    writes: Callable[[dict[str, Any], int], str] | None = None  #: the model: (body, sample) -> text
    hold: Callable[[dict[str, Any]], None] = lambda body: None  #: called before an answer
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def calls(self) -> int:
        return len(self.bodies)


@contextmanager
def serving(**settings: Any) -> Iterator[Server]:
    """A server until the block is left."""
    state = Server(**settings)

    class Bound(Handler):
        pass

    Bound.state = state
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Server
    body: dict[str, Any]

    def log_message(self, *args: object) -> None:
        """Nothing on stderr."""

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state = self.state
        with state.lock:
            state.bodies.append(self.body)
            state.headers.append(dict(self.headers))
            state.in_flight += 1
            state.most_in_flight = max(state.most_in_flight, state.in_flight)
            fault = state.faults.pop(0) if state.faults else state.always
        try:
            state.hold(self.body)
            fault = fault or self.refusal()
        finally:
            # Before the answer: who has it may send the next call at once.
            with state.lock:
                state.in_flight -= 1
        if fault is not None:
            fault.answer(self)
        else:
            n = 1 if state.one_at_a_time else self.body.get("n", 1)
            self.send_json(self.completion([choice(self.text(j)) for j in range(n)]))

    def refusal(self) -> Status | None:
        if self.path != "/v1/chat/completions":
            return Status(404, message=f"no route {self.path}")
        if self.state.key and self.headers["Authorization"] != f"Bearer {self.state.key}":
            return Status(401, message="the key is wrong")
        for name in sorted(self.state.refuses & self.body.keys()):
            use = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
            return Status(400, message=f"Unsupported parameter: '{name}' is not supported.{use}")
        return None

    def text(self, j: int) -> str:
        if self.state.writes is not None:
            return self.state.writes(self.body, j)
        if shape := self.body.get("response_format"):
            properties = shape["json_schema"]["schema"]["properties"]
            return json.dumps({key: value["enum"][0] for key, value in properties.items()})
        said, seed = self.body["messages"][-1]["content"], self.body.get("seed")
        return f"{said} [{seed}.{j}]"

    def completion(self, choices: list[Any]) -> dict[str, Any]:
        tokens = {"prompt_tokens": 7, "completion_tokens": 3 * len(choices)}
        return {
            "id": "c", "object": "chat.completion", "created": 0, "model": self.body["model"],
            "choices": choices, "usage": tokens | {"total_tokens": sum(tokens.values())},
        }  # fmt: skip

    def send_json(
        self, value: object, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        kind = {"Content-Type": "application/json"}
        self.send_bytes(json.dumps(value).encode(), status, kind | (headers or {}))

    def send_bytes(
        self, body: bytes, status: int, headers: dict[str, str], length: int | None = None
    ) -> None:
        with suppress(ConnectionError):  # who asked has left
            self.write(body, status, headers, length)

    def write(self, body: bytes, status: int, headers: dict[str, str], length: int | None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if length is not None:
            self.close_connection = True
