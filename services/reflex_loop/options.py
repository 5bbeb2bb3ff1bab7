"""The public options of a repair: what the HTTP API and the command line offer."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from reflex_loop.errors import PolicyError
from reflex_loop.paths import check_name, cleaned
from reflex_loop.policy import Policy
from reflex_loop.settings import OnFailure, Settings, Stopping, Suggestions

_DEFAULT = Stopping()


class RepairOptions(BaseModel):
    """One repair, as its caller wants it; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suggestions: Suggestions = Field(
        default=Suggestions.SAFE,
        description="The compiler's own suggestions: off, safe (machine-applicable ones), or"
        " verified (every one, kept only when the check improves).",
    )
    candidates: int = Field(default=1, ge=1, le=8, description="Replies asked for at once.")
    max_attempts: int = Field(
        default=_DEFAULT.attempts, ge=1, le=50, description="Questions at most."
    )
    run_tests: bool = Field(
        default=False, description="Whether the crate's tests must pass as well."
    )
    allow_manifest: bool = Field(default=False, description="Whether Cargo.toml may be changed.")
    on_failure: OnFailure = Field(
        default=OnFailure.KEEP,
        description="What becomes of patches that helped when errors are left: keep or restore.",
    )
    seconds: Annotated[float, Field(gt=0, le=86_400, description="For the whole repair.")] = (
        _DEFAULT.seconds
    )
    check_seconds: Annotated[float, Field(gt=0, le=3_600, description="For one check.")] = 120.0
    tokens: int = Field(default=_DEFAULT.tokens, ge=1, description="Prompts and replies together.")
    cost_usd: Decimal | None = Field(
        default=None, ge=0, description="No question after this was spent; null: the budget's."
    )
    entry: str = Field(
        default="",
        max_length=1024,
        description="The root file of a crate without a manifest; empty for cargo.",
    )
    edition: str = Field(
        default="2021", pattern=r"^20(15|18|21|24)$", description="Of the language, with entry."
    )
    locked: bool = Field(
        default=False, description="Whether Cargo.lock must be there and stays as it is."
    )

    @field_validator("entry")
    @classmethod
    def _entry_is_a_source(cls, value: str) -> str:
        if not value:
            return value
        try:
            path = cleaned(value)
            check_name(path, manifests=False)
        except PolicyError as error:
            raise ValueError(str(error)) from None
        return path

    def settings(self, *, reply_seconds: float) -> Settings:
        """Return the loop's settings; the form of questions is the proposer's affair.

        Args:
            reply_seconds: for one reply, the router's retries and escalations included.
        """
        return Settings(
            suggestions=self.suggestions,
            candidates=self.candidates,
            run_tests=self.run_tests,
            on_failure=self.on_failure,
            check_seconds=self.check_seconds,
            reply_seconds=reply_seconds,
            stopping=Stopping(
                attempts=self.max_attempts,
                tokens=self.tokens,
                seconds=self.seconds,
                cost_usd=self.cost_usd,
            ),
            policy=Policy(manifests=self.allow_manifest),
        )
