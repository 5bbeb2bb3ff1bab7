"""What the service is told at start: `REFLEX_LOOP__` and the field's name in capitals."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from reflex_service.settings import AddressText, RateText, address, read_settings

PREFIX: Final = "REFLEX_LOOP__"
MIB: Final = 1024 * 1024
_ROUTE: Final = "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class ServiceSettings(BaseSettings):
    """Read once in `__main__`, passed as a value."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    listen: AddressText = "127.0.0.1:8080"
    """`host:port`; port 0 takes a free one, which is logged."""
    data_dir: Path = Path("/var/lib/reflex")
    """For the database file, uploads and workspaces."""
    database_url: SecretStr = SecretStr("")
    """`postgresql+psycopg://…`, which several replicas may share; empty: SQLite in `data_dir`."""
    keys_file: Path
    """Bearer keys, one `name:key` a line; or a folder of such files (a mounted Secret)."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    sandbox: Literal["pods", "local", "unconfined"] = "local"
    runner_namespace: str = "reflex-runners"
    runner_selector: str = "app.kubernetes.io/component=runner"

    repairs_running: int = Field(default=4, ge=1, le=256)
    """At once, in this process."""
    repairs_queued: int = Field(default=32, ge=1, le=10_000)
    """In all replicas together; more are refused with 429."""
    repair_seconds: Seconds = 1800.0
    """The longest that a request may ask for."""
    max_resumes: int = Field(default=3, ge=0, le=100)
    """How often a repair is taken up again after its process died; then it fails."""
    uploads: int = Field(default=4, ge=1, le=256)
    """Read at once; more are refused with 429."""
    upload_bytes: int = Field(default=64 * MIB, ge=1024, le=1024 * MIB)
    upload_entries: int = Field(default=20_000, ge=1, le=1_000_000)
    unpacked_bytes: int = Field(default=128 * MIB, ge=1024, le=4096 * MIB)
    upload_seconds: Seconds = 300.0
    """For a whole body; between two pieces of it at most a tenth passes."""
    chat_bytes: int = Field(default=8 * MIB, ge=1024, le=256 * MIB)
    chat_running: int = Field(default=256, ge=1, le=10_000)
    listeners: int = Field(default=256, ge=1, le=10_000)
    """Open event streams."""
    connections: int = Field(default=1000, ge=8, le=100_000)
    rate: RateText = "1200/minute"
    """Requests of one key, in one process."""
    repair_rate: RateText = "60/minute"
    """New repairs of one key, in one process."""

    memory_url: str = ""
    """The reflection service, such as `http://reflection`; empty: repairs are not remembered."""
    memory_keys_file: Path | None = None
    """Its keys, one `name:key` a line; a repair is remembered under the key of its owner's name."""
    memory_report: bool = True
    """Send what repairs came to."""
    memory_recall: bool = False
    """Put similar repairs of earlier times into the questions of large models."""
    memory_k: int = Field(default=3, ge=1, le=10)
    """Memories in a question at most."""

    lease_seconds: Seconds = 15.0
    """A repair whose process was not heard of for so long is taken over."""
    poll_seconds: Seconds = 1.0
    """How often work and events of other replicas are looked for."""
    grace_seconds: float = Field(default=20.0, ge=0, le=3600)
    """After SIGTERM, for running repairs to end; then they are left to be resumed."""
    ping_seconds: Seconds = 15.0
    """Silence after which an event stream says that it is alive."""
    models_poll_seconds: Seconds = 5.0
    routes: str = ""
    """ReflexRoutes behind local models, by endpoint: `local=coder,other=fast`; empty: none."""
    routes_namespace: str = ""
    """Where they are; empty: the namespace of this process's pod."""

    keep_repairs: int = Field(default=1000, ge=1, le=1_000_000)
    keep_days: float = Field(default=7.0, gt=0, le=3650)
    keep_decisions: int = Field(default=100_000, ge=100, le=100_000_000)

    @field_validator("routes")
    @classmethod
    def _are_routes(cls, value: str) -> str:
        _routes(value)
        return value

    @field_validator("memory_url")
    @classmethod
    def _is_a_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("wanted a URL, such as http://reflection")
        return value

    @model_validator(mode="after")
    def _memory_has_keys(self) -> Self:
        if self.memory_url and self.memory_keys_file is None:
            raise ValueError("memory_url needs memory_keys_file: one name:key a line")
        return self

    @model_validator(mode="after")
    def _lease_outlives_polls(self) -> Self:
        if self.lease_seconds < 3 * self.poll_seconds:
            raise ValueError("lease_seconds must be at least three times poll_seconds")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port."""
        return address(self.listen)

    @property
    def route_of(self) -> dict[str, str]:
        """Return the name of the ReflexRoute behind each endpoint that has one."""
        return _routes(self.routes)

    @property
    def url(self) -> str:
        """Return the database's URL; it may hold a password."""
        given = self.database_url.get_secret_value()
        return given or f"sqlite:///{self.data_dir.resolve() / 'reflex.db'}"


def _routes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        endpoint, equals, route = (each.strip() for each in part.partition("="))
        if not (endpoint and equals and re.fullmatch(_ROUTE, route)) or endpoint in found:
            raise ValueError("wanted ENDPOINT=ROUTE,…, each endpoint once, such as local=coder")
        if route in found.values():
            raise ValueError(f"{route} is named twice: one endpoint leads to a route's Service")
        found[endpoint] = route
    return found


def load_settings(environ: Mapping[str, str] | None = None, **given: Any) -> ServiceSettings:  # noqa: ANN401
    """Return the settings; `given` wins over the environment.

    Raises:
        StartError: with a line for every variable that is wrong or unknown.
    """
    return read_settings(ServiceSettings, PREFIX, environ, **given)
