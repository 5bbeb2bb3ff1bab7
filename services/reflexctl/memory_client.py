"""A reflection service over HTTP: search, read, delete, carry away and bring back memories."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self
from urllib.parse import quote

import httpx2

from reflexctl.errors import ConfigurationError, ServerError

_SECONDS: Final = 30.0
_HINTS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("give its key by REFLEX_API_KEY or --key-file",),
    413: ("import it in smaller parts: split -l 1000 FILE",),
}

Json = dict[str, Any]


class MemoryService:
    """One service, with one key; see `opened`."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, key: str) -> AsyncIterator[Self]:
        """Open the connections to a service for the time of the block.

        Raises:
            ConfigurationError: the URL is none, or the key cannot be sent.
        """
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"--server {url}: no URL", hints=("wanted: a URL such as https://memory.example",)
            )
        if not (key.isascii() and key.isprintable()):
            raise ConfigurationError("the key has characters that no key has")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        base = url.rstrip("/").removesuffix("/v1")
        async with httpx2.AsyncClient(base_url=base, headers=headers, timeout=_SECONDS) as client:
            yield cls(client)

    async def search(self, wish: Mapping[str, Any]) -> Json:
        """Return `{"results": [...]}`, best first."""
        return await self._asked("POST", "/v1/memories/search", keys={"results"}, json=dict(wish))

    async def page(self, *, limit: int, after: str = "") -> Json:
        """Return memories, the newest first, from the cursor on."""
        params: dict[str, str | int] = {"limit": limit}
        if after:
            params["after"] = after
        return await self._asked("GET", "/v1/memories", keys={"data"}, params=params)

    async def get(self, memory: str) -> Json:
        """Return one memory with its evidence."""
        return await self._asked("GET", _path(memory), keys={"id", "text"})

    async def delete(self, memory: str) -> None:
        """Delete one memory: it is not found any more."""
        await self._answer("DELETE", _path(memory))

    async def stats(self) -> Json:
        """Return what the service says of the owner's memories."""
        return await self._asked("GET", "/v1/stats", keys=set())

    async def export(self) -> AsyncIterator[bytes]:
        """Yield all memories as NDJSON, in pieces as they come.

        Raises:
            ServerError: the service refuses, or breaks off: what was yielded is not all.
        """
        try:
            async with self._client.stream("GET", "/v1/memories/export") as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    raise _refusal(answer)
                async for part in answer.aiter_bytes():
                    yield part
        except httpx2.TransportError as error:
            raise _unreachable(self._client, error) from error

    async def bring(self, lines: bytes) -> Json:
        """Import NDJSON; what is there already stays as it is."""
        return await self._asked(
            "POST",
            "/v1/memories/import",
            keys=set(),
            content=lines,
            headers={"Content-Type": "application/x-ndjson"},
        )

    async def _asked(self, method: str, path: str, *, keys: set[str], **more: Any) -> Json:  # noqa: ANN401
        answer = await self._answer(method, path, **more)
        try:
            found = answer.json()
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not keys <= found.keys():
            raise ServerError(
                f"{path}: the answer is none of a reflection service",
                hints=("does --server name one, or something in front of it?",),
            )
        return found

    async def _answer(self, method: str, path: str, **more: Any) -> httpx2.Response:  # noqa: ANN401
        try:
            answer = await self._client.request(method, path, **more)
        except httpx2.TransportError as error:
            raise _unreachable(self._client, error) from error
        if not answer.is_success:
            raise _refusal(answer)
        return answer


def _path(memory: str) -> str:
    return f"/v1/memories/{quote(memory, safe='')}"


def _refusal(answer: httpx2.Response) -> ServerError:
    """Return the error of an answer in OpenAI's shape, or of something else on the way."""
    try:
        body: Any = answer.json()
    except (ValueError, RecursionError):
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    text = error.get("message") if isinstance(error, Mapping) else answer.reason_phrase
    return ServerError(
        f"the service answers {answer.status_code}: {text}",
        hints=_HINTS.get(answer.status_code, ()),
    )


def _unreachable(client: httpx2.AsyncClient, error: Exception) -> ServerError:
    return ServerError(
        f"{client.base_url} cannot be reached: {error or type(error).__name__}",
        hints=("is the reflection service running there?",),
    )
