"""What reflex-loop tells the operator about a route: production outcomes and its breaker.

It writes them as `feedback.json` into a ConfigMap with the label `reflexstack.dev/feedback-of`.
"""

from datetime import datetime
from typing import Final, Literal

from pydantic import Field

from reflex_api.rules import ApiModel

FEEDBACK_KEY: Final = "feedback.json"


class RouteFeedback(ApiModel):
    """The last word about one route; it counts for the model that it names only."""

    model: str = Field(max_length=50, description="Who was serving.")
    at: datetime = Field(description="When this was written, UTC.")
    last_request_at: datetime | None = Field(
        default=None, description="Last request for the route, served by whomever; None: none yet."
    )
    circuit: Literal["Closed", "Open"] = Field(
        default="Closed", description="reflex-loop's breaker for the route's endpoint."
    )
    quality: Literal["Normal", "Regressed"] = Field(
        default="Normal", description="Repairs in production, against the model's evidence."
    )
    message: str = Field(default="", max_length=256, description="The numbers behind it.")
