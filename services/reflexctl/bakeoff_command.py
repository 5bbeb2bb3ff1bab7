"""`reflexctl bakeoff`: measure an endpoint by hand, and look at the cluster's past runs."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from reflexctl import bakeoff_past, bakeoff_run
from reflexctl.bakeoff_run import Wish
from reflexctl.cluster import Kubectl
from reflexctl.errors import CliError
from reflexctl.screen import Screen
from reflexctl.times import span

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
Command = TypeVar("Command", bound=Callable[..., Any])


class Span(click.ParamType[timedelta]):
    """A span of time, such as 24h."""

    name = "span"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """See `click.ParamType`."""
        try:
            return value if isinstance(value, timedelta) else span(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def in_cluster(command: Command) -> Command:
    """Add the options that say where objects are read, and how they are shown."""
    options = (
        click.option("--context", metavar="NAME", default="", help="The kube context."),
        click.option("-n", "--namespace", metavar="NAME", default="", help="Of the objects."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON value only."),
    )
    for option in reversed(options):
        command = option(command)
    return command


_SINCE = click.option("--since", type=Span(), metavar="SPAN", help="Such as 24h.  [default: all]")


@click.group(invoke_without_command=True)
@_SINCE
@in_cluster
@click.pass_context
def bakeoff(
    ctx: click.Context, since: timedelta | None, context: str, namespace: str, *, as_json: bool
) -> int:
    """Measure models: repairs, speed, prefix cache. Alone: list the past runs."""
    if ctx.invoked_subcommand is not None:
        return 0
    return _look(context, namespace, partial(bakeoff_past.past, since=since), as_json=as_json)


@bakeoff.command("list")
@_SINCE
@in_cluster
def past(since: timedelta | None, context: str, namespace: str, *, as_json: bool) -> int:
    """List the runs of a namespace, the newest first.

    Exit codes: 0 listed, 2 they cannot be read.
    """
    return _look(context, namespace, partial(bakeoff_past.past, since=since), as_json=as_json)


@bakeoff.command()
@click.argument("name")
@click.option("--html", "page", type=_FILE, metavar="FILE", help="Write the report there.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the report as Markdown.")
@in_cluster
def show(
    name: str, page: Path | None, context: str, namespace: str, *, as_markdown: bool, as_json: bool
) -> int:
    """Show the verdict of a run, from the evidence that the operator has kept.

    Exit codes: 0 shown, whatever the verdict; 2 there is no evidence, or it cannot be read.
    """
    if sum((page is not None, as_markdown, as_json)) > 1:
        raise click.UsageError("one of --html, --markdown and --json")
    return _look(
        context,
        namespace,
        lambda kubectl, screen: bakeoff_past.show(
            kubectl, screen, name, page=page, as_markdown=as_markdown
        ),
        as_json=as_json,
    )


def _look(
    context: str,
    namespace: str,
    call: Callable[[Kubectl, Screen], Coroutine[None, None, int]],
    *,
    as_json: bool,
) -> int:
    screen = Screen(as_json=as_json)
    try:
        return asyncio.run(call(Kubectl(context=context, namespace=namespace), screen))
    except CliError as error:
        screen.error(error)
        return error.exit_code


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
@click.option("--memory", metavar="URL", default="",
              help="Put notes of this reflection service into the questions.")  # fmt: skip
@click.option("--simulated", is_flag=True, help="No real model answers; the evidence says so.")
@click.option("--unsafe-no-sandbox", "unsafe", is_flag=True,
              help="Run the models' code with all your rights.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the verdict's JSON and nothing else.")
@click.option("-v", "--verbose", "verbosity", count=True, help="Say more; twice for all.")
def run(as_json: bool, verbosity: int, **arguments: Any) -> int:  # noqa: ANN401
    """Measure an endpoint and judge it. Its key is taken from REFLEX_ENDPOINT_KEY.

    What memory is worth: measure without it, then with --memory and the first run's items.jsonl as
    --baseline. Notes are read by the key in REFLEX_API_KEY; nothing is written.

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
