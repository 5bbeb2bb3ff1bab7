"""`python -m reflex_reflection.service`: the reflection service."""

import argparse
import logging
import sys

import uvloop

from reflex_reflection.service.app import create_app
from reflex_reflection.service.settings import ServiceSettings, load_settings
from reflex_reflection.service.starting import assemble
from reflex_service.errors import StartError
from reflex_service.server import server


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to end; return 2 when that cannot begin."""
    parser = argparse.ArgumentParser(
        prog="python -m reflex_reflection.service", description=__doc__
    )
    parser.add_argument("--listen", help="host:port, instead of REFLEX_REFLECTION__LISTEN")
    chosen = parser.parse_args(arguments)
    given = {"listen": chosen.listen} if chosen.listen else {}
    try:
        settings = load_settings(**given)
        set_up_logging(settings.log_level)
        return uvloop.run(run(settings))
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 2


async def run(settings: ServiceSettings) -> int:
    """Make the parts inside of the event loop, and serve until told to end."""
    parts = assemble(settings)
    serving = server(
        create_app(parts),
        address=settings.address,
        connections=settings.connections,
        drain=parts.drain,
    )
    await serving.serve()
    return 0 if serving.started else 2


def set_up_logging(level: str) -> None:
    """Write to stderr; what clients sent is never written as it came."""
    logging.basicConfig(
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("alembic", "limits"):
        logging.getLogger(noisy).setLevel("WARNING")


if __name__ == "__main__":
    sys.exit(main())
