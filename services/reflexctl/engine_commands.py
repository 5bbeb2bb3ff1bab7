"""`reflexctl health`, `models` and `status`."""

import asyncio
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from prometheus_client import CollectorRegistry
from rich.table import Table
from rich.text import Text

from reflex_routing.assembly import open_router
from reflex_routing.config import ReflexSection
from reflex_routing.config_file import Loaded
from reflex_routing.errors import CallError
from reflex_routing.policy import Decision
from reflex_routing.request import Request
from reflexctl import sources
from reflexctl.engine_checks import health as ask_health
from reflexctl.errors import NOT_DONE, OK, CliError
from reflexctl.screen import Screen

_TIMEOUT_MS: Final = 5_000
_LIST_SECONDS: Final = 10.0
Command = TypeVar("Command", bound=Callable[..., Any])


def common(command: Command) -> Command:
    """Add the options that say which configuration is meant, and how it is shown."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON value only."),
        click.option(
            "--policy",
            "--config",
            "config",
            type=click.Path(path_type=Path, dir_okay=False),
            envvar="REFLEX_CONFIG",
            help="The reflex.yaml.  [default: ~/.config/reflex/reflex.yaml]",
        ),
        click.option("--endpoint", metavar="URL", help="This server instead of a configuration."),
        click.option("--model", metavar="NAME", default="", help="This model."),
        click.option("-v", "--verbose", "verbosity", count=True, help="Say more."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@common
@click.option(
    "--timeout", type=click.IntRange(1, 600_000), default=_TIMEOUT_MS, show_default=True,
    metavar="MS", help="Milliseconds until the server counts as unreachable.",
)  # fmt: skip
def health(
    config: Path | None, endpoint: str | None, model: str, *, as_json: bool, verbosity: int,
    timeout: int,
) -> int:  # fmt: skip
    """Ask whether the primary model's server is there and serves it.

    Exit codes: 0 healthy, 1 unhealthy, 2 configuration.
    """
    screen = Screen(as_json=as_json, verbosity=verbosity)
    try:
        with screen.logs():
            section = _section(config, endpoint, model)
            found = asyncio.run(
                ask_health(
                    section,
                    seconds=timeout / 1000,
                    environ=os.environ,
                    any_model=bool(endpoint) and not model,
                )
            )
    except CliError as error:
        screen.error(error)
        return error.exit_code
    if as_json:
        screen.json(found.to_json())
        return OK if found.healthy else NOT_DONE
    reached = f"reachable in {found.latency_ms} ms" if found.server_reachable else "not reachable"
    if found.server_reachable and found.latency_ms is None:
        reached = "reachable, but of no use"
    rows = [
        ("server", f"{found.endpoint} ({reached})"),
        (
            "model",
            f"{found.model or 'any'} ({'served' if found.model_available else 'not served'})",
        ),
    ]
    _rows(screen, "healthy" if found.healthy else "unhealthy", rows, good=found.healthy)
    if found.error:
        screen.note("error", found.error)
    if not found.server_reachable:
        screen.note("hint", "start the server, or name another one: --endpoint URL")
    return OK if found.healthy else NOT_DONE


@click.command()
@common
def models(
    config: Path | None, endpoint: str | None, model: str, *, as_json: bool, verbosity: int
) -> int:
    """List what the primary model's server serves.

    Exit codes: 0 listed, 1 the server does not answer, 2 configuration.
    """
    screen = Screen(as_json=as_json, verbosity=verbosity)
    try:
        with screen.logs():
            section = _section(config, endpoint, model)
            name = section.endpoint_of(section.model_primary)
            entries = asyncio.run(
                sources.served_models(section, name, seconds=_LIST_SECONDS, environ=os.environ)
            )
    except CallError as error:
        screen.error(CliError(str(error), hints=("see: reflexctl health",)))
        return NOT_DONE
    except CliError as error:
        screen.error(error)
        return error.exit_code
    if as_json:
        screen.json([_entry(each) for each in entries])
        return OK
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("MODEL", "CONTEXT", "OWNER", "HERE"):
        table.add_column(column)
    for each in entries:
        context = each.get("max_model_len")
        table.add_row(
            str(each.get("id", "")),
            f"{context:,}" if isinstance(context, int) else "",
            str(each.get("owned_by", "")),
            _place(section, str(each.get("id"))),
        )
    screen.out.print(table)
    return OK


@click.command()
@common
def status(
    config: Path | None, endpoint: str | None, model: str, *, as_json: bool, verbosity: int
) -> int:
    """Show the configuration, and who would answer a repair now.

    Nobody is asked for it: the local models' evidence, the rules and the budget decide.
    Exit codes: 0 shown, 2 configuration.
    """
    screen = Screen(as_json=as_json, verbosity=verbosity)
    try:
        loaded = _configured(config, endpoint, model)
    except CliError as error:
        screen.error(error)
        return error.exit_code
    section = loaded.reflex
    if as_json:
        screen.json(section.model_dump(mode="json"))
        return OK
    decision = asyncio.run(_outlook(loaded))
    rows = [
        ("file", loaded.source),
        ("enabled", "yes" if section.enabled else "no: every request goes to the cloud"),
        ("primary", _model(section, section.model_primary)),
        *(("fallback", _model(section, name)) for name in section.model_fallbacks),
        ("cloud", _cloud(section)),
        ("gate", section.gate.mode.value),
        ("attempts", f"{section.max_attempts} failed local ones, then the cloud"),
        ("budget", _budget(section)),
        ("breaker", _breaker(section)),
        ("capture", section.capture.mode.value),
    ]
    who = str(decision.target) if decision.target else "nobody"
    _rows(screen, f"now: {who} ({decision.reason.value})", rows, good=decision.target is not None)
    for other in decision.alternatives:
        screen.out.print(Text(f"  not {other.target}: {other.reason}", style="dim"))
    return OK


def _section(config: Path | None, endpoint: str | None, model: str) -> ReflexSection:
    """Return whom to ask, without asking whether it is there."""
    if endpoint:
        return sources.endpoint_section(endpoint, model or "any", {}, os.environ)
    return _configured(config, None, model).reflex


def _configured(config: Path | None, endpoint: str | None, model: str) -> Loaded:
    """Return the configuration that is meant.

    Raises:
        ConfigurationError: there is none, or it is wrong.
    """
    if endpoint:
        source = asyncio.run(sources.from_endpoint(endpoint, model))
        return source.loaded
    found = sources.find_file(config, os.environ)
    if found is None:
        raise sources.no_source()
    return sources.from_file(found, model=model).loaded


async def _outlook(loaded: Loaded) -> Decision:
    router = open_router(loaded, registry=CollectorRegistry())
    try:
        return await router.outlook(Request(messages=[]))
    finally:
        await router.close()


def _rows(screen: Screen, head: str, rows: list[tuple[str, str]], *, good: bool) -> None:
    screen.out.print(Text(head, style=f"bold {'green' if good else 'red'}"))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        screen.out.print(Text.assemble((f"  {name:<{width}}  ", "bold"), text))


def _entry(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found.get(name, "") for name in ("id", "object", "owned_by")}


def _place(section: ReflexSection, model: str) -> str:
    if model == section.model_primary:
        return "primary"
    return "fallback" if model in section.model_fallbacks else ""


def _model(section: ReflexSection, name: str) -> str:
    form, endpoint = section.model(name), section.endpoint_of(name)
    url = section.endpoints[endpoint].base_url
    return f"{name} at {url} ({form.renderer}, {form.context_tokens:,} tokens)"


def _cloud(section: ReflexSection) -> str:
    cloud = section.cloud
    if not cloud.enabled:
        return "none"
    return f"{', '.join(cloud.implementer)} at {section.endpoints[cloud.endpoint].base_url}"


def _budget(section: ReflexSection) -> str:
    def limit(usd: Decimal | None) -> str:
        return "unlimited" if usd is None else f"{usd} USD"

    budgets = section.budgets
    return f"{limit(budgets.daily_usd)} a day, {limit(budgets.monthly_usd)} a month"


def _breaker(section: ReflexSection) -> str:
    each = section.breaker
    if each.mode != "automatic":
        return each.mode
    return (
        f"opens at {each.failure_rate_percent:g} % failures of {each.window_calls} calls,"
        f" at least {each.minimum_calls}; for {each.cool_down_seconds:g} s"
    )
