"""A simulated Hugging Face hub with its CDN, and a plain file server, that misbehave on demand.

It answers as the hub does: metadata of a commit, small files by a relative redirect, large ones by
a redirect to a signed address on another origin, `X-Error-Code`, `X-Linked-*`, ranges. Standard
library only, so that it also runs in a pod:

    python tests/hub_server.py --port 8000 --cdn-port 8001 --files DIR [--token T] [--gated]

`POST /_faults` with a JSON list of faults replaces them; `GET /_log` returns what was asked.
"""

import argparse
import contextlib
import fnmatch
import hashlib
import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

REPO = "acme/tiny"
REVISION = "c" * 40
SIGNATURE = "X-Amz-Signature=5ecre7"
BLOCK = 64 << 10
LFS = ("*.safetensors", "*.bin", "*.gguf")


@dataclass(frozen=True)
class Zeros:
    """Content of any size that needs no memory."""

    size: int


Content = bytes | Zeros


@dataclass
class Fault:
    """One way to misbehave, for requests whose path matches; `times` < 0: always."""

    path: str  # glob over the URL's path, as "*/resolve/*config.json", "/cdn/*", "/api/*"
    times: int = -1
    status: int = 0  # answer with this status
    headers: dict[str, str] = field(default_factory=dict)
    redirect: str = ""  # answer with a redirect to this address
    cut_after: int = -1  # close the connection after so many bytes of the body
    stall_after: int = -1  # send no more after so many bytes, until the client goes
    corrupt: bool = False  # change the last byte
    endless: bool = False  # a body without length that never ends
    ignore_range: bool = False
    skip: int = 0  # let so many matching requests pass first


@dataclass(frozen=True)
class Request:
    """One request as it was answered."""

    server: str  # hub | cdn
    path: str
    authorization: str
    range: str
    status: int
    sent: int  # bytes of the body


def content_size(content: Content) -> int:
    return content.size if isinstance(content, Zeros) else len(content)


def digest(content: Content, hasher: Any) -> str:
    for block in blocks(content, 0):
        hasher.update(block)
    return str(hasher.hexdigest())


def sha256(content: Content) -> str:
    return digest(content, hashlib.sha256())


def git_sha1(content: Content) -> str:
    return digest(content, hashlib.sha1(b"blob %d\0" % content_size(content)))


def blocks(content: Content, start: int) -> Iterator[bytes]:
    for at in range(start, content_size(content), BLOCK):
        if isinstance(content, Zeros):
            yield bytes(min(BLOCK, content.size - at))
        else:
            yield content[at : at + BLOCK]


