"""Entry of the download pod.

python -m reflex_weights inspect SOURCE_JSON [--result PATH]
python -m reflex_weights download SOURCE_JSON --into FOLDER [--keep NAME ...] [--port 8090]
                                  [--result PATH]

SOURCE_JSON is a file with `spec.source` of a ReflexModel. Exit codes: 0 success, 1 failure (the
result says why), 2 wrong arguments, 143 stopped by a signal.
"""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path
from threading import Event
from typing import NoReturn

from reflex_api.weights import PROGRESS_PORT, WeightsResult

# Read by huggingface_hub when it is imported: Xet takes memory without bound; an implicit token,
# telemetry and debugging logs could tell more than they should.
for name in ("XET", "TELEMETRY", "IMPLICIT_TOKEN", "PROGRESS_BARS"):
    os.environ[f"HF_HUB_DISABLE_{name}"] = "1"
for name in ("HF_DEBUG", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
    os.environ.pop(name, None)

from reflex_weights.client import new_client  # noqa: E402
from reflex_weights.download import Download, model_folder  # noqa: E402
from reflex_weights.inspection import Inspector  # noqa: E402
from reflex_weights.outcome import Outcome, write_result  # noqa: E402
from reflex_weights.progress import Progress  # noqa: E402
from reflex_weights.site import Site  # noqa: E402
from reflex_weights.source import read_source  # noqa: E402
from reflex_weights.tempo import Tempo  # noqa: E402


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and end the process: threads that wait for a server are not waited for."""
    options = _parser().parse_args(arguments)
    _configure_logs()
    stop = Event()
    tempo = Tempo(sleep=stop.wait)
    progress = Progress(tempo.clock)
    outcome = Outcome(progress, stop)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: outcome.terminate())

    def work() -> WeightsResult:
        source = read_source(options.source)
        if options.command == "inspect":
            return Inspector(
                source=source,
                environment=os.environ,
                client=new_client,
                tempo=tempo,
                progress=progress,
            ).run()
        return Download(
            source=source,
            folder=model_folder(options.into),
            keep=frozenset(options.keep),
            environment=os.environ,
            client=new_client,
            tempo=tempo,
            progress=progress,
            stop=stop,
        ).run()

    if options.command == "download":
        _listen(options.port, progress)
    result, code = outcome.of(work)
    if result.failure:
        progress.say(f"failed, {result.failure}: {result.message}")
    write_result(result, options.result)
    sys.stderr.flush()
    os._exit(code)


def _listen(port: int, progress: Progress) -> None:
    try:
        site = Site(port, progress.snapshot)
    except OSError as error:
        progress.say(f"no progress on port {port}: {error.strerror}")
    else:
        progress.say(f"progress on port {site.port}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reflex_weights", description="Downloads a model.")
    commands = parser.add_subparsers(dest="command", required=True)
    inspect = commands.add_parser("inspect", help="read what the model is, without its weights")
    download = commands.add_parser("download", help="bring its files into a folder, verified")
    for command in (inspect, download):
        command.add_argument("source", type=Path, help="file with spec.source as JSON")
        command.add_argument(
            "--result",
            type=Path,
            default=Path("/dev/termination-log"),
            help="where the result goes",
        )
    download.add_argument("--into", type=Path, required=True, help="the model's own folder")
    download.add_argument(
        "--keep", nargs="*", default=[], help="folders beside it that stay when space is short"
    )
    download.add_argument("--port", type=int, default=PROGRESS_PORT, help="of GET /progress")
    return parser


def _configure_logs() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    ours = logging.getLogger("reflex_weights")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    # httpx logs whole URLs, signatures included; the hub's headers could log any text.
    for library in ("httpx", "httpcore", "huggingface_hub"):
        logging.getLogger(library).setLevel(logging.CRITICAL)


if __name__ == "__main__":
    main()
