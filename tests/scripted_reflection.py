"""SIMULATED: a reflection service by script; it remembers what it was asked, and keeps nothing."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]
KEPT: Answer = (200, {"ops_written": 1})


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    key: str
    body: Any


@dataclass
class ScriptedReflection:
    """Answers by `answer`, which may block in its own thread."""

    answer: Callable[[Asked], Answer] = lambda asked: KEPT
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def bundles(self) -> list[dict[str, Any]]:
        """Return the turns that were reported."""
        return [one.body["bundle"] for one in self.asked if one.path == "/v1/reflections"]

    @contextmanager
    def running(self) -> Iterator["ScriptedReflection"]:
        """Serve on a free port until the block ends."""
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                key = self.headers.get("Authorization", "").removeprefix("Bearer ")
                asked = Asked(self.path, key, json.loads(body))
                script.asked.append(asked)
                status, value = script.answer(asked)
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    self.close_connection = True  # whoever asked has gone away

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(10)
