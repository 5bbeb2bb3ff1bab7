"""`reflexctl fix`: its options."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from reflex_loop.options import RepairOptions
from reflexctl import fixing
from reflexctl.errors import CliError
from reflexctl.screen import Screen

_DEFAULT = RepairOptions()


@click.command()
@click.argument(
    "path", type=click.Path(path_type=Path), default=Path(), shell_complete=None, required=False
)
@click.option(
    "--dry-run", is_flag=True, help="Repair a copy and show the diff; PATH is not touched."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--endpoint", metavar="URL", help="Ask this OpenAI-compatible server.")
@click.option("--model", metavar="NAME", default="", help="Ask this model.")
@click.option(
    "--renderer",
    type=click.Choice(["full", "compact"]),
    help="How --endpoint is asked.  [default: by the model's context]",
)
@click.option(
    "--config", "--policy", "config", type=click.Path(path_type=Path, dir_okay=False),
    envvar="REFLEX_CONFIG", help="Route by this reflex.yaml.",
)  # fmt: skip
@click.option(
    "--server", metavar="URL", envvar="REFLEX_SERVER", help="Let this reflex-loop service repair."
)
@click.option(
    "--key-file", type=click.Path(path_type=Path, dir_okay=False),
    help="File with the service's key.  [default: REFLEX_API_KEY]",
)  # fmt: skip
@click.option(
    "--context", metavar="NAME", default="", help="The kube context to find a service in."
)
@click.option("-n", "--namespace", metavar="NAME", default="", help="Its namespace.")
@click.option(
    "--suggestions", type=click.Choice(["off", "safe", "verified"]), default="safe",
    show_default=True, help="The compiler's own suggestions, which are tried first.",
)  # fmt: skip
@click.option(
    "--candidates", type=int, default=_DEFAULT.candidates, show_default=True,
    help="Replies asked for at once; the best by compile result is taken.",
)  # fmt: skip
@click.option(
    "--attempts",
    "max_attempts",
    type=int,
    default=_DEFAULT.max_attempts,
    show_default=True,
    help="Questions at most.",
)
@click.option("--seconds", type=float, default=_DEFAULT.seconds, show_default=True, help="At most.")
@click.option(
    "--tokens", type=int, default=_DEFAULT.tokens, show_default=True,
    help="Prompts and replies together, at most.",
)  # fmt: skip
@click.option("--cost", "cost_usd", type=Decimal, metavar="USD", help="Stop after this was spent.")
@click.option(
    "--run-tests/--no-run-tests", default=False, show_default=True,
    help="Whether the crate's tests must pass as well.",
)  # fmt: skip
@click.option("--allow-manifest", is_flag=True, help="Cargo.toml may be changed.")
@click.option(
    "--on-failure", type=click.Choice(["keep", "restore"]), default="keep", show_default=True,
    help="What becomes of patches that helped when errors are left.",
)  # fmt: skip
@click.option(
    "--entry",
    metavar="FILE.rs",
    default="",
    help="Root file in PATH of a crate without a manifest.",
)
@click.option(
    "--edition", type=click.Choice(["2015", "2018", "2021", "2024"]), default="2021",
    show_default=True, help="Of the language, for a crate without a manifest.",
)  # fmt: skip
@click.option("--locked", is_flag=True, help="Cargo.lock must be there and stays as it is.")
@click.option(
    "--fetch/--no-fetch", default=None,
    help="Fetch dependencies first.  [default: when Cargo.lock names some that are not here]",
)  # fmt: skip
@click.option(
    "--unsafe-no-sandbox", "unsafe", is_flag=True,
    help="Run build scripts and proc macros with all your rights.",
)  # fmt: skip
@click.option("-v", "--verbose", "verbosity", count=True, help="Say more; twice for all.")
def fix(as_json: bool, verbosity: int, **arguments: Any) -> int:  # noqa: ANN401
    """Repair the Rust code in PATH that does not compile.

    PATH is a folder in a cargo package or workspace (default: this one), or the root file of a
    crate without a manifest. The diff goes to stdout, everything else to stderr.

    Exit codes: 0 fixed, or nothing to do; 1 not fixed; 2 configuration; 130 interrupted.
    """
    screen = Screen(as_json=as_json, verbosity=verbosity)
    try:
        with screen.logs():
            return asyncio.run(fixing.run(fixing.wish(arguments), screen))
    except CliError as error:
        screen.error(error)
        return error.exit_code
