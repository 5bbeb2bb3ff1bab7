"""The end of a repair, for people: one line, what is left, and what to do."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.text import Text

from reflex_loop.stopping import Stop
from reflexctl.progress import counted
from reflexctl.screen import Screen

_LEFT: Final = 3
_WHY: Final = {
    Stop.ATTEMPTS: "no attempts are left (--attempts)",
    Stop.NO_PROGRESS: "several answers in a row did not help",
    Stop.OSCILLATION: "the answers go round in circles",
    Stop.TOKENS: "the next question might pass the limit of tokens (--tokens)",
    Stop.TIME: "the time is over (--seconds)",
    Stop.COST: "the limit of cost is reached (--cost)",
    Stop.CANCELLED: "stopped on request",
    Stop.NO_ANSWER: "no model answers",
    Stop.NO_VERDICT: "the check fails without naming a place in this workspace",
    Stop.CONFLICT: "someone else changes the same files",
}
_TELLING: Final = (Stop.NO_ANSWER, Stop.NO_VERDICT, Stop.CONFLICT)
_DETAIL_LINES: Final = 8
_HINTS: Final = {
    "no_route": "name a server by --endpoint, or see who may answer: reflexctl status",
    "unavailable": "is the server running? see: reflexctl health",
    "not_served": "see what the server has: reflexctl models",
    "auth": "the server wants a key: REFLEX_ENDPOINT_KEY, or api_key_file in the configuration",
    "context_too_long": "set reflex.models.NAME.context_tokens to what the model really has",
    "cloud_budget_exhausted": "wait for the next window, or raise reflex.budgets",
}


def show(screen: Screen, result: Mapping[str, Any], *, dry_run: bool) -> None:
    """Print what a repair came to; `result` is `Result.to_json()`, also of a service."""
    if result["diff"]:
        screen.diff(result["diff"])
    stop, seconds = Stop(result["stop"]), result["seconds"]
    total = sum(seconds.values())
    if stop is Stop.NOTHING_TO_DO:
        screen.say(_end("nothing to do", "it compiles", ok=True))
        return
    tokens = result["tokens"]
    used = tokens["prompt"] + tokens["completion"]
    facts = [counted(result["attempts"], "attempt")]
    if result["rustfix_edits"]:
        facts.append(f"{counted(result['rustfix_edits'], 'suggestion')} of the compiler")
    if used:
        facts.append(f"{used:,} tokens")
    facts.append(
        f"{total:.1f} s (model {seconds['model']:.1f}, compiler {seconds['compiler']:.1f})"
    )
    if result["fixed"]:
        head = "would be fixed" if dry_run else "fixed"
        screen.say(_end(head, ", ".join(facts), ok=True))
        return
    left = f"{counted(result['errors_after'], 'error')} of {result['errors_before']} left"
    why = _WHY.get(stop, stop.value)
    screen.say(_end("not fixed", f"{left}; {why}; {', '.join(facts)}", ok=False))
    if stop in _TELLING or not result["left"]:
        for each in _detail(result["detail"]):
            screen.say(Text(f"  {each}"))
    _left(screen, result["left"])
    hint = _HINTS.get(result.get("code", ""))
    if hint:
        screen.note("hint", hint)


def _detail(text: str) -> list[str]:
    """Return what was said, from the first line that calls itself an error, and its headline."""
    lines = text.strip().splitlines()
    begin = next((at for at, each in enumerate(lines) if each.startswith("error")), 0)
    headline = lines[:1] if begin and lines[0].endswith(":") else []
    return [*headline, *lines[begin : begin + _DETAIL_LINES]]


def _left(screen: Screen, left: Sequence[str]) -> None:
    for each in left[:_LEFT]:
        screen.say(Text("\n" + each.rstrip()))
    if len(left) > _LEFT:
        screen.say(Text(f"\n… and {counted(len(left) - _LEFT, 'more cause')}", style="dim"))


def _end(head: str, text: str, *, ok: bool) -> Text:
    return Text.assemble((head, f"bold {'green' if ok else 'red'}"), f": {text}")