class HubServer:
    """Both servers, in threads. `files` maps paths of the repository to their content."""

    def __init__(
        self,
        files: dict[str, Content],
        *,
        repo: str = REPO,
        revision: str = REVISION,
        token: str = "",
        gated: bool = False,
        announced_sizes: dict[str, int] | None = None,
        without_digests: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        cdn_port: int = 0,
        cdn_name: str = "localhost",
    ) -> None:
        self.files = files
        self.repo, self.revision = repo, revision
        self.token, self.gated = token, gated
        self.announced_sizes = announced_sizes or {}
        self.without_digests = without_digests
        self.faults: list[Fault] = []
        self.log: list[Request] = []
        self._sums: dict[tuple[str, int], tuple[str, str]] = {}
        self._lock = threading.Condition()
        self._answering = 0
        self._hub = self._listen("hub", host, port)
        self._cdn = self._listen("cdn", host, cdn_port)
        self.url = f"http://{host}:{self._hub.server_address[1]}"
        self.cdn_url = f"http://{cdn_name}:{self._cdn.server_address[1]}"

    def __enter__(self) -> "HubServer":
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._hub, self._cdn):
            server.shutdown()
            server.server_close()

    def sums(self, path: str) -> tuple[str, str]:
        """SHA-256 and git's SHA-1 of a file."""
        content = self.files[path]
        key = (path, id(content))
        if key not in self._sums:
            self._sums[key] = (sha256(content), git_sha1(content))
        return self._sums[key]

    def sent(self, glob: str) -> int:
        """Bytes of bodies of the requests whose path matches."""
        return sum(request.sent for request in self.asked(glob))

    def asked(self, glob: str = "*") -> list[Request]:
        """Requests whose path matches; those that are being answered are waited for a moment."""
        with self._lock:
            self._lock.wait_for(lambda: not self._answering, timeout=5)
            return [r for r in self.log if fnmatch.fnmatchcase(r.path, glob)]

    def forget(self) -> None:
        with self._lock:
            self.log.clear()

    def listing(self) -> dict[str, Any]:
        siblings = []
        for path, content in self.files.items():
            size = self.announced_sizes.get(path, content_size(content))
            sibling: dict[str, Any] = {"rfilename": path}
            if not self.without_digests:
                sha, blob = self.sums(path)
                sibling |= {"size": size, "blobId": blob}
                if is_lfs(path):
                    sibling["lfs"] = {"sha256": sha, "size": size, "pointerSize": 134}
            siblings.append(sibling)
        return {"id": self.repo, "modelId": self.repo, "sha": self.revision, "siblings": siblings}

    def take_fault(self, path: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.times == 0 or not fnmatch.fnmatchcase(path, fault.path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= fault.times > 0
                return fault
        return None

    def begin(self) -> None:
        with self._lock:
            self._answering += 1

    def record(self, request: Request) -> None:
        with self._lock:
            self._answering -= 1
            self.log.append(request)
            self._lock.notify_all()

    def _listen(self, name: str, host: str, port: int) -> ThreadingHTTPServer:
        hub = self

        class Bound(_Handler):
            owner = hub
            server_name_ = name

        server = _Server((host, port), Bound)
        # A short poll: shutdown waits for it.
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server


def is_lfs(path: str) -> bool:
    return any(fnmatch.fnmatchcase(path, glob) for glob in LFS)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients are killed on purpose."""


class _Handler(BaseHTTPRequestHandler):
    owner: HubServer
    server_name_: str
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._status, self._sent = 0, 0
        path = unquote(urlsplit(self.path).path)
        if not path.startswith("/_"):
            self.owner.begin()
        try:
            self._route(path)
        finally:
            if not path.startswith("/_"):
                self.owner.record(
                    Request(
                        server=self.server_name_,
                        path=path,
                        authorization=self.headers.get("authorization", ""),
                        range=self.headers.get("range", ""),
                        status=self._status,
                        sent=self._sent,
                    )
                )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        self.owner.faults = [Fault(**fault) for fault in json.loads(body)]
        self._answer(204)

    def _route(self, path: str) -> None:
        owner = self.owner
        if path == "/_log":
            return self._json([asdict(request) for request in owner.asked()])
        fault = owner.take_fault(path)
        if fault and fault.status:
            return self._answer(fault.status, fault.headers)
        if fault and fault.redirect:
            return self._answer(302, {"Location": fault.redirect, **fault.headers})
        if self.server_name_ == "cdn":
            # Signed addresses are refused when a second way to authenticate is given, as by S3.
            if self.headers.get("authorization") or SIGNATURE not in self.path:
                return self._answer(400)
            return self._body(path.removeprefix("/cdn/"), fault, etag="cdn-of-its-own")
        if path.startswith("/files/"):
            name = path.removeprefix("/files/")
            if name not in owner.files:
                return self._answer(404)
            return self._body(name, fault, etag=owner.sums(name)[0])
        return self._hub(path, fault)

    def _hub(self, path: str, fault: Fault | None) -> None:
        owner = self.owner
        given = self.headers.get("authorization", "").removeprefix("Bearer ")
        if given and given != owner.token:
            return self._error(401, "", "Invalid credentials in Authorization header")
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/([^/]+)", path)
        cached = re.fullmatch(r"/api/resolve-cache/models/([^/]+/[^/]+)/([^/]+)/(.+)", path)
        resolve = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        found = api or cached or resolve
        if found is None:
            return self._error(404, "", "Not found")
        private = bool(owner.token) and not owner.gated
        if found[1] != owner.repo or (private and not given):
            return self._error(404 if given else 401, "RepoNotFound", "Repository not found")
        if found[2] != owner.revision:
            return self._error(404, "RevisionNotFound", "Invalid rev id")
        if api:
            return self._json(owner.listing())
        if owner.gated and given != owner.token:
            return self._error(401, "GatedRepo", "Access to model is restricted")
        if owner.gated and not owner.token:
            return self._error(403, "GatedRepo", "You are not in the authorized list")
        name = found[3]
        if name not in owner.files:
            return self._error(404, "EntryNotFound", "Entry not found")
        sha, blob = owner.sums(name)
        commit = {"X-Repo-Commit": owner.revision}
        if cached:
            return self._body(name, fault, etag=blob, extra=commit)
        if not is_lfs(name):
            place = f"/api/resolve-cache/models/{owner.repo}/{owner.revision}/{quote(name)}"
            return self._answer(307, {"Location": place, "ETag": f'"{blob}"', **commit})
        size = owner.announced_sizes.get(name, content_size(owner.files[name]))
        linked = {"X-Linked-Etag": f'"{sha}"', "X-Linked-Size": str(size)}
        place = f"{owner.cdn_url}/cdn/{quote(name)}?{SIGNATURE}"
        return self._answer(302, {"Location": place, **linked, **commit})

    def _body(
        self, name: str, fault: Fault | None, *, etag: str, extra: dict[str, str] | None = None
    ) -> None:
        content = self.owner.files[name]
        size, start = content_size(content), 0
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        changed = self.headers.get("if-range", f'"{etag}"') != f'"{etag}"'
        headers = {"ETag": f'"{etag}"', "Accept-Ranges": "bytes", **(extra or {})}
        end = size
        if asked and not changed and not (fault and fault.ignore_range):
            start = int(asked[1])
            if start >= size:
                return self._answer(416, {"Content-Range": f"bytes */{size}"})
            end = min(size, int(asked[2]) + 1) if asked[2] else size
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self._status = 206 if "Content-Range" in headers else 200
        self.send_response(self._status)
        if fault and fault.endless:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(end - start)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if fault and fault.endless:
            return self._endless()
        self._send(content, start, end, fault or Fault(path=""))
        return None

    def _send(self, content: Content, start: int, end: int, fault: Fault) -> None:
        position = start
        for block in blocks(content, start):
            block = block[: end - position]
            if fault.corrupt and position + len(block) == end:
                block = block[:-1] + bytes([block[-1] ^ 1])
            limit = max(fault.cut_after, fault.stall_after)
            if limit >= 0:
                block = block[: limit - self._sent]
            self.wfile.write(block)
            self._sent += len(block)
            position += len(block)
            if 0 <= limit <= self._sent:
                if fault.stall_after >= 0:
                    self._until_the_client_goes()
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            if position >= end:
                return

    def _endless(self) -> None:
        block = bytes(BLOCK)
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
                self._sent += len(block)
        self.close_connection = True

    def _until_the_client_goes(self) -> None:
        self.connection.settimeout(120)
        with contextlib.suppress(OSError):
            self.connection.recv(1)

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self._answer(200, {"Content-Type": "application/json"}, body)

    def _error(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self._answer(status, headers, json.dumps({"error": message}).encode())

    def _answer(
        self, status: int, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> None:
        self._status = status
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self._sent += len(body)

    def log_message(self, format: str, *args: object) -> None:
        """The log is `GET /_log`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=Path, required=True, help="folder that is the repository")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--cdn-port", type=int, default=8001)
    parser.add_argument("--cdn-name", default="localhost", help="how clients reach the CDN's port")
    parser.add_argument("--repo", default=REPO)
    parser.add_argument("--revision", default=REVISION)
    parser.add_argument(
        "--token", default="", help="the one that is accepted; private unless gated"
    )
    parser.add_argument("--gated", action="store_true")
    parser.add_argument("--fault", action="append", default=[], help="a Fault as JSON")
    options = parser.parse_args()
    folder: Path = options.files
    files: dict[str, Content] = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    with HubServer(
        files,
        repo=options.repo,
        revision=options.revision,
        token=options.token,
        gated=options.gated,
        host=options.host,
        port=options.port,
        cdn_port=options.cdn_port,
        cdn_name=options.cdn_name,
    ) as hub:
        hub.faults = [Fault(**json.loads(fault)) for fault in options.fault]
        sys.stderr.write(f"hub at {hub.url}, CDN at {hub.cdn_url}, {len(files)} files\n")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
