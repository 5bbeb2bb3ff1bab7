"""Routes that know who asks before they read a body, and read no more of one than they may."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from reflex_reflection.service.parts import owner_of, parts_of
from reflex_service.bodies import into_memory


class BoundedRoute(APIRoute):
    """Reads the body within the limits, for a request that has a key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        answer = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            settings = parts_of(request).settings
            request.state.owner = await owner_of(request)
            # Where Starlette keeps a body that was read.
            request._body = await into_memory(
                request, limit=settings.body_bytes, seconds=settings.body_seconds
            )
            return await answer(request)

        return bounded
