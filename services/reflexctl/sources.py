"""Which models are asked: a configuration file, or one endpoint that was named by hand."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from reflex_routing.client import CallLimits, list_models
from reflex_routing.config import ReflexSection
from reflex_routing.config_file import Loaded, load
from reflex_routing.connections import Connections
from reflex_routing.errors import AuthError, CallError, ConfigError
from reflex_routing.prices import PriceTable
from reflexctl.errors import ConfigurationError

KEY_VARIABLE: Final = "REFLEX_ENDPOINT_KEY"
_COMPACT_BELOW: Final = 4_096  # tokens of context: the rules and a crate do not fit in less
_DEFAULT_REPLY: Final = 2_048


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the configuration came from, in words for people."""

    loaded: Loaded
    notes: tuple[str, ...] = ()


def default_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where a configuration is looked for; never in the working folder.

    A repository that is being repaired must not say where its code is sent.
    """
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    return (home / "reflex/reflex.yaml", Path("/etc/reflex/reflex.yaml"))


def find_file(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the configuration file: the one named, else the first default that exists."""
    if config is not None:
        return config
    return next((path for path in default_files(environ) if path.is_file()), None)


def from_file(path: Path, *, model: str = "", environ: Mapping[str, str] | None = None) -> Source:
    """Read a configuration file; `model` takes the primary's place.

    Raises:
        ConfigurationError: with every fault of the file.
    """
    environ = dict(os.environ if environ is None else environ)
    if model:
        environ["REFLEX__MODEL_PRIMARY"] = model
    try:
        loaded = load(path, environ=environ)
    except ConfigError as error:
        faults = "\n".join(f"  {problem}" for problem in error.problems)
        raise ConfigurationError(f"the configuration is wrong ({path})\n{faults}") from error
    return Source(loaded=loaded)


async def from_endpoint(
    url: str,
    model: str = "",
    *,
    renderer: str = "",
    seconds: float = 5.0,
    environ: Mapping[str, str] | None = None,
) -> Source:
    """Return a configuration for one endpoint, asking it what it serves.

    Args:
        url: with its path prefix, such as `/v1`.
        model: may be empty when the endpoint serves exactly one.
        renderer: `full` or `compact`; empty: by the model's context.
        seconds: for the question.
        environ: instead of the process's own.

    Raises:
        ConfigurationError: the URL is none, or it cannot be told which model to ask.
    """
    environ = os.environ if environ is None else environ
    section = endpoint_section(url, model or "unknown", {}, environ)
    try:
        served = await served_models(section, section.endpoint, seconds=seconds, environ=environ)
    except CallError as error:
        if not model:
            raise ConfigurationError(
                f"--model is not given, and the endpoint cannot be asked for one: {error}",
                hints=("name the model: --model NAME", _hint(error)),
            ) from error
        served = []
    names = [str(each.get("id")) for each in served]
    if not model:
        if len(names) != 1:
            raise ConfigurationError(
                f"{url} serves {len(names)} models: {', '.join(names[:8]) or 'none'}",
                hints=("choose one: --model NAME",),
            )
        model = names[0]
    known = next((each for each in served if each.get("id") == model), {})
    form = _form(known, renderer)
    section = endpoint_section(url, model, form, environ)
    notes = [f"asking {model} at {url}; the gate is disabled: nothing vouches for this model"]
    if served and model not in names:
        notes.append(f"{url} does not list {model}; it serves {', '.join(names)}")
    if form.get("renderer") == "compact":
        notes.append(f"{model} is asked compactly: one error at a time, without history")
    loaded = Loaded(reflex=section, prices=PriceTable(version="none"), source="--endpoint")
    return Source(loaded=loaded, notes=tuple(notes))


async def served_models(
    section: ReflexSection,
    endpoint: str,
    *,
    seconds: float,
    environ: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Return the entries of an endpoint's `/models`.

    Raises:
        CallError: it did not answer properly within `seconds`.
    """
    connections = Connections(section.endpoints, environ=os.environ if environ is None else environ)
    limits = CallLimits(connect=seconds, first_token=seconds, total=seconds)
    try:
        async with connections.lease(endpoint, "") as client:
            return await list_models(client, limits=limits, target=endpoint)
    finally:
        await connections.close()


def _form(served: Mapping[str, Any], renderer: str) -> dict[str, Any]:
    """Return how to ask, from what the engine says of its model (SGLang, vLLM: max_model_len)."""
    context = served.get("max_model_len")
    if not isinstance(context, int) or isinstance(context, bool) or context < 128:
        return {"renderer": renderer} if renderer else {}
    small = context < _COMPACT_BELOW
    return {
        "renderer": renderer or ("compact" if small else "full"),
        "context_tokens": min(context, 10_000_000),
        "reply_tokens": min(_DEFAULT_REPLY, max(context // 4, 16)),
    }


def endpoint_section(
    url: str, model: str, form: Mapping[str, Any], environ: Mapping[str, str]
) -> ReflexSection:
    """Return a configuration with this endpoint only, named by its host.

    Raises:
        ConfigurationError: the URL is none.
    """
    name = urlsplit(url).netloc.rpartition("@")[2] or "endpoint"
    server: dict[str, Any] = {"base_url": url.rstrip("/")}
    if environ.get(KEY_VARIABLE):
        server["api_key_env"] = KEY_VARIABLE
    try:
        return ReflexSection.model_validate(
            {
                "model_primary": model,
                "models": {model: form} if form else {},
                "endpoint": name,
                "endpoints": {name: server},
                "gate": {"mode": "disabled"},
                "capture": {"mode": "none"},
            }
        )
    except ValidationError as error:
        faults = [f"{each['loc'][-1]}: {each['msg']}" for each in error.errors(include_url=False)]
        raise ConfigurationError(
            f"--endpoint {url}: {'; '.join(faults)}",
            hints=("wanted: a URL such as http://127.0.0.1:30000/v1",),
        ) from error


def _hint(error: CallError) -> str:
    if isinstance(error, AuthError):
        return f"the server wants a key: {KEY_VARIABLE}"
    if error.status == 404:
        return "something answers there, but lists no models: does --endpoint end in /v1?"
    return "is the server running?"


def no_source(what: Sequence[str] = ()) -> ConfigurationError:
    """Return the error that nothing says whom to ask."""
    return ConfigurationError(
        "nothing says which model to ask",
        hints=(
            *what,
            "name a server: --endpoint http://127.0.0.1:30000/v1 [--model NAME]",
            "or a configuration: --config reflex.yaml (default: ~/.config/reflex/reflex.yaml)",
            "or a service: --server URL, or a kube context whose cluster runs reflex-loop",
        ),
    )
