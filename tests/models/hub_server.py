"""A model hub on the loopback interface: enough of the hub's protocol for `HF_ENDPOINT`.

    with serving({"tiny/opt": Repository(files)}) as hub:
        os.environ["HF_ENDPOINT"] = hub.url

Answers repository info, file trees, discussions, and files by HEAD and GET with ETag, commit and
byte ranges, for models and data sets; says "gated" and "not found" in the hub's own way.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Repository:
    """What a repository holds.

    Args:
        files: by path, at `main`.
        branches: files of other revisions, such as "refs/pr/1".
        offers: of the hub's converter: (author, revision), listed as open pull requests.
        gated: None; or the status, 401 or 403, that its files are refused with.
    """

    files: Mapping[str, bytes]
    branches: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    offers: tuple[tuple[str, str], ...] = ()
    gated: int | None = None

    def at(self, revision: str) -> Mapping[str, bytes] | None:
        if revision in ("main", COMMIT):
            return self.files
        return next((f for b, f in self.branches.items() if revision in (b, commit_of(b))), None)


@dataclass
class Hub:
    """A running server: its address, and the requests it has seen as "METHOD path"."""

    url: str
    requests: list[str] = field(default_factory=list)


def commit_of(revision: str) -> str:
    if revision == "main":
        return COMMIT
    if len(revision) == 40:
        return revision
    return hashlib.sha1(revision.encode(), usedforsecurity=False).hexdigest()


def files_of(folder: Path) -> dict[str, bytes]:
    """A folder's files as a repository's."""
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}


@contextmanager
def serving(repositories: Mapping[str, Repository]) -> Iterator[Hub]:
    """Serve models by id, data sets by "datasets/" and id, until the block is left."""
    hub = Hub("")

    class Bound(Handler):
        repos = repositories
        seen = hub.requests

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    repos: Mapping[str, Repository]
    seen: list[str]

    def log_message(self, *args: object) -> None:
        """Nothing on stderr."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        self.seen.append(f"{self.command} {self.path}")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[0] == "api":
            kind, id, rest = parts[1], "/".join(parts[2:4]), parts[4:]
            self.api(id if kind == "models" else f"datasets/{id}", id, rest)
        else:
            lead = 1 if parts[0] == "datasets" else 0
            id, rest = "/".join(parts[: lead + 2]), parts[lead + 2 :]
            self.resolve(id, rest[1:] if rest[:1] == ["resolve"] else [])

    def api(self, key: str, id: str, rest: list[str]) -> None:
        repo = self.repos.get(key)
        if repo is None:
            return self.refuse(404, "RepoNotFound", f"Repository {id} not found")
        if rest[:1] == ["discussions"]:
            return self.send_json(discussions(id, repo))
        action = rest[0] if rest[:1] in (["tree"], ["paths-info"]) else "revision"
        revision, below = split_revision(rest[1:])
        files = repo.at(revision)
        if files is None:
            return self.refuse(404, "RevisionNotFound", f"no revision {revision}")
        if action == "revision":
            return self.send_json(info(id, commit_of(revision), files, repo))
        if action == "paths-info":
            wanted = json.loads(self.body)["paths"]
            files = {name: content for name, content in files.items() if name in wanted}
        elif action == "tree":
            recursive = "recursive=true" in self.path.lower()
            return self.send_json(tree("/".join(below), files, recursive=recursive))
        return self.send_json([entry(name, content) for name, content in files.items()])

    def resolve(self, id: str, rest: list[str]) -> None:
        repo = self.repos.get(id)
        if repo is None:
            return self.refuse(404, "RepoNotFound", f"Repository {id} not found")
        if repo.gated:
            return self.refuse(repo.gated, "GatedRepo", f"Access to model {id} is restricted")
        revision, name = split_revision(rest)
        content = (repo.at(revision) or {}).get("/".join(name))
        if content is None:
            return self.refuse(404, "EntryNotFound", "Entry not found")
        return self.send_file(content, commit_of(revision))

    def send_file(self, content: bytes, commit: str) -> None:
        first, last, status = 0, len(content) - 1, 200
        if span := self.headers.get("Range"):
            start, _, end = span.removeprefix("bytes=").partition("-")
            first, last, status = int(start), min(last, int(end or last)), 206
        extra = {"ETag": f'"{etag(content)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if status == 206:
            extra["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self.send(status, content[first : last + 1], "application/octet-stream", extra)

    def send_json(self, value: object) -> None:
        self.send(200, json.dumps(value).encode(), "application/json", {})

    def refuse(self, status: int, code: str, message: str) -> None:
        extra = {"X-Error-Code": code, "X-Error-Message": message}
        self.send(status, json.dumps({"error": message}).encode(), "application/json", extra)

    def send(self, status: int, body: bytes, kind: str, extra: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def split_revision(parts: list[str]) -> tuple[str, list[str]]:
    """The revision that a path begins with ("refs/pr/1" has slashes), and what follows it."""
    length = 3 if parts[:1] == ["refs"] and parts[1:2] in (["pr"], ["convert"]) else 1
    return "/".join(parts[:length]) or "main", parts[length:]


def info(id: str, commit: str, files: Mapping[str, bytes], repo: Repository) -> dict[str, Any]:
    return {
        "_id": "0" * 24,
        "id": id,
        "sha": commit,
        "private": False,
        "gated": "manual" if repo.gated else False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "siblings": [{"rfilename": name} for name in files],
    }


def entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(content), "oid": etag(content)}


def tree(folder: str, files: Mapping[str, bytes], *, recursive: bool) -> list[dict[str, Any]]:
    """Files and folders in `folder`, "" for the top; those below them too if `recursive`."""
    lead = f"{folder}/" if folder else ""
    inside = {n.removeprefix(lead): c for n, c in files.items() if n.startswith(lead)}
    folders = sorted({str(up) for n in inside for up in PurePosixPath(n).parents} - {"."})
    found = [{"type": "directory", "path": lead + name, "oid": "0" * 40} for name in folders]
    found += [entry(lead + name, content) for name, content in inside.items()]
    return [e for e in found if recursive or "/" not in e["path"].removeprefix(lead)]


def discussions(id: str, repo: Repository) -> dict[str, Any]:
    found = [
        {
            "num": int(revision.rsplit("/", 1)[1]),
            "title": "Adding `safetensors` variant of this model",
            "status": "open",
            "author": {"name": author},
            "isPullRequest": True,
            "createdAt": "2024-01-01T00:00:00.000Z",
            "repo": {"name": id, "type": "model"},
        }
        for author, revision in repo.offers
    ]
    return {"discussions": found, "count": len(found), "start": 0}


def etag(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
