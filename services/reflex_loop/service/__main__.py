"""`python -m reflex_loop.service --config reflex.yaml`: the repair service."""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop

from reflex_loop.service.errors import StartError
from reflex_loop.service.parts import Parts
from reflex_loop.service.serve import server
from reflex_loop.service.settings import load_settings
from reflex_loop.service.starting import assemble
from reflex_routing.config_file import load
from reflex_routing.errors import ConfigError


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to end; return 2 when that cannot begin."""
    parser = argparse.ArgumentParser(prog="python -m reflex_loop.service", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the routing configuration")
    parser.add_argument("--listen", help="host:port, instead of REFLEX_LOOP__LISTEN")
    chosen = parser.parse_args(arguments)
    given = {"listen": chosen.listen} if chosen.listen else {}
    try:
        settings = load_settings(**given)
        set_up_logging(settings.log_level)
        loaded = load(chosen.config)
        return uvloop.run(run(lambda: assemble(settings, loaded)))
    except (StartError, ConfigError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


async def run(make: Callable[[], Parts]) -> int:
    """Make the parts inside of the event loop, and serve until told to end."""
    parts = make()
    try:
        serving = server(parts)
        await serving.serve()
        return 0 if serving.started else 2
    finally:
        parts.scratch.remove()


def set_up_logging(level: str) -> None:
    """Write to stderr; what clients sent is never written as it came."""
    logging.basicConfig(
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("httpx", "httpx2", "openai", "alembic", "limits"):
        logging.getLogger(noisy).setLevel("WARNING")


if __name__ == "__main__":
    sys.exit(main())
