"""Jobs and outcomes as JSON: what crosses between a sandbox's agent and those who use it."""

from typing import Final

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from reflex_runner.job import OUTPUT_BYTES, CrateType, Job, Outcome, Verb

TOKEN_CHARACTERS: Final = 32
"""The shortest token that a claim may bring."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JobBody(_Body):
    """A job; see `Job`."""

    verb: Verb
    seconds: float = Field(gt=0, le=3600)
    entry: str = Field(default="", max_length=4000)
    edition: str = Field(default="2021", max_length=8)
    crate_type: CrateType = "lib"
    locked: bool = False
    output_bytes: int = Field(default=OUTPUT_BYTES, gt=0, le=4 * OUTPUT_BYTES)

    def job(self) -> Job:
        """Return it as the runner takes it."""
        return Job(**self.model_dump())


class OutcomeBody(_Body):
    """An outcome; see `Outcome`. The streams are base64, for they need not be text."""

    code: int
    stdout: Base64Bytes
    stderr: Base64Bytes
    workspace: str
    timed_out: bool = False
    overflowed: bool = False
    exceeded: str = ""
    seconds: float = 0.0


class ClaimBody(_Body):
    """Who uses the sandbox, and for how long at most."""

    repair: str = Field(min_length=1, max_length=200)
    seconds: float = Field(gt=0, le=86_400)


class FetchBody(_Body):
    """How long the fetching of dependencies may take."""

    seconds: float = Field(default=300, gt=0, le=3600)


def dump_job(job: Job) -> bytes:
    """Return a job as the agent takes it."""
    return JobBody(**vars(job)).model_dump_json().encode()


def load_job(data: bytes) -> Job:
    """Read a job.

    Raises:
        ValueError: it is none.
    """
    return JobBody.model_validate_json(data).job()


def dump_outcome(outcome: Outcome) -> bytes:
    """Return an outcome as the agent sends it."""
    return OutcomeBody.model_construct(**vars(outcome)).model_dump_json().encode()


def load_outcome(data: bytes) -> Outcome:
    """Read an outcome.

    Raises:
        ValueError: it is none.
    """
    # Not `model_dump`, which would encode the streams again.
    return Outcome(**dict(OutcomeBody.model_validate_json(data)))
