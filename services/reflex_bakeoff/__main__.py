"""`python -m reflex_bakeoff measure|results|describe`: what runs in the bakeoff's pod."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reflex_api.bakeoff_job import RESULTS_MOUNT, RESULTS_PORT, SANDBOX_URL, Receipt
from reflex_bakeoff import results
from reflex_bakeoff.describing import harness
from reflex_bakeoff.errors import BakeoffError
from reflex_bakeoff.job import LOG, SUITES, Asked, Places, measure, nothing_said
from reflex_bakeoff.sandbox import agent_runner
from reflex_routing.config_file import load
from reflex_routing.errors import ConfigError
from reflex_runner.errors import RunnerError, ToolchainError
from reflex_runner.toolchain import Toolchain

NO_VERDICT: Final = 1
_TOLD: Final = 2048


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when the command did its work (whatever the verdict is), 1 when there is none."""
    chosen = _arguments(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    try:
        command: Callable[[argparse.Namespace], int] = chosen.command
        return command(chosen)
    except (BakeoffError, RunnerError, ConfigError) as error:
        LOG.error("%s", error)
        return NO_VERDICT
    except asyncio.CancelledError:
        LOG.error("stopped; finished items are kept")
        return NO_VERDICT


def _measure(chosen: argparse.Namespace) -> int:
    places = Places.below(chosen.root)
    suites = os.environ.get("REFLEX_SUITES", "")
    if suites:
        places = Places(**{**vars(places), "suites": Path(suites)})
    try:
        receipt = asyncio.run(_measured(places, chosen))
    except Exception as error:
        # Also what nobody foresaw: without it the pod's status would say nothing at all.
        _say(places.termination, f"error: {error}"[:_TOLD])
        raise
    _say(places.termination, receipt.model_dump_json(by_alias=True))
    return 0


async def _measured(places: Places, chosen: argparse.Namespace) -> Receipt:
    work = asyncio.current_task()
    assert work is not None
    # The first process of a container ignores SIGTERM unless it says otherwise.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    return await measure(
        places,
        lambda seconds: agent_runner(chosen.sandbox, seconds=seconds),
        asked=_asked(os.environ.get("REFLEX_CONFIG", "")),
        simulated=chosen.simulated,
        tell=_tell,
    )


def _asked(config: str) -> Asked:
    """Return how models are asked: as the routing configuration says, where there is one."""
    if not config:
        return nothing_said
    return load(Path(config)).reflex.models.get


def _results(chosen: argparse.Namespace) -> int:
    folder = Places.below(chosen.root).results
    asyncio.run(results.serve(folder, host=chosen.host, port=chosen.port, started=_listening))
    return 0


def _describe(chosen: argparse.Namespace) -> int:
    rustc = chosen.rustc
    if not rustc:
        try:
            rustc = Toolchain.find().version
        except ToolchainError as error:
            LOG.warning("rustc is declared as none: %s", error)
    suites = Path(os.environ.get("REFLEX_SUITES") or chosen.suites)
    found = harness(suites, rustc=rustc)
    sys.stdout.write(found.model_dump_json(by_alias=True, indent=2) + "\n")
    return 0


def _tell(part: str, done: int, total: int, text: str) -> None:
    LOG.info("%s %d/%d %s", part, done, total, text)


def _listening(port: int) -> None:
    LOG.info("listening on port %d", port)


def _say(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        LOG.error("the termination message %s cannot be written: %s", path, error.strerror)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m reflex_bakeoff", description=__doc__)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("measure", help="measure what the request says")
    one.add_argument("--root", type=Path, default=Path("/"), help="stands for the pod's root")
    one.add_argument("--sandbox", default=SANDBOX_URL, help="the runner's agent")
    one.add_argument("--simulated", action="store_true", help="no real model answers")
    one.set_defaults(command=_measure)
    two = commands.add_parser("results", help=f"serve {RESULTS_MOUNT} until DELETE /")
    two.add_argument("--root", type=Path, default=Path("/"), help="stands for the pod's root")
    two.add_argument("--host", default="0.0.0.0")  # noqa: S104 - the pod's NetworkPolicy guards it
    two.add_argument("--port", type=int, default=RESULTS_PORT)
    two.set_defaults(command=_results)
    three = commands.add_parser("describe", help="declare this harness to the operator")
    three.add_argument("--json", action="store_true", help="the only form there is")
    three.add_argument("--suites", default=SUITES, help="folder of suites")
    three.add_argument("--rustc", default="", help="of the runner's image; default: the one here")
    three.set_defaults(command=_describe)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
