"""Traffic through a route's stable Service without a pause, and what became of it."""

import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from openai import OpenAI

TOKENS: Final = 48


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request. `model` is who answered; an `error` without an answer says why."""

    began: float
    ended: float
    begun: bool  # its first token had come
    complete: bool
    model: str = ""
    error: str = ""


class Traffic:
    """One client that asks again and again, each time over a new connection.

    A connection that is kept goes on to the engine that it was made to: that is Kubernetes' way,
    and not what is asked here.
    """

    def __init__(self, *, address: str, key: str, model: str) -> None:
        self._address, self._key, self._model = address, key, model
        self.sent: list[Sent] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(120)

    def since(self, moment: float) -> list[Sent]:
        """Return what was begun after a moment (`time.monotonic`) and is over."""
        return [one for one in self.sent if one.began >= moment]

    def answered_by(self, since: float) -> list[str]:
        """Return who answered completely since then, each once, in the order of their turns."""
        turns: list[str] = []
        for one in self.since(since):
            if one.complete and (not turns or turns[-1] != one.model):
                turns.append(one.model)
        return turns

    def silence(self, since: float) -> float:
        """Return the longest time since then in which no request was answered, in seconds."""
        ends = [since, *(one.ended for one in self.sent if one.complete and one.ended >= since)]
        return max((after - before for before, after in pairwise(ends)), default=0.0)

    def _run(self) -> None:
        while not self._over.is_set():
            self.sent.append(self._once())
            if not self.sent[-1].begun:
                self._over.wait(0.2)  # nobody there: ask again soon

    def _once(self) -> Sent:
        began = time.monotonic()
        model = error = finish = ""
        try:
            with OpenAI(
                base_url=self._address, api_key=self._key, max_retries=0, timeout=30
            ) as client:
                (served,) = client.models.list().data  # the answer only repeats what was asked for
                for chunk in client.chat.completions.create(
                    model=self._model,
                    messages=[{"role": "user", "content": "fn main() {"}],
                    max_tokens=TOKENS,
                    temperature=0,
                    stream=True,
                    extra_body={"ignore_eos": True},
                ):
                    model = served.id
                    for choice in chunk.choices:
                        finish = choice.finish_reason or finish
        except Exception as problem:  # also of the transport, when a stream breaks
            error = f"{type(problem).__name__}: {problem}"
        return Sent(
            began=began, ended=time.monotonic(), begun=bool(model), complete=finish == "length",
            model=model, error=error,
        )  # fmt: skip
