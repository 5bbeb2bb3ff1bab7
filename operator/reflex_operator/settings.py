"""The operator's settings: environment variables `REFLEX_*`, read once in `__main__`."""

import difflib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "REFLEX_"
NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class OperatorSettings(BaseSettings):
    """Passed as a value; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    namespace: str = Field(default_factory=lambda: _own_namespace(), min_length=1, max_length=63)
    """The operator's own namespace: its Lease lives here, its pods may reach the engines."""
    engine_image_cuda: str = ""
    """Default image for `engine.device: cuda`; empty: such models say ImageNotConfigured."""
    engine_image_cpu: str = ""
    catalogue: str = ""
    """Path of a catalogue file whose entries add to the built-in ones or take their place."""
    weights_image: str = ""
    """Image that inspects and downloads weights: the operator's own."""
    bakeoff_image: str = ""
    """Image that measures; empty: ReflexBakeoffs say ImageNotConfigured."""
    runner_image: str = ""
    """Image that compiles and tests beside a bakeoff; empty: the bakeoff's own may."""
    harness: str = ""
    """Path of a JSON file in which the bakeoff's image declares itself (`reflex_api.harness`)."""
    hub_endpoint: str = Field(default="", pattern=r"^(https?://[^@\s]+)?$")
    """Base URL of another Hugging Face hub, such as a mirror; empty: huggingface.co."""
    http_host: str = ""
    """Address of the HTTP site; empty: all addresses, IPv4 and IPv6."""
    http_port: int = Field(default=8080, ge=0, le=65535)
    lease_name: str = Field(default="reflex-operator", min_length=1, max_length=253)
    lease_duration: float = Field(default=15, ge=2, le=3600)
    """Seconds after which another process may take a Lease that is no longer renewed."""
    renew_deadline: float = Field(default=10, ge=1, le=3600)
    """Seconds without a renewal after which the leader ends itself."""
    retry_period: float = Field(default=2, ge=0.1, le=600)
    identity: str = Field(default_factory=socket.gethostname, min_length=1, max_length=253)
    """This process in the Lease. A pod's name: a restarted container continues at once."""
    relist_seconds: float = Field(default=300, ge=5, le=86400)
    """How often the store is replaced by an own LIST: kopf misses a DELETE after a 410."""
    workers: int = Field(default=16, ge=1, le=64)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    engine_resolver: str = Field(default="", pattern=r"^(https?://.+)?$")
    """Test profile only: one scripted server that answers for every engine."""

    @model_validator(mode="after")
    def _lease_times_leave_room(self) -> "OperatorSettings":
        if self.lease_duration <= self.renew_deadline:
            raise ValueError("lease_duration: must be longer than renew_deadline")
        if self.renew_deadline <= 1.2 * self.retry_period:
            raise ValueError("renew_deadline: must be longer than 1.2 times retry_period")
        return self


class SettingsError(Exception):
    """Every wrong variable, one line each, without the values."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"error: the operator's environment is wrong\n{lines}")


def load_settings(environ: Mapping[str, str] | None = None) -> OperatorSettings:
    """Return the settings of this process.

    Raises:
        SettingsError: naming all wrong and unknown variables at once.
    """
    environ = os.environ if environ is None else environ
    problems = _unknown(environ)
    try:
        settings = OperatorSettings()
    except ValidationError as error:
        for one in error.errors(include_input=False, include_url=False, include_context=False):
            text = one["msg"].removeprefix("Value error, ")
            name = _variable(one["loc"][0]) if one["loc"] else ""
            if not name:  # a rule over two fields names the field in its text
                field, _, text = text.partition(": ")
                name = _variable(field)
            if name == _variable("namespace") and name not in environ:
                text = f"is required outside a pod ({NAMESPACE_FILE} does not exist)"
            problems.append(f"{name}: {text}")
    else:
        if not problems:
            return settings
    raise SettingsError(problems)


def _own_namespace() -> str:
    """Return the pod's namespace, or "" (which validation refuses) outside a pod."""
    try:
        return NAMESPACE_FILE.read_text().strip()
    except OSError:
        return ""


def _variable(field: object) -> str:
    name = str(field)
    return name if name.upper().startswith(PREFIX) else f"{PREFIX}{name.upper()}"


def _unknown(environ: Mapping[str, str]) -> list[str]:
    """Return a line for each REFLEX_* variable that is no setting."""
    known = [_variable(name) for name in OperatorSettings.model_fields]
    problems = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in known or _is_service_link(name, environ):
            continue
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        problems.append(f"{name}: no such setting{hint}")
    return problems


def _is_service_link(name: str, environ: Mapping[str, str]) -> bool:
    """Return whether the kubelet set it for a Service whose name begins with `reflex-`.

    Such variables (`REFLEX_OPERATOR_SERVICE_HOST`, `REFLEX_OPERATOR_PORT_80_TCP`) appear in pods
    that do not set `enableServiceLinks: false`.
    """
    hosts = [other for other in environ if other.endswith("_SERVICE_HOST")]
    services = [host.removesuffix("_SERVICE_HOST") for host in hosts]
    return any(
        name.startswith((f"{service}_SERVICE_", f"{service}_PORT_")) or name == f"{service}_PORT"
        for service in services
    )
