"""The breakers of one process: one for each endpoint and model, made when first asked for."""

from reflex_routing.breaker import (
    BreakerConfig,
    BreakerState,
    BreakerView,
    CircuitBreaker,
    Clock,
    Listener,
)


class Breakers:
    """Looks breakers up by `endpoint/model`."""

    def __init__(
        self, config: BreakerConfig, *, clock: Clock, listeners: tuple[Listener, ...] = (),
        initial: BreakerState = BreakerState.CLOSED,
    ) -> None:  # fmt: skip
        self._config = config
        self._clock = clock
        self._listeners = listeners
        self._known: dict[str, CircuitBreaker] = {}
        self._initial = initial

    def get(self, breaker_id: str) -> CircuitBreaker:
        """Return the breaker of this `endpoint/model`."""
        breaker = self._known.get(breaker_id)
        if breaker is None:
            breaker = self._known[breaker_id] = CircuitBreaker(
                breaker_id, self._config, clock=self._clock, listeners=self._listeners
            )
            if self._initial is not BreakerState.CLOSED:
                breaker.force(self._initial, reason="configured")
        return breaker

    def views(self) -> tuple[BreakerView, ...]:
        """Return a snapshot of every breaker, by id."""
        return tuple(self._known[key].view() for key in sorted(self._known))
