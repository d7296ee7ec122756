"""A Hub of one's own: a real HTTP server with the routes that a download uses, serving real files, as slowly as is wished."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

_CHUNK_BYTES = 4096


@dataclass(slots=True)
class Repository:
    """What the Hub holds under an id. `sizes` are told instead of the files' own."""

    folder: Path
    gated: bool = False
    private: bool = False
    bytes_per_s: float | None = None
    """How fast its weights are sent; None: as fast as can be."""
    stalls_after_bytes: int | None = None
    """Weights stop coming after so many, and the line stays open."""
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        return hashlib.sha1(str(self.folder).encode()).hexdigest()

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


class Hub:
    """The repositories, and what was asked for."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.asked: list[tuple[str, str]] = []
        """Method and path, in order."""
        self.closing = threading.Event()
        self.url = ""

    def sent(self, pattern: str) -> int:
        """How many files of this pattern were asked for (not merely looked at)."""
        return sum(method == "GET" and fnmatch.fnmatch(path, pattern) for method, path in self.asked)

    def environment(self, home: Path) -> dict[str, str]:
        """What makes a process use this Hub and keep its files there."""
        return {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "HF_TOKEN": ""}


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """A Hub on a free port of this machine."""
    hub = Hub()

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Tests look at `asked` instead."""

    def _answer(self, with_body: bool) -> None:
        path = unquote(urlparse(self.path).path)
        self.hub.asked.append((self.command, path))
        try:
            self._route(path.strip("/").split("/"), with_body)
        except _Refused as refused:
            self._head(refused.status, {"X-Error-Code": refused.code, "X-Error-Message": "refused", "Content-Length": "0"})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _route(self, parts: list[str], with_body: bool) -> None:
        match parts:
            case [""]:
                self._head(HTTPStatus.OK, {"Content-Length": "0"})
            case ["api", "models", owner, name, *rest]:
                self._api(owner, name, rest)
            case [owner, name, "resolve", revision, *file]:
                self._resolve(self._repository(owner, name, revision), "/".join(file), with_body)
            case _:
                raise _Refused(HTTPStatus.NOT_FOUND, "EntryNotFound")

    def _api(self, owner: str, name: str, rest: list[str]) -> None:
        repository = self._repository(owner, name, rest[1] if len(rest) > 1 else "main")
        entries = [self._entry(repository, path) for path in repository.files()]
        if rest[:1] == ["tree"]:
            self._json([entry for entry in entries if "recursive=True" in self.path or "/" not in entry["path"]])
        else:
            siblings = [{"rfilename": entry["path"]} for entry in entries]
            self._json({"id": f"{owner}/{name}", "sha": repository.commit, "siblings": siblings})

    def _repository(self, owner: str, name: str, revision: str) -> Repository:
        found = self.hub.repositories.get(f"{owner}/{name}")
        if found is None or found.private:
            raise _Refused(HTTPStatus.UNAUTHORIZED, "RepoNotFound")
        if revision not in ("main", found.commit):
            raise _Refused(HTTPStatus.NOT_FOUND, "RevisionNotFound")
        return found

    @staticmethod
    def _entry(repository: Repository, path: Path) -> dict[str, Any]:
        name = path.relative_to(repository.folder).as_posix()
        size = repository.sizes.get(name, path.stat().st_size)
        return {"type": "file", "path": name, "size": size, "oid": hashlib.sha1(path.read_bytes()).hexdigest()}

    def _resolve(self, repository: Repository, name: str, with_body: bool) -> None:
        if repository.gated:
            raise _Refused(HTTPStatus.FORBIDDEN, "GatedRepo")
        path = repository.folder / name
        if not path.is_file():
            raise _Refused(HTTPStatus.NOT_FOUND, "EntryNotFound")
        content = path.read_bytes()
        etag = hashlib.sha256(content).hexdigest()
        begin = int(asked.removeprefix("bytes=").partition("-")[0]) if (asked := self.headers.get("Range")) else 0
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": repository.commit, "Content-Length": str(len(content) - begin)}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self._head(HTTPStatus.PARTIAL_CONTENT if begin else HTTPStatus.OK, headers | {"Accept-Ranges": "bytes"})
        if with_body:
            self._send(repository, content[begin:], name.endswith(".safetensors"))

    def _send(self, repository: Repository, content: bytes, is_weights: bool) -> None:
        pause_s = _CHUNK_BYTES / repository.bytes_per_s if is_weights and repository.bytes_per_s else 0.0
        for begin in range(0, len(content), _CHUNK_BYTES):
            stalls = is_weights and repository.stalls_after_bytes is not None and begin >= repository.stalls_after_bytes
            while stalls and not self.hub.closing.is_set():
                time.sleep(0.05)
            if self.hub.closing.is_set():
                return
            self.wfile.write(content[begin : begin + _CHUNK_BYTES])
            time.sleep(pause_s)

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self._head(HTTPStatus.OK, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
