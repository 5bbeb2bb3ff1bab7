"""`reflexctl e2e`: routing, client and model from end to end."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack, nullcontext
from typing import Any

import click
from rich.text import Text

from reflexctl import e2e as assertions
from reflexctl import sources, stub
from reflexctl.e2e_bench import Bench
from reflexctl.errors import NOT_DONE, OK, CliError
from reflexctl.screen import Screen


@click.command()
@click.option("--stub", "stubbed", is_flag=True, help="Start a stub server instead of a real one.")
@click.option(
    "--endpoint", metavar="URL", envvar="REFLEX_E2E_ENDPOINT",
    default="http://127.0.0.1:30000/v1", show_default=True, help="The server to test.",
)  # fmt: skip
@click.option(
    "--model", metavar="NAME", envvar="REFLEX_E2E_MODEL", default="",
    help="The model.  [default: the one that is served]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object only.")
@click.option("-v", "--verbose", "verbosity", count=True, help="Show what routing logs.")
def e2e(stubbed: bool, endpoint: str, model: str, *, as_json: bool, verbosity: int) -> int:
    """Run named assertions through the real router and client.

    The cloud and the failing server are stubs on this machine in any case: nothing is spent.
    Exit codes: 0 all hold, 1 not all, or the server cannot be asked.
    """
    screen = Screen(as_json=as_json, verbosity=verbosity)
    try:
        with screen.logs() if verbosity else nullcontext():
            return asyncio.run(_run(screen, stubbed=stubbed, endpoint=endpoint, model=model))
    except CliError as error:
        screen.note("error", str(error))
        for hint in error.hints:
            screen.note("hint", hint)
        if as_json:
            screen.json(_document("stub" if stubbed else "real", [], error=str(error)))
        return NOT_DONE


async def _run(screen: Screen, *, stubbed: bool, endpoint: str, model: str) -> int:
    mode = "stub" if stubbed else "real"
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(stub.running())
        tokens = 1024
        if stubbed:
            endpoint, model = server.base_url, stub.RIGHT
        else:
            section = (
                await sources.from_endpoint(endpoint, model, environ=os.environ)
            ).loaded.reflex
            model = section.model_primary
            tokens = min(section.model(model).reply_tokens, 2048)
        screen.say(f"testing {model} at {endpoint} ({mode})")
        bench = Bench(url=endpoint, model=model, cloud=server, max_tokens=tokens)
        found = await assertions.run(bench, lambda each: _tell(screen, each))
    failed = sum(not each.passed for each in found)
    if screen.as_json:
        screen.json(_document(mode, found))
    else:
        screen.out.print(
            Text(f"{len(found) - failed} of {len(found)} hold ({mode})",
                 style="bold red" if failed else "bold green")
        )  # fmt: skip
    return NOT_DONE if failed else OK


def _document(
    mode: str, found: Sequence[assertions.Assertion], *, error: str = ""
) -> dict[str, Any]:
    """Return the object of `--json`; nothing tested is no success."""
    failed = [each for each in found if not each.passed]
    error = error or "; ".join(f"{each.name}: {each.message}" for each in failed)
    document: dict[str, Any] = {
        "success": bool(found) and not failed,
        "mode": mode,
        "tests_passed": len(found) - len(failed),
        "tests_failed": len(failed),
        "assertions": [each.to_json() for each in found],
    }
    return {**document, "error": error} if error else document


def _tell(screen: Screen, each: assertions.Assertion) -> None:
    mark, style = ("ok", "green") if each.passed else ("FAILED", "bold red")
    text = Text.assemble((f"{mark:>6} ", style), each.name)
    screen.say(text.append(f": {each.message}") if each.message else text)
