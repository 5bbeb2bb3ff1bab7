"""`reflexctl memory`: its commands and their options."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from reflexctl import memory_calls
from reflexctl.errors import NOT_DONE, OK, CliError
from reflexctl.memory_calls import Place
from reflexctl.memory_reflect import reflect_once
from reflexctl.plain import plain
from reflexctl.screen import Screen

_FILE = click.Path(path_type=Path, dir_okay=False)
Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def memory() -> None:
    """Search and keep the memories of finished turns."""


def _service(command: Command) -> Command:
    """Add the options that say which service is meant, and how its answer is shown."""
    options = (
        click.option(
            "--server", metavar="URL", default="", envvar="REFLEX_MEMORY_SERVER",
            help="The reflection service.  [default: that of the kube context]",
        ),
        click.option(
            "--key-file", type=_FILE, help="File with its key.  [default: REFLEX_API_KEY]"
        ),
        click.option(
            "--context", metavar="NAME", default="", help="The kube context to find it in."
        ),
        click.option("-n", "--namespace", metavar="NAME", default="", help="Its namespace."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON value only."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _run(
    call: Callable[..., Any], arguments: dict[str, Any], **more: Any  # noqa: ANN401
) -> int:  # fmt: skip
    screen = Screen(as_json=arguments.pop("as_json"))
    place = Place(**{name: arguments.pop(name) for name in Place.__dataclass_fields__})
    try:
        done: int = asyncio.run(call(place, screen, **arguments, **more))
    except CliError as error:
        screen.error(error)
        return error.exit_code
    return done


@memory.command()
@click.option("--bundle", type=_FILE, required=True, metavar="FILE", help="The turn, as JSON.")
@click.option(
    "--config", type=_FILE, required=True, metavar="FILE", help="Its settings: reflection.yaml."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result's JSON, vectors included.")
def reflect(bundle: Path, config: Path, *, as_json: bool) -> int:
    """Reflect on one turn here, without a service and without keeping anything.

    Exit codes: 0 there is a result; 1 the gate is closed, or nothing could be made; 2 a file is
    wrong.
    """
    screen = Screen(as_json=as_json)
    try:
        done = reflect_once(bundle, config)
    except CliError as error:
        screen.error(error)
        return error.exit_code
    for warning in done.warnings:
        screen.note("warning", warning)
    if as_json:
        screen.json(done.to_json())
    elif done.result is not None and not done.problem:
        screen.out.print(plain(done.result.summary), markup=False)
        for name in done.ids:
            screen.say(f"it would be kept as {name}")
    if done.result is None:
        screen.note("error", f"nothing is reflected: {done.closed}")
    elif done.problem:
        screen.note("error", done.problem)
    return NOT_DONE if done.result is None or done.problem else OK


@memory.command()
@click.argument("query", nargs=-1, required=True)
@click.option("-k", type=click.IntRange(1, 200), default=10, show_default=True, help="At most.")
@click.option(
    "--mode", type=click.Choice(["hybrid", "vector", "text"]), default="hybrid", show_default=True,
    help="By words, by the nearness of vectors, or by both.",
)  # fmt: skip
@click.option(
    "--mmr", "mmr_lambda", type=click.FloatRange(0, 1), metavar="0..1",
    help="Weight of relevance against variety.  [default: relevance only]",
)  # fmt: skip
@click.option("--kind", metavar="KIND", help="Such as summary.")
@click.option("--since", metavar="TIME", help="ISO 8601: older ones are not found.")
@_service
def search(query: tuple[str, ...], **arguments: Any) -> int:  # noqa: ANN401
    """Find memories by what they say, best first.

    Exit codes: 0 found; 1 nothing found, or the service fails; 2 configuration.
    """
    return _run(memory_calls.search, arguments, query=" ".join(query))


@memory.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="At most."
)
@click.option("--after", metavar="CURSOR", default="", help="Go on behind an earlier list's end.")
@_service
def list_(**arguments: Any) -> int:  # noqa: ANN401
    """List memories, the newest first."""
    return _run(memory_calls.page, arguments)


@memory.command()
@click.argument("memory_id", metavar="ID")
@_service
def get(**arguments: Any) -> int:  # noqa: ANN401
    """Show one memory and what it was made from."""
    return _run(memory_calls.get, arguments)


@memory.command()
@click.argument("memory_ids", metavar="ID...", nargs=-1, required=True)
@_service
def delete(**arguments: Any) -> int:  # noqa: ANN401
    """Delete memories: they are not found any more, and purged later."""
    return _run(memory_calls.delete, arguments)


@memory.command()
@click.option("--out", type=_FILE, metavar="FILE", help="[default: stdout]")
@_service
def export(**arguments: Any) -> int:  # noqa: ANN401
    """Write all memories as NDJSON, one a line."""
    return _run(memory_calls.export, arguments)


@memory.command("import")
@click.argument("file", type=_FILE)
@_service
def import_(**arguments: Any) -> int:  # noqa: ANN401
    """Bring back what `export` wrote; memories that are there already stay as they are."""
    return _run(memory_calls.bring, arguments)


@memory.command()
@_service
def stats(**arguments: Any) -> int:  # noqa: ANN401
    """Show how much is remembered."""
    return _run(memory_calls.stats, arguments)
