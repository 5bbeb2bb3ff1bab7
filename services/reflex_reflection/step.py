"""The step after a turn was applied: gate, reflection, writing, one line of log.

Whatever goes wrong in it is a reason in the log, never an error of the turn.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Protocol

from reflex_reflection import fixtures
from reflex_reflection.bundle import Metrics, ReflectionBundle, ReflectionResult
from reflex_reflection.config import Backend, ReflectionConfig
from reflex_reflection.errors import FixtureMissingError
from reflex_reflection.gate import PlannerFlag, is_open
from reflex_reflection.log import LogRecord
from reflex_reflection.reflect import LoadFixtures, Redact, reflect
from reflex_reflection.writer import MemorySink, WriteReport, write


class Log(Protocol):
    """Where lines go."""

    def append(self, lines: Iterable[bytes]) -> None:
        """Write whole lines, or raise."""
        ...


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn that may be reflected on."""

    bundle: ReflectionBundle
    flag: PlannerFlag | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one step did."""

    result: ReflectionResult
    written: WriteReport
    record: LogRecord
    log_error: str | None = None
    """`log_error:<type>` when the line could not be written."""


@dataclass(frozen=True, kw_only=True)
class Reflector:
    """Carries the step out; its surroundings are given, none is looked for."""

    config: ReflectionConfig
    clock: Callable[[], float]
    """Seconds that only ever grow; used for the budget alone."""
    redact: Redact
    sink: MemorySink | None
    log: Log | None
    steady: bool = False
    """Whether times are written as 0.0, for logs that are compared; see `steady_times`."""
    load: LoadFixtures = fixtures.load

    def after_turn(self, turn: Turn) -> Outcome | None:
        """Reflect on a turn; None, and no effect whatever, when the gate is closed."""
        (outcome,) = self.after_batch([turn])
        return outcome

    def after_batch(
        self, turns: Sequence[Turn], executor: Executor | None = None
    ) -> list[Outcome | None]:
        """Reflect on turns that ran side by side.

        The reflections may run in the executor's threads; memories and lines are written by the
        caller's, in the order of the turns, so the bytes are those of running one by one.
        """
        chosen = [turn for turn in turns if is_open(turn.bundle, self.config, turn.flag)]
        if not chosen:
            return [None] * len(turns)
        bundles = [turn.bundle for turn in chosen]
        prepare = executor.map if executor else map
        prepared = iter(list(prepare(self._prepare, bundles)))
        return [
            self._commit(turn.bundle, next(prepared))
            if is_open(turn.bundle, self.config, turn.flag)
            else None
            for turn in turns
        ]

    def _prepare(self, bundle: ReflectionBundle) -> ReflectionResult:
        """Reflect within the budget; an error or a timeout leaves nothing to write."""
        began = self.clock()
        try:
            result = reflect(bundle, self.config, redact=self.redact, load=self.load)
        except Exception as error:
            result = self._failed(error)
        elapsed = (self.clock() - began) * 1000
        budget = self.config.time_ms_reflection
        metrics = replace(result.metrics, ms=0.0 if self.steady else round(elapsed, 3))
        if budget is None or elapsed <= budget or metrics.reason is not None:
            return replace(result, metrics=metrics)
        late = replace(metrics, reason="reflection_timeout")
        return replace(result, memory_entries=(), metrics=late)

    def _failed(self, error: Exception) -> ReflectionResult:
        llm = self.config.backend is Backend.LLM
        key = error.key if isinstance(error, FixtureMissingError) else ""
        return ReflectionResult(
            summary="",
            memory_entries=(),
            metrics=Metrics(
                backend="llm-fixture" if llm else "rulebased",
                embed=self.config.embed,
                ops_cap=self.config.ops_reflection,
                reason=f"reflect_error:{type(error).__name__}",
                fixture_key=key or None,
            ),
        )

    def _commit(self, bundle: ReflectionBundle, result: ReflectionResult) -> Outcome:
        written = write(bundle, result, self.sink, ops_cap=self.config.ops_reflection)
        metrics = result.metrics
        record = LogRecord(
            turn=bundle.ctx.turn_id,
            agent=bundle.ctx.agent_id,
            backend=self.config.backend.value,
            summary_len=metrics.summary_len,
            ops_written=written.ops_written,
            embed=metrics.embed,
            ms=metrics.ms,
            reason=metrics.reason or written.reason,
            fixture_key=metrics.fixture_key,
        )
        log_error = None
        if self.config.log and self.log is not None:
            try:
                self.log.append([record.line()])
            except Exception as error:
                log_error = f"log_error:{type(error).__name__}"
        return Outcome(result=result, written=written, record=record, log_error=log_error)


def steady_times(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether measured times are written as 0.0: where CI is `true`."""
    return environ.get("CI", "").lower() == "true"
