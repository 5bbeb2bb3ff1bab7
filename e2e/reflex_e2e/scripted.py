"""SIMULATED models for tests in the lab: a server on the node's address that pods can reach."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from reflex_e2e.stub_cloud import handler
from reflex_lab.addresses import NODE_ADDRESS

MODEL = "simulated"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that left."""


@contextmanager
def serving(answer: Callable[[Mapping[str, Any]], str]) -> Iterator[str]:
    """Serve a model that answers by a function of the chat, and yield its base URL."""
    server = _Server((NODE_ADDRESS, 0), handler(answer, MODEL))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{NODE_ADDRESS}:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
