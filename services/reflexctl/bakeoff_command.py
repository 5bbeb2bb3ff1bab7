"""`reflexctl bakeoff run`: measure any OpenAI-compatible endpoint by hand."""

import asyncio
from pathlib import Path
from typing import Any

import click

from reflexctl import bakeoff_run
from reflexctl.bakeoff_run import Wish
from reflexctl.errors import CliError
from reflexctl.screen import Screen

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def bakeoff() -> None:
    """Measure models: repairs, speed, prefix cache."""


@bakeoff.command()
@click.option("--endpoint", required=True, metavar="URL", help="Such as http://host:30000/v1.")
@click.option(
    "--model", default="", metavar="NAME", help="Its name there.  [default: the only one]"
)
@click.option(
    "--suite", type=_FOLDER, required=True, metavar="DIR", help="Folder of suite.json, items.jsonl."
)
@click.option(
    "--out", type=_FOLDER, required=True, metavar="DIR",
    help="For evidence and reports; finished items that lie there are kept.",
)  # fmt: skip
@click.option(
    "--gate", "gate_file", type=_FILE, metavar="FILE",
    help="gate.yaml.  [default: the defaults, for this suite]",
)  # fmt: skip
@click.option("--baseline", type=_FILE, metavar="FILE", help="The incumbent's items.")
@click.option("--tries", type=click.IntRange(1, 50), default=3, show_default=True, help="A item.")
@click.option("--requests", type=click.IntRange(59, 5000), default=124, show_default=True,
              help="Timed, in each phase.")  # fmt: skip
@click.option("--streams", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Requests kept running in the busy phase.")  # fmt: skip
@click.option("--rate", type=click.IntRange(0, 60000), default=0, show_default=True,
              help="Requests a minute of an open loop; 0: none.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2147483647), default=0, show_default=True,
              help="Of prompts and arrivals.")  # fmt: skip
@click.option("--renderer", type=click.Choice(["full", "compact"]),
              help="How it is asked.  [default: by its context]")  # fmt: skip
@click.option("--dialect", type=click.Choice(["sglang", "openai"]), default="sglang",
              show_default=True, help="openai: max_completion_tokens, no ignore_eos.")  # fmt: skip
@click.option("--roofline", type=click.FloatRange(0, min_open=True), metavar="TOKENS/S",
              help="What the memory allows one stream at most.")  # fmt: skip
@click.option("--speculative", is_flag=True, help="It drafts tokens: the roofline is no bound.")
@click.option("--skip-speed", is_flag=True, help="Leave it out; a gate that wants it says Error.")
@click.option("--skip-cache", is_flag=True, help="Likewise the cache proof, which flushes it.")
@click.option("--hours", type=click.FloatRange(0.02, 48), default=4, show_default=True,
              help="For all of it.")  # fmt: skip
@click.option("--web-port", type=int, default=0, help="Show locust's page on 127.0.0.1.")
@click.option("--simulated", is_flag=True, help="No real model answers; the evidence says so.")
@click.option("--unsafe-no-sandbox", "unsafe", is_flag=True,
              help="Run the models' code with all your rights.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the verdict's JSON and nothing else.")
@click.option("-v", "--verbose", "verbosity", count=True, help="Say more; twice for all.")
def run(as_json: bool, verbosity: int, **arguments: Any) -> int:  # noqa: ANN401
    """Measure an endpoint and judge it. Its key is taken from REFLEX_ENDPOINT_KEY.

    Exit codes: 0 Pass; 1 Fail or Inconclusive; 2 configuration, or Error: nothing to be judged;
    130 interrupted: finished items are kept.
    """
    screen = Screen(as_json=as_json, verbosity=verbosity)
    try:
        with screen.logs():
            return asyncio.run(bakeoff_run.run(Wish(**arguments), screen))
    except CliError as error:
        screen.error(error)
        return error.exit_code
