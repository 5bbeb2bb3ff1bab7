"""Progress of a measurement in steps: a bar on a terminal, and a line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from reflex_bakeoff.quality.run import Tell
from reflexctl.plain import plain
from reflexctl.screen import Screen

_TELL_SECONDS: Final = 10.0


@contextmanager
def steps(screen: Screen, first: str) -> Iterator[Tell]:
    """Lend what shows each step.

    Args:
        screen: where.
        first: the part that is shown from the start on.
    """
    if not screen.is_live:
        yield _Lines(screen)
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=screen.err, transient=True) as bars:
        tasks = {first: bars.add_task(first, total=None, text="")}

        def tell(part: str, done: int, total: int, text: str) -> None:
            if part not in tasks:
                tasks[part] = bars.add_task(part, total=total, text="")
            bars.update(tasks[part], completed=done, total=total, text=plain(text))

        yield tell


class _Lines:
    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._told = 0.0

    def __call__(self, part: str, done: int, total: int, text: str) -> None:
        now = time.monotonic()
        if done in {0, total} or now - self._told > _TELL_SECONDS:
            self._told = now
            self._screen.say(f"{part} {done}/{total} {text}")
