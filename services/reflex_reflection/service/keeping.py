"""`/v1/memories`: list, look at one, delete one."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from starlette.convertors import Convertor, register_url_convertor

from reflex_reflection.service.parts import Owner, parts_of
from reflex_reflection.service.views import MemoryList, MemoryView, MemoryWhole
from reflex_service.errors import DrainingError, InvalidRequestError, NotFoundError


class NameConvertor(Convertor[str]):
    """An id in a path: it holds an agent's name, and that any character, `/` and line ends too."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """Return it as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Return it as it is."""
        return value


register_url_convertor("memory", NameConvertor())
router = APIRouter(tags=["memories"])
Name = Annotated[str, InPath(max_length=512)]


@router.get("/v1/memories", summary="List memories, the newest first")
async def page(
    request: Request,
    owner: Owner,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=512)] = None,
) -> MemoryList:
    """Return a page, by the turns' own times; equals by id."""
    parts = parts_of(request)
    try:
        found = await parts.database.run(
            lambda: parts.memories.newest(owner, after=after, limit=limit + 1)
        )
    except KeyError:
        raise InvalidRequestError(
            "after: no memory of this key; begin without it", param="after"
        ) from None
    shown = [MemoryView.of(one) for one in found[:limit]]
    return MemoryList(
        data=shown, has_more=len(found) > limit, last_id=shown[-1].id if shown else None
    )


@router.get("/v1/memories/{id:memory}", summary="Look at a memory")
async def get(request: Request, owner: Owner, id: Name) -> MemoryWhole:
    """Return it with its evidence and its vector."""
    parts = parts_of(request)
    found = await parts.database.run(parts.memories.get, owner, id)
    if found is None:
        raise NotFoundError("no memory of this id", param="id")
    return MemoryWhole.of(found)


@router.delete(
    "/v1/memories/{id:memory}", status_code=204, response_class=Response, summary="Delete a memory"
)
async def delete(request: Request, owner: Owner, id: Name) -> Response:
    """Delete it: not found any more at once, purged after a time."""
    parts = parts_of(request)
    if parts.life.draining:
        raise DrainingError("this process is about to end: send it again", retry_after=1.0)
    if not await parts.database.run(lambda: parts.memories.delete(owner, id, actor=owner)):
        raise NotFoundError("no memory of this id", param="id")
    parts.metrics.forgotten("deleted")
    return Response(status_code=204)
