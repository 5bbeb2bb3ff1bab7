"""What the service is told at start: `REFLEX_REFLECTION__` and the field's name in capitals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from reflex_service.settings import AddressText, RateText, address, read_settings

PREFIX: Final = "REFLEX_REFLECTION__"
MIB: Final = 1024 * 1024


class ServiceSettings(BaseSettings):
    """Read once in `__main__`, passed as a value."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    listen: AddressText = "127.0.0.1:8080"
    data_dir: Path = Path("/var/lib/reflex")
    """For the database file, the log of reflections and uploads."""
    database_url: SecretStr = SecretStr("")
    """`postgresql+psycopg://…`, which several replicas may share; empty: SQLite in `data_dir`."""
    keys_file: Path
    """Bearer keys, one `name:key` a line; or a folder of such files (a mounted Secret)."""
    config: Path | None = None
    """The specification's YAML; none: its defaults, so that nothing is reflected on."""
    embedding_model: Path | None = None
    """A folder with `model.onnx` and `tokenizer.json`; none: only the hash embedding."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    body_bytes: int = Field(default=4 * MIB, ge=1024, le=256 * MIB)
    import_bytes: int = Field(default=512 * MIB, ge=1024, le=64 * 1024 * MIB)
    body_seconds: float = Field(default=300.0, gt=0, le=86_400)
    """For a whole body; between two pieces of it at most a tenth passes."""
    imports: int = Field(default=2, ge=1, le=256)
    """Taken at once; more are refused with 429."""
    connections: int = Field(default=1000, ge=8, le=100_000)
    rate: RateText = "1200/minute"
    """Requests of one key, in one process."""
    grace_seconds: float = Field(default=5.0, ge=0, le=3600)
    """After SIGTERM, in which requests are still answered but `/readyz` is 503."""

    memories: int = Field(default=100_000, ge=1, le=100_000_000)
    """Of one owner; the oldest by their own time make room."""
    memory_characters: int = Field(default=16_384, ge=64, le=1_000_000)
    """Of one memory; a longer one is refused. A search holds 800 of them, and a page 200."""
    ttl_days: float | None = Field(default=None, gt=0, le=36_500)
    """After which a memory that was not made again is deleted; none: never."""
    keep_deleted_days: float = Field(default=30.0, ge=0, le=3650)
    """How long what was deleted stays in the database."""
    keep_audit: int = Field(default=1_000_000, ge=100, le=1_000_000_000)
    """Lines of the audit, of all owners together."""
    log_bytes: int = Field(default=64 * MIB, ge=1024, le=64 * 1024 * MIB)
    """Of `t3_reflection.jsonl`; then it is kept once more as `.1`, and begun anew."""

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port."""
        return address(self.listen)

    @property
    def url(self) -> str:
        """Return the database's URL; it may hold a password."""
        given = self.database_url.get_secret_value()
        return given or f"sqlite:///{self.data_dir.resolve() / 'memories.db'}"

    @property
    def ttl_seconds(self) -> float | None:
        """Return the time to live."""
        return None if self.ttl_days is None else self.ttl_days * 86_400


def load_settings(environ: Mapping[str, str] | None = None, **given: Any) -> ServiceSettings:  # noqa: ANN401
    """Return the settings; `given` wins over the environment.

    Raises:
        StartError: with a line for every variable that is wrong or unknown.
    """
    return read_settings(ServiceSettings, PREFIX, environ, **given)
