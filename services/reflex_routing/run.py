"""Where a request stands while the router works on it."""

from dataclasses import dataclass, field

from reflex_routing.decision import DecisionRecord
from reflex_routing.errors import RoutingError
from reflex_routing.policy import Target
from reflex_routing.request import Request
from reflex_routing.risk import Risk


@dataclass
class Run:
    """One request on its way."""

    request: Request
    request_id: str
    risk: Risk
    deadline: float
    failed_before: int
    failed_here: int = 0
    excluded: dict[Target, str] = field(default_factory=dict)
    last_error: RoutingError | None = None
    cost: int = 0
    records: list[DecisionRecord] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Failed local attempts at the repair so far."""
        return self.failed_before + self.failed_here
