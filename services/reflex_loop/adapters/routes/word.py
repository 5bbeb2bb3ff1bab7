"""reflex-loop's word about a route: what one replica saw, and what all of them say together. Pure.

An open breaker is told only after a probe failed as well: one that opens and closes again is a
moment's trouble, and a failover takes minutes.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import Field, ValidationError

from reflex_api.feedback import FEEDBACK_KEY, RouteFeedback
from reflex_api.rules import ApiModel
from reflex_loop.adapters.routes.quality import WINDOW, FirstAnswer, regressed
from reflex_loop.adapters.routes.view import RouteView
from reflex_routing.breaker import BreakerState, StateChange

OLD: Final = timedelta(minutes=15)
"""As long as the operator listens to a word."""
_AT_ONCE: Final = timedelta(seconds=2)
_SOON: Final = timedelta(seconds=30)
_AGAIN: Final = timedelta(minutes=2)
_PREFIX: Final = "replica."
_SUFFIX: Final = ".json"


class ReplicaWord(ApiModel):
    """What one replica saw of a route's active model; a part of the ConfigMap."""

    model: str = Field(max_length=50)
    revision: str = Field(default="", max_length=63)
    at: datetime
    last_request_at: datetime | None = None
    circuit: Literal["Closed", "Open"] = "Closed"
    detail: str = Field(default="", max_length=128)
    kept: int = Field(default=0, ge=0)
    tried: int = Field(default=0, ge=0)

    @property
    def bad(self) -> bool:
        """Whether it has to be said again and again, so that it stays true."""
        return self.circuit == "Open"


class Observed:
    """What this replica saw of one route, since its active model took over."""

    def __init__(self) -> None:
        self._view: RouteView | None = None
        self._answers: deque[bool] = deque(maxlen=WINDOW)
        self._last_request: datetime | None = None
        self._open = ""

    @property
    def view(self) -> RouteView | None:
        """The route as it was told last."""
        return self._view

    def route(self, view: RouteView) -> bool:
        """Take over what the route says; return whether another engine took over."""
        before, self._view = self._view, view
        if before is None or before.activation == view.activation:
            return False
        self._answers.clear()
        self._open = ""
        return True

    def requested(self, at: datetime) -> None:
        """Note a request that wanted the route's model, whoever answered it."""
        self._last_request = max(at, self._last_request or at)

    def answered(self, answer: FirstAnswer) -> None:
        """Note an answer, if the engine that gave it is still the active one."""
        if self._view is not None and answer.revision == self._view.revision:
            self._answers.append(answer.kept)

    def breaker(self, change: StateChange) -> None:
        """Note a change of the breaker. By hand it says nothing about the engine."""
        if change.current_state is BreakerState.OPEN:
            if change.previous_state is BreakerState.HALF_OPEN:
                self._open = change.reason or "a probe failed"
        elif change.current_state is not BreakerState.HALF_OPEN:
            self._open = ""

    def word(self, now: datetime) -> ReplicaWord | None:
        """Return what there is to say; None: no model is active, or nothing was seen yet."""
        if self._view is None or not self._view.model:
            return None
        if self._last_request is None and not self._open:
            return None
        return ReplicaWord(
            model=self._view.model,
            revision=self._view.revision,
            at=now,
            last_request_at=self._last_request,
            circuit="Open" if self._open else "Closed",
            detail=self._open[:128],
            kept=sum(self._answers),
            tried=len(self._answers),
        )


def due(written: ReplicaWord | None, word: ReplicaWord, *, serving: bool) -> timedelta | None:
    """Return how long after the last write the next one follows; None: there is nothing to say.

    Args:
        written: what was written last, by this process.
        word: what there is to say now.
        serving: whether the route serves; a request that it does not serve may end an evaluation.
    """
    if written is None:
        return timedelta(0)
    same = word.model_copy(update={"at": written.at})
    if same == written:
        return _AGAIN if word.bad else None
    told = (written.model, written.revision, written.circuit)
    urgent = told != (word.model, word.revision, word.circuit) or not serving
    return _AT_ONCE if urgent else _SOON


@dataclass(frozen=True, kw_only=True)
class Letter:
    """The data of the ConfigMap, as a merge patch: None removes an entry."""

    data: Mapping[str, str | None]


def compose(
    data: Mapping[str, str], *, replica: str, word: ReplicaWord, floor: float | None
) -> Letter:
    """Return what the ConfigMap has to hold when this replica has spoken.

    Args:
        data: what it holds now; what cannot be read of it is removed.
        replica: name of this one.
        word: of this one.
        floor: of the route's gate.
    """
    own = f"{_PREFIX}{replica}{_SUFFIX}"
    words = {own: word}
    patch: dict[str, str | None] = {}
    for key, text in data.items():
        if key in (own, FEEDBACK_KEY):
            continue
        other = _read(text) if key.startswith(_PREFIX) else None
        if other is None or word.at - other.at >= OLD:
            patch[key] = None
        else:
            words[key] = other
    patch[own] = word.model_dump_json(by_alias=True, exclude_defaults=True)
    feedback = together(words.values(), about=word, floor=floor)
    patch[FEEDBACK_KEY] = feedback.model_dump_json(by_alias=True, exclude_none=True)
    return Letter(data=patch)


def together(
    words: Iterable[ReplicaWord], *, about: ReplicaWord, floor: float | None
) -> RouteFeedback:
    """Return what all replicas say about the model of one word.

    The circuit is open when at least half of those that asked this engine say so: one that lost
    its network is no reason to change the model. First answers are counted together.
    """
    everybody = list(words)
    same = [one for one in everybody if (one.model, one.revision) == (about.model, about.revision)]
    opened = [one for one in same if one.circuit == "Open"]
    circuit = bool(opened) and 2 * len(opened) >= len(same)
    worse = regressed(((one.kept, one.tried) for one in same), floor)
    requests = [one.last_request_at for one in everybody if one.last_request_at is not None]
    said = [f"{len(opened)} of {len(same)} replicas: {opened[0].detail}"] if circuit else []
    said += [worse] if worse else []
    return RouteFeedback(
        model=about.model,
        at=about.at,
        last_request_at=max(requests, default=None),
        circuit="Open" if circuit else "Closed",
        quality="Regressed" if worse else "Normal",
        message="; ".join(said)[:256],
    )


def _read(text: str) -> ReplicaWord | None:
    try:
        word = ReplicaWord.model_validate_json(text, extra="ignore")
    except ValidationError:
        return None
    aware = [one.tzinfo is not None for one in (word.at, word.last_request_at) if one is not None]
    return word if all(aware) else None
