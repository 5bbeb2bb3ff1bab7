"""`reflexctl route explain`: a route in words, from the API objects only."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import click
from rich.text import Text

from reflex_api.names import route_service_name
from reflexctl.cluster import Kubectl
from reflexctl.errors import NOT_DONE, OK, CliError, ClusterError
from reflexctl.plain import plain
from reflexctl.route_story import Chapter, Story, tell
from reflexctl.route_view import facts_of
from reflexctl.screen import Screen

ROUTES = "reflexroutes.reflexstack.dev"
BAKEOFFS = "reflexbakeoffs.reflexstack.dev"


@click.group()
def route() -> None:
    """Look at ReflexRoutes."""


@route.command()
@click.argument("name")
@click.option("--context", metavar="NAME", default="", help="The kube context.")
@click.option("-n", "--namespace", metavar="NAME", default="", help="Of the route.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value only.")
def explain(name: str, context: str, namespace: str, *, as_json: bool) -> int:
    """Say why the active model is active, and what each other member lacks.

    Exit codes: 0 the route serves, 1 it does not, 2 it cannot be read.
    """
    screen = Screen(as_json=as_json)
    try:
        story = asyncio.run(_read(Kubectl(context=context, namespace=namespace), name))
    except CliError as error:
        screen.error(error)
        return error.exit_code
    if as_json:
        screen.json(story.to_json())
    else:
        for line in lines(story):
            screen.out.print(line)
    return OK if story.serving else NOT_DONE


async def _read(kubectl: Kubectl, name: str) -> Story:
    route = await kubectl.one(ROUTES, name)
    kubectl.namespace = str(route["metadata"]["namespace"])
    service = None
    # A route that has not begun has none; who may not read it does without the past swaps.
    with suppress(ClusterError):
        service = await kubectl.one("services", route_service_name(name))
    bakeoffs = await kubectl.objects(BAKEOFFS)
    return tell(facts_of(route, service, bakeoffs, datetime.now(UTC)))


def lines(story: Story) -> list[Text]:
    """Return the story as a terminal shows it."""
    color = "green" if story.serving else "red"
    said = [_text(f"{story.route}: ", (story.headline, f"bold {color}"))]
    said += [_text(f"  {one}") for one in story.why]
    said.append(_text(""))
    for one in story.members:
        said += _chapter(one)
    said.append(_text(""))
    said.append(_text(("held back by", "bold"), f": {'; '.join(story.held_back) or 'nothing'}"))
    said.append(_text(("measured", "bold"), f": {story.evaluation}"))
    return said


def _chapter(one: Chapter) -> list[Text]:
    places = [one.role]
    places += ["incumbent"] if one.incumbent else []
    places += ["active"] if one.active else []
    good = one.eligibility == "Eligible"
    head = _text(
        ("✓ " if good else "✗ ", "green" if good else "red"),
        (one.model, "bold"),
        f" ({', '.join(places)}): ",
        (one.eligibility, "green" if good else "yellow"),
    )
    said = [head]
    said += [_text(f"    {one.says}")] if one.says else []
    said.append(_text(f"    evidence: {one.evidence}"))
    said += [_text(("    lacks: ", "bold"), each) for each in one.lacks]
    said += [_text(("    next: ", "bold"), each) for each in one.next]
    return said


def _text(*parts: str | tuple[str, str]) -> Text:
    safe = [plain(one) if isinstance(one, str) else (plain(one[0]), one[1]) for one in parts]
    return Text.assemble(*safe)
