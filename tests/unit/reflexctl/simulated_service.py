"""SIMULATED: what `reflexctl` needs of a reflex-loop service, by script; no repair is made here.

Streams break where the test says so; the repair's end is the files that the test gives.
"""

import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from reflex_loop.events import Answered, Asked, Checked, Event, Judged, Stopped
from reflex_loop.protocols import Usage
from reflex_loop.result import Result, Seconds
from reflex_loop.stopping import Stop

KEY = "a-key-for-tests-only"
EVENTS: Sequence[Event] = (
    Checked(number=1, when="start", errors=1, codes=("E0425",), first="main.rs:4 E0425 no"),
    Asked(number=2, attempt=1, candidates=1, prompt_tokens=600, shown=("E0425",),
          expected="local/tiny", renderer="full"),
    Answered(number=3, attempt=1, candidate=0, answered_by="local/tiny", prompt=600, cached=0,
             completion=30),
    Judged(number=4, attempt=1, candidate=0, verdict="fixed", reason="no errors are left",
           errors=0),
    Stopped(number=5, why="fixed", fixed=True, errors=0, detail=""),
)  # fmt: skip


@dataclass
class SimulatedService:
    """Answers requests by path.

    Attributes:
        files: path to bytes after the repair; None for a file that is gone.
        busy: how many times the queue is full at first.
        breaks_after: events after which each connection breaks, in turn.
        holds: the last event waits for `cancel`.
    """

    files: Mapping[str, bytes | None] = field(default_factory=dict)
    busy: int = 0
    breaks_after: list[int] = field(default_factory=list)
    holds: bool = False
    url: str = ""
    uploads: list[dict[str, bytes]] = field(default_factory=list)
    idempotency_keys: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    resumed_from: list[int] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["SimulatedService"]:
        """Serve on a free port until the block ends."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                service.get(self)

            def do_POST(self) -> None:
                service.post(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self
        finally:
            self.cancelled.set()
            server.shutdown()
            server.server_close()
            thread.join(10)

    def post(self, to: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer a POST."""
        url = urlsplit(to.path)
        if not self._knows(to):
            return
        if url.path.endswith("/cancel"):
            self.cancelled.set()
            send(to, 200, {"id": "r1", "status": "running"})
        elif self.busy:
            self.busy -= 1
            self.idempotency_keys.append(to.headers["Idempotency-Key"])
            send(to, 429, error("the queue is full"), {"Retry-After": "0.01"})
        else:
            self.idempotency_keys.append(to.headers["Idempotency-Key"])
            self.options = json.loads(parse_qs(url.query)["options"][0])
            with tarfile.open(fileobj=io.BytesIO(body)) as tar:
                files = {each.name: tar.extractfile(each) for each in tar}
                self.uploads.append({name: file.read() for name, file in files.items() if file})
            send(to, 202, {"id": "r1", "status": "queued"})

    def get(self, to: BaseHTTPRequestHandler) -> None:
        """Answer a GET."""
        if not self._knows(to):
            return
        if to.path.endswith("/events"):
            self._events(to, int(to.headers.get("Last-Event-ID", "0")))
        elif to.path.endswith("/workspace"):
            send(to, 200, packed(self.files))
        else:
            send(to, 200, self._view())

    def _knows(self, to: BaseHTTPRequestHandler) -> bool:
        known: bool = to.headers.get("Authorization") == f"Bearer {KEY}"
        if not known:
            send(to, 401, error("this key is not known here"))
        return known

    def _events(self, to: BaseHTTPRequestHandler, after: int) -> None:
        self.resumed_from.append(after)
        to.send_response(200)
        to.send_header("Content-Type", "text/event-stream")
        to.send_header("Connection", "close")
        to.end_headers()
        to.wfile.write(b": simulated\n\n")
        left = [each for each in EVENTS if each.number > after]
        most = self.breaks_after.pop(0) if self.breaks_after else len(left)
        for event in left[:most]:
            if event.kind == "stopped" and self.holds:
                self.cancelled.wait(60)
            text = f"id: {event.number}\nevent: {event.kind}\ndata: {json.dumps(event.to_json())}"
            to.wfile.write(f"{text}\n\n".encode())
            to.wfile.flush()
        to.close_connection = True

    def _view(self) -> dict[str, Any]:
        ended = not self.holds or self.cancelled.is_set()
        stop = Stop.CANCELLED if self.holds else Stop.FIXED
        result = Result(
            fixed=stop is Stop.FIXED, stop=stop, detail="", attempts=1, rustfix_edits=0,
            errors_before=1, errors_after=0, diff="the service's own words",
            usage=Usage(prompt=600, completion=30), cost_usd=Decimal(0), records=(),
            seconds=Seconds(model=1.0, compiler=1.0, loop=0.1),
        )  # fmt: skip
        return {
            "id": "r1", "status": "succeeded" if ended else "running",
            "changed": sorted(path for path, data in self.files.items() if data is not None),
            "deleted": sorted(path for path, data in self.files.items() if data is None),
            "result": result.to_json() if ended else None, "error": None,
        }  # fmt: skip


def packed(files: Mapping[str, bytes | None]) -> bytes:
    """Return files as a tar; those that are gone are not in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, data in files.items():
            if data is not None:
                member = tarfile.TarInfo(path)
                member.size, member.mode = len(data), 0o644
                tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def error(text: str) -> dict[str, Any]:
    """Return an error in OpenAI's shape."""
    return {"error": {"message": text, "type": "simulated", "code": "simulated", "param": None}}


def send(
    to: BaseHTTPRequestHandler, status: int, body: Any, headers: Mapping[str, str] | None = None
) -> None:
    """Send a whole answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    to.send_response(status)
    for name, value in (headers or {}).items():
        to.send_header(name, value)
    to.send_header("Content-Length", str(len(data)))
    to.end_headers()
    to.wfile.write(data)
