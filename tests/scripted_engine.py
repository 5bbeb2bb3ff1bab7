"""A scripted server in the engines' place, for pods on fake nodes that answer nothing.

What is measured or tested with it says nothing about SGLang.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = json.dumps({"edits": [{"path": "src/main.rs", "search": ["totl"], "replace": ["total"]}]})


class ScriptedEngine:
    """Answers as a good SGLang would, for the names that it is told."""

    def __init__(self, names: set[str]) -> None:
        self.names = names
        self.asked = 0
        self.base_url = ""
        self.progress: dict[str, Any] = {}  # of every download; none: HTTP 200 without a form
        # What bakeoffs' pods serve, by uid and name of the file; None: there is none.
        self.artefacts: Callable[[str, str], bytes | None] = lambda _uid, _name: None

    def respond(self, path: str) -> dict[str, Any]:
        """Return the body for a path."""
        if path == "/v1/models":
            return {"object": "list", "data": [{"id": name} for name in sorted(self.names)]}
        if path == "/v1/chat/completions":
            self.asked += 1
            return {"choices": [{"message": {"content": ANSWER}, "finish_reason": "stop"}]}
        if path == "/server_info":
            usage = {"weight": 0.5, "kvcache": 1.0, "token_capacity": 1 << 20}
            return {"version": "scripted", "internal_states": [{"memory_usage": usage}]}
        if path == "/progress":
            return self.progress
        return {}


@contextmanager
def serving(names: set[str]) -> Iterator[ScriptedEngine]:
    """Run a scripted engine on a free port of the loopback."""
    engine = ScriptedEngine(names)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.dumps(engine.respond(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def serve(self) -> None:
            pod = self.headers.get("X-Reflex-Bakeoff")
            if pod is None:
                self.answer()
                return
            body = engine.artefacts(pod, self.path.removeprefix("/"))
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        do_GET = serve  # noqa: N815
        do_POST = do_DELETE = answer  # noqa: N815

        def handle(self) -> None:
            with suppress(ConnectionError):  # whoever asked has gone away
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    engine.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield engine
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
