"""`reflexctl suite build|lint`: suites of one's own, and what is wrong with one."""

import asyncio
from pathlib import Path

import click

from reflexctl import suite_build, suite_lint
from reflexctl.errors import CliError
from reflexctl.screen import Screen
from reflexctl.suite_build import Wish

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def suite() -> None:
    """Make and check suites for bakeoffs."""


@suite.command()
@click.option(
    "--from-git", "repository", required=True, metavar="REPO",
    help="A folder in a git repository, or a URL that git can clone; the last commit is taken.",
)  # fmt: skip
@click.option("--out", type=_FOLDER, metavar="DIR", help="[default: NAME in this folder]")
@click.option("--name", default="", help="Of the suite.  [default: private- and REPO's name]")
@click.option("--count", type=click.IntRange(1, 5000), default=300, show_default=True,
              help="Items; the default gate wants 300.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2147483647), default=0, show_default=True,
              help="Of all draws.")  # fmt: skip
@click.option("--since", default="", metavar="REF", help="Break only lines changed since then.")
@click.option("--licence", default="LicenseRef-Private", show_default=True, metavar="SPDX",
              help="Of REPO's code.")  # fmt: skip
@click.option("--unsafe-no-sandbox", "unsafe", is_flag=True,
              help="Run build scripts and tests with all your rights.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def build(
    repository: str, out: Path | None, name: str, count: int, seed: int, since: str, licence: str,
    *, unsafe: bool, as_json: bool,
) -> int:  # fmt: skip
    """Make a private suite: break lines of your own crates, keep what the compiler notices.

    Everything is compiled in the sandbox, without a network. Ctrl-C writes what there is; the same
    command goes on.

    Exit codes: 0 as many items as wanted; 1 fewer; 2 configuration; 130 interrupted.
    """
    screen = Screen(as_json=as_json)
    wish = Wish(
        repository=repository, out=out, name=name, count=count, seed=seed, since=since,
        licence=licence, unsafe=unsafe,
    )  # fmt: skip
    try:
        with screen.logs():
            return asyncio.run(suite_build.build(wish, screen))
    except CliError as error:
        screen.error(error)
        return error.exit_code


@suite.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option(
    "--against", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="training_index.json of a model: no family and no program of it may be in the suite.",
)  # fmt: skip
@click.option("--least", type=click.IntRange(1), default=300, show_default=True,
              help="Items that the gate's last look needs.")  # fmt: skip
@click.option("--licence", "licences", multiple=True, metavar="SPDX",
              help="Allowed beside those that may be given away.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def lint(
    folder: Path, against: Path | None, least: int, licences: tuple[str, ...], *, as_json: bool
) -> int:
    """Say what is wrong with the suite in DIR; the compiler is not asked.

    Exit codes: 0 nothing, or warnings only; 1 errors; 2 no suite can be read.
    """
    screen = Screen(as_json=as_json)
    try:
        return suite_lint.lint(folder, against, screen, least=least, licences=licences)
    except CliError as error:
        screen.error(error)
        return error.exit_code
