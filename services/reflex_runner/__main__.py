"""The agent of a sandbox pod: `python -m reflex_runner --listen 0.0.0.0:8080 [--fetch]`."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from reflex_runner import privileges
from reflex_runner.agent import serve
from reflex_runner.box import Box
from reflex_runner.confinement import GIB, Bounds
from reflex_runner.errors import RunnerError
from reflex_runner.toolchain import Toolchain


def main() -> int:
    """Serve until the claim ends; return the exit code."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.umask(0o077)
    try:
        # What runs beside this has the same user: it must not look in here.
        privileges.hide()
        box = Box(
            arguments.work,
            Toolchain.find(),
            mode="fetch" if arguments.fetch else "check",
            config=arguments.cargo_config,
            bounds=Bounds(disk_bytes=int(arguments.disk_gib * GIB), tasks=arguments.tasks),
            shared_machine=arguments.shared_machine,
        )
        return asyncio.run(_serve(box, arguments.listen))
    except RunnerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


async def _serve(box: Box, listen: str) -> int:
    host, _, port = listen.rpartition(":")
    serving = asyncio.current_task()
    assert serving is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    try:
        return await serve(box, host.strip("[]"), int(port), started=_say)
    except asyncio.CancelledError:
        return 0


def _say(port: int) -> None:
    logging.getLogger("reflex_runner").info("listening on port %d", port)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m reflex_runner", description=__doc__)
    parser.add_argument("--listen", default="0.0.0.0:8080", help="address:port")
    parser.add_argument(
        "--fetch", action="store_true", help="fetch dependencies with a network; compile nothing"
    )
    parser.add_argument("--work", type=Path, default=Path("/work"), help="a folder of its own")
    parser.add_argument(
        "--cargo-config", type=Path, help="cargo configuration by the operator, such as a mirror"
    )
    parser.add_argument("--disk-gib", type=float, default=4.0, help="what a job may write")
    parser.add_argument("--tasks", type=int, default=1024, help="processes and threads of a job")
    parser.add_argument(
        "--shared-machine",
        action="store_true",
        help="this user has other processes here: ask for a kernel that keeps signals in",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
