"""GET /progress and /healthz for the operator. Nothing secret is in them, so nobody is asked."""

import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from reflex_api.weights import PROGRESS_PATH, WeightsProgress


class Site:
    """Serves in threads of its own until the process ends."""

    def __init__(self, port: int, progress: Callable[[], WeightsProgress]) -> None:
        """Listen; port 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """

        class Handler(_Handler):
            snapshot = staticmethod(progress)

        self._server = _Server(("", port), Handler)
        self.port: int = self._server.server_address[1]
        Thread(target=self._server.serve_forever, daemon=True, name="site").start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    # Pods may have an IPv6 address only.
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    daemon_threads = True

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    snapshot: Callable[[], WeightsProgress]
    timeout = 5  # seconds for a client to send its request

    def do_GET(self) -> None:
        if self.path == PROGRESS_PATH:
            self._answer(200, type(self).snapshot().model_dump_json(), "application/json")
        elif self.path == "/healthz":
            self._answer(200, "ok\n", "text/plain")
        else:
            self._answer(404, "not found\n", "text/plain")

    def _answer(self, status: int, body: str, kind: str) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the operator asks every few seconds."""
