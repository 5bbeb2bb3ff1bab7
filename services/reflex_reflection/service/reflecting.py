"""`POST /v1/reflections`: one finished turn through the gate, the summariser and the writer."""

from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError

from reflex_reflection.bundle import ReflectionBundle
from reflex_reflection.errors import EmbeddingError
from reflex_reflection.service.bounded import BoundedRoute
from reflex_reflection.service.parts import LOG, Owner, Parts, parts_of
from reflex_reflection.service.views import ReflectionRequest, ReflectionView
from reflex_reflection.step import Outcome, Reflector, Turn
from reflex_reflection.writer import MemoryRow, MemorySink
from reflex_service.errors import DrainingError

router = APIRouter(tags=["reflection"], route_class=BoundedRoute)


@router.post("/v1/reflections", summary="Reflect on a finished turn")
async def reflect(request: Request, owner: Owner, asked: ReflectionRequest) -> ReflectionView:
    """Reflect, write and say what came of it; a turn whose gate is closed has no effect."""
    parts = parts_of(request)
    if parts.life.draining:
        raise DrainingError("this process is about to end: send it again", retry_after=1.0)
    bundle = asked.bundle.bundle()
    began = parts.clock()
    outcome, ids = await parts.database.run(_reflect, parts, owner, bundle)
    if ids and parts.embeddings is not None:
        await parts.database.run(_embed, parts, owner, ids)
    if outcome is None:
        parts.metrics.gate_closed()
        return ReflectionView(reflected=False, result=None, ids=[], reason="gate_closed")
    parts.metrics.took("reflect", parts.clock() - began)
    written = outcome.written
    parts.metrics.reflected(written=written.ops_written, reason=outcome.record.reason)
    told = [*written.errors, *([outcome.log_error] if outcome.log_error else [])]
    return ReflectionView(
        reflected=True,
        result=outcome.result.to_json(),
        ids=ids,
        ops_attempted=written.ops_attempted,
        ops_written=written.ops_written,
        duplicates=written.duplicates,
        errors=told,
        reason=outcome.record.reason,
    )


@dataclass
class _Noting:
    """A sink that notes the names of what is new."""

    sink: MemorySink
    ids: list[str] = field(default_factory=list)

    def add(self, row: MemoryRow) -> bool:
        new = self.sink.add(row)
        if new:
            self.ids.append(row.id)
        return new


def _reflect(
    parts: Parts, owner: str, bundle: ReflectionBundle
) -> tuple[Outcome | None, list[str]]:
    sink = _Noting(parts.of(owner))
    reflector = Reflector(
        config=parts.config, clock=parts.clock, redact=parts.redact, sink=sink, log=parts.log,
        steady=parts.steady, load=parts.load,
    )  # fmt: skip
    return reflector.after_turn(Turn(bundle=bundle)), sink.ids


def _embed(parts: Parts, owner: str, ids: list[str]) -> None:
    """Add the real model's vectors; what fails here is tried again by the housekeeping."""
    assert parts.embeddings is not None
    try:
        parts.metrics.embedded(parts.embeddings.fill_new(owner, ids))
    except (EmbeddingError, SQLAlchemyError) as error:
        parts.metrics.not_embedded()
        LOG.error("a memory is without its vector for now: %s", str(error).splitlines()[0])
