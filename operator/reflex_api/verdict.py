"""The verdict document (`verdict.json`): what the gate found, and every number behind it.

Its JSON Schema is published as `docs/schemas/verdict-v1.schema.json`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from reflex_api.gate import GateSpec
from reflex_api.rules import ApiModel

FORMAT: Final = "reflex.verdict/v1"


class Judgement(StrEnum):
    """An answer of the gate. Only Pass lets anything happen."""

    PASS = "Pass"  # noqa: S105 - an answer, no password
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"
    """There is no measurement that could be judged."""


class Why(StrEnum):
    """Why a metric, or the whole, was judged so."""

    BOUND_MET = "BoundMet"
    BOUND_MISSED = "BoundMissed"
    NOT_YET_DECIDED = "NotYetDecided"
    UNDECIDED_AT_LAST_LOOK = "UndecidedAtLastLook"
    REPORT_ONLY = "ReportOnly"
    WITHIN_LIMITS = "WithinLimits"
    NO_BASELINE = "NoBaseline"
    # No measurement:
    UNREADABLE_ITEMS = "UnreadableItems"
    WRONG_SUITE = "WrongSuite"
    SUITE_TOO_SMALL = "SuiteTooSmall"
    TOO_FEW_SAMPLES = "TooFewSamples"
    MISSING_MEASUREMENT = "MissingMeasurement"
    DUPLICATE_ITEM = "DuplicateItem"
    UNKNOWN_ITEM = "UnknownItem"
    MISSING_ITEM = "MissingItem"
    UNMEASURED_ITEM = "UnmeasuredItem"
    BASELINE_DIFFERS = "BaselineDiffers"
    CLIENT_SATURATED = "ClientSaturated"
    IMPOSSIBLE_MEASUREMENT = "ImpossibleMeasurement"
    NOISY_NODE = "NoisyNode"
    CACHE_UNVERIFIABLE = "CacheUnverifiable"


class Document(ApiModel):
    """Base: numbers are finite."""

    model_config = ConfigDict(allow_inf_nan=False)


class Interval(Document):
    """Bounds, each one-sided with 95 % confidence over all looks; null: unbounded."""

    low: float | None = None
    high: float | None = None


class Target(Document):
    """What was wanted."""

    relation: Literal[">=", "<=", ">"]
    value: float


class Look(Document):
    """A sequential metric after some of the items."""

    items: int = Field(ge=1)
    point: float
    interval: Interval
    verdict: Judgement


class Part(StrEnum):
    """What a metric decides about."""

    QUALIFICATION = "Qualification"
    SUPERIORITY = "Superiority"
    REPORT = "Report"


class Metric(Document):
    """One number and its judgement."""

    name: str = Field(max_length=63)
    part: Part
    unit: str = Field(max_length=32)
    formula: str = Field(max_length=512)
    n: int = Field(ge=0)
    point: float | None = None
    """null: infinite (failures reach that far) or not measured; the message says which."""
    interval: Interval | None = None
    target: Target | None = None
    incumbent: float | None = None
    verdict: Judgement | None = None
    """null: nothing is decided by it."""
    reason: Why
    message: str = Field(max_length=512)
    looks: tuple[Look, ...] = Field(default=(), max_length=5)


class Pairs(Document):
    """The items of both runs side by side."""

    n: int = Field(ge=1)
    gained: int = Field(ge=0)
    """Only the candidate repaired them."""
    lost: int = Field(ge=0)
    """Only the incumbent did."""
    discordance: float
    """(gained + lost) / n."""
    mcnemar_p: float
    """Two-sided, exact; for information."""
    power: float
    """Chance to show non-inferiority by the last look when both are equally good, simulated at
    this discordance."""
    power_at_margin_gain: float
    """The same when the candidate is truly better by the margin."""


class Stratum(Document):
    """pass@1 of one error code."""

    name: str
    n: int = Field(ge=1)
    passed: int = Field(ge=0)
    interval: Interval
    """Wilson, each bound one-sided 95 % on its own, not over looks: for information."""
    incumbent_passed: int | None = None


class Overall(Document):
    """The answer about one question."""

    verdict: Judgement
    reason: Why
    message: str = Field(max_length=1024)


class Side(Document):
    """Whose measurements these were."""

    model: str
    evidence_key: str = ""
    items_digest: str = ""
    measured_at: datetime
    simulated: bool = False


class Verdict(Document):
    """The whole document."""

    format: Literal["reflex.verdict/v1"] = FORMAT
    harness_version: str
    gate: GateSpec
    suite_digest: str = ""
    candidate: Side | None = None
    """null: its measurements could not be read."""
    baseline: Side | None = None
    verdict: Judgement
    """Qualification's: Pass makes a model eligible."""
    qualification: Overall
    superiority: Overall | None = None
    """Against the baseline; null without one. A promotion needs both to be Pass."""
    look: int = Field(default=0, ge=0)
    """Items that the verdict rests on."""
    next_look: int | None = None
    """Items to measure before the gate is asked again; null: the verdict is final."""
    metrics: Annotated[tuple[Metric, ...], Field(max_length=128)] = ()
    pairs: Pairs | None = None
    strata: Annotated[tuple[Stratum, ...], Field(max_length=200)] = ()

    @property
    def promotes(self) -> bool:
        """Return whether the candidate may take the incumbent's place."""
        return (
            self.verdict is Judgement.PASS
            and self.superiority is not None
            and self.superiority.verdict is Judgement.PASS
        )


_ORDER: Final = (Judgement.PASS, Judgement.INCONCLUSIVE, Judgement.ERROR, Judgement.FAIL)


def worst(*judgements: Judgement) -> Judgement:
    """Return the worst, Pass < Inconclusive < Error < Fail; of nothing: Error."""
    return max(judgements, key=_ORDER.index, default=Judgement.ERROR)
