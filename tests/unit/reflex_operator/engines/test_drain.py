"""The preStop hook runs here for real, against a server that plays the engine's /metrics."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat

import pytest

from reflex_operator.engines import drain

PAUSE = "0.02"
LONG = "60"
"""A drain time that no test reaches: it would be killed first."""


def metrics(running: str, queued: str) -> str:
    labels = 'engine_type="unified",model_name="a } b",tp_rank="0"'
    return (
        "# HELP sglang:num_running_reqs The number of running requests.\n"
        "# TYPE sglang:num_running_reqs gauge\n"
        f"sglang:num_running_reqs{{{labels}}} {running}\n"
        f'sglang:num_running_reqs{{{labels},dp="1"}} 0.0\n'
        f"sglang:num_queue_reqs{{{labels}}} {queued}\n"
        "sglang:num_queue_reqs_other 7\n"
    )


BUSY, QUEUED, IDLE = metrics("2.0", "0.0"), metrics("0.0", "1.0"), metrics("0.0", "0.0")


class Engine:
    """Answers /metrics from a script; the last answer stays. It counts what was asked."""

    def __init__(self, script: Sequence[tuple[int, str]]) -> None:
        self.answers = chain(script[:-1], repeat(script[-1]))
        self.asked = 0
        self.paths: set[str] = set()


@contextmanager
def serving(*script: str | tuple[int, str]) -> Iterator[tuple[Engine, int]]:
    engine = Engine([(200, one) if isinstance(one, str) else one for one in script])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            engine.asked += 1
            engine.paths.add(self.path)
            code, text = next(engine.answers)
            self.send_response(code)
            self.end_headers()
            self.wfile.write(text.encode("latin-1"))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield engine, server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(port: int, *, routing: str = "0", seconds: str = LONG) -> None:
    """Run the hook; it must end by itself, well, and without a word."""
    command = [sys.executable, *drain.hook(0)[1:4], str(port), routing, seconds, PAUSE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_waits_until_nothing_runs_or_waits_twice_in_a_row() -> None:
    with serving(IDLE, BUSY, QUEUED, IDLE, BUSY, IDLE, IDLE) as (engine, port):
        run(port)
    # The first answer only tells that there is an engine.
    assert engine.asked == 7
    assert engine.paths == {"/metrics"}


def test_an_engine_that_is_never_idle_is_left_when_the_drain_time_is_over() -> None:
    with serving(BUSY) as (engine, port):
        run(port, seconds="0.5")
    assert engine.asked > 3


def test_a_connection_that_is_open_counts_although_the_gauges_say_idle() -> None:
    with serving(IDLE) as (engine, port):
        with socket.create_connection(("127.0.0.1", port)) as client:
            process = subprocess.Popen(
                [sys.executable, *drain.hook(0)[1:4], str(port), "0", LONG, PAUSE]
            )
            while engine.asked < 6:
                assert process.poll() is None
            client.shutdown(socket.SHUT_RDWR)
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    "busy",
    [
        "",
        "nothing of interest 0\n",
        IDLE.replace("num_queue_reqs{", "num_other{"),
        metrics("NaN", "0.0"),
        metrics("many", "0.0"),
        (503, IDLE),
        (200, "\xff\xfe"),
    ],
)
def test_what_cannot_be_read_counts_as_busy(busy: str | tuple[int, str]) -> None:
    with serving(IDLE, busy, busy, IDLE, IDLE) as (engine, port):
        run(port)
    assert engine.asked == 5
    with serving(busy) as (_, port):
        run(port, seconds="0.3")


def test_where_nothing_listens_it_ends_at_once_without_waiting_for_routing() -> None:
    with serving(IDLE) as (_, port):
        pass
    run(port, routing=LONG)


def test_an_engine_that_ends_meanwhile_is_not_waited_for() -> None:
    with serving(BUSY) as (engine, port):
        process = subprocess.Popen(
            [sys.executable, *drain.hook(0)[1:4], str(port), "0", LONG, PAUSE]
        )
        while engine.asked < 3:
            assert process.poll() is None
    assert process.wait(timeout=20) == 0


def test_a_server_that_accepts_and_never_answers_is_busy_and_bounded() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:
        run(silent.server_port, seconds="0.3")


def test_the_wait_for_routing_comes_first_and_is_part_of_the_drain_time() -> None:
    with serving(IDLE) as (engine, port):
        run(port, routing=LONG, seconds="0.3")
    assert engine.asked == 1


def test_without_drain_time_nothing_is_waited_for() -> None:
    with serving(BUSY) as (engine, port):
        run(port, seconds="0")
    assert engine.asked == 0


def test_the_rendered_hook_asks_the_engines_own_port_and_is_bounded_by_the_drain_time() -> None:
    assert drain.hook(300)[4:] == ["30000", "5", "300", "1"]
