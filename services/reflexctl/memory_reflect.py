"""One reflection by hand: a turn and a configuration in, the result out; nothing is written."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reflex_reflection.bundle import ReflectionBundle, ReflectionResult
from reflex_reflection.config import ReflectionConfig
from reflex_reflection.config_file import read_config
from reflex_reflection.document import read_bundle
from reflex_reflection.errors import BundleError, ConfigError, ReflectionError
from reflex_reflection.gate import is_open
from reflex_reflection.ids import memory_id
from reflex_reflection.redaction import redactor
from reflex_reflection.reflect import reflect
from reflex_reflection.step import Reflector, Turn, steady_times
from reflexctl.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Reflected:
    """What one reflection came to.

    Attributes:
        result: None when the gate is closed; `closed` says what closed it.
        ids: what a store would call the memories.
        problem: why there is no memory although the gate was open, in words; empty if there is.
        warnings: values of the configuration that are read as something else.
    """

    result: ReflectionResult | None
    closed: str = ""
    ids: tuple[str, ...] = ()
    problem: str = ""
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the result's own JSON, vectors included, and the ids."""
        if self.result is None:
            return {"reflected": False, "why": self.closed}
        return {**self.result.to_json(), "ids": list(self.ids)}


def reflect_once(bundle_file: Path, config_file: Path) -> Reflected:
    """Reflect on a turn as the service does, secrets taken out; without a store and without a log.

    Raises:
        ConfigurationError: a file cannot be read, or is wrong; all faults of it at once.
    """
    try:
        read = read_config(config_file)
    except ConfigError as error:
        raise ConfigurationError(_faults(config_file, error.problems)) from error
    bundle = _bundle(bundle_file)
    if not is_open(bundle, read.config):
        return Reflected(result=None, closed=_closed(bundle, read.config), warnings=read.warnings)
    reflector = Reflector(
        config=read.config,
        clock=time.monotonic,
        redact=redactor(),
        sink=None,
        log=None,
        steady=steady_times(),
    )
    outcome = reflector.after_turn(Turn(bundle=bundle))
    assert outcome is not None
    result, turn = outcome.result, bundle.ctx.turn_id
    ids = tuple(
        memory_id(agent=entry.owner, turn=turn, slot=slot, text=entry.text)
        for slot, entry in enumerate(result.memory_entries)
        if entry.text
    )
    problem = _problem(result, bundle, read.config)
    return Reflected(result=result, ids=ids, problem=problem, warnings=read.warnings)


def _problem(result: ReflectionResult, bundle: ReflectionBundle, config: ReflectionConfig) -> str:
    """Return the words of what went wrong: the step keeps its type only, as the log does."""
    reason = result.metrics.reason
    if reason is None:
        return ""
    try:
        reflect(bundle, config)
    except ReflectionError as error:
        return f"{reason}: {error}"
    return reason


def _bundle(file: Path) -> ReflectionBundle:
    try:
        return read_bundle(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is not UTF-8 text") from error
    except BundleError as error:
        raise ConfigurationError(_faults(file, error.problems)) from error


def _closed(bundle: ReflectionBundle, config: ReflectionConfig) -> str:
    if not config.allow_reflection:
        return "the configuration does not allow it (t3.allow_reflection)"
    if bundle.ctx.dry_run:
        return "the turn is a dry run (ctx.dry_run)"
    return "the planner did not ask for it (plan.reflection)"


def _faults(file: Path, problems: tuple[str, ...]) -> str:
    if len(problems) == 1:
        return f"{file}: {problems[0]}"
    return f"{file}:\n" + "\n".join(f"  {problem}" for problem in problems)
