"""`POST /v1/memories/search`: by words, by vectors, or by both."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request

from reflex_reflection import embedding
from reflex_reflection.config import Backend
from reflex_reflection.errors import EmbeddingError
from reflex_reflection.service.bounded import BoundedRoute
from reflex_reflection.service.errors import EmbeddingDownError
from reflex_reflection.service.parts import Owner, Parts, parts_of
from reflex_reflection.service.views import FoundView, SearchRequest, SearchView
from reflex_reflection.store.ranking import Found, diverse, ordered
from reflex_reflection.store.search import Scope, hybrid
from reflex_reflection.text import storable, words

router = APIRouter(tags=["memories"], route_class=BoundedRoute)
_CANDIDATES: Final = 4
"""Times k are looked at where several ways meet, or where the k are chosen for difference."""
_FEWEST: Final = 50


@router.post("/v1/memories/search", summary="Find memories")
async def search(request: Request, owner: Owner, asked: SearchRequest) -> SearchView:
    """Return the best memories of this key, in an order that is always the same."""
    parts = parts_of(request)
    began = parts.clock()
    found = await parts.database.run(_search, parts, owner, asked)
    parts.metrics.took(f"search_{asked.mode}", parts.clock() - began)
    return SearchView(results=[FoundView.of_found(one) for one in found])


def _search(parts: Parts, owner: str, asked: SearchRequest) -> Sequence[Found]:
    scope = Scope(kind=asked.kind, since=asked.since, recent=asked.recent_since)
    alone = asked.mode != "hybrid" and asked.mmr_lambda is None
    limit = asked.k if alone else max(_FEWEST, _CANDIDATES * asked.k)
    said = _as_summary(asked.query, parts.config.backend)
    find = parts.search
    if asked.mode == "text":
        found = find.by_words(owner, asked.query, limit=limit, scope=scope)
    elif asked.mode == "vector":
        found = _near(parts, owner, asked, said, limit, scope)
    else:
        # The hash embedding says which memory is the same, and of all others nothing.
        ways = [
            find.by_words(owner, asked.query, limit=limit, scope=scope),
            find.by_content(owner, said, scope=scope),
        ]
        if parts.embeddings is not None:
            ways.append(_near(parts, owner, asked, said, limit, scope))
        found = hybrid(ways, limit=limit)
    if asked.mmr_lambda is not None:
        return ordered(diverse(found, limit=asked.k, balance=asked.mmr_lambda))
    return found[: asked.k]


def _near(
    parts: Parts, owner: str, asked: SearchRequest, said: str, limit: int, scope: Scope
) -> list[Found]:
    """Return what the real model finds near, or without one the hash embedding."""
    real = parts.embeddings
    if real is None:
        return parts.search.by_vector(owner, embedding.embed(said), limit=limit, scope=scope)
    try:
        vector = real.embed(storable(asked.query))
    except EmbeddingError as error:
        parts.metrics.not_embedded()
        raise EmbeddingDownError(f"{error}: search with mode=text", param="mode") from error
    return parts.search.by_vector(owner, vector, model=real.model, limit=limit, scope=scope)


def _as_summary(query: str, backend: Backend) -> str:
    """Return a query as it would be kept as a memory, so that the same text meets itself."""
    return " ".join(words(query)) if backend is Backend.RULEBASED else storable(query)
