"""Open connections: one pool for each endpoint and active revision.

A swap changes the pods behind a stable Service, but connections that stand stay with the old pod
until it goes. So a new revision gets new connections at once, and the old ones are closed when
their last request is done.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from openai import AsyncOpenAI

from reflex_routing.client import NO_KEY
from reflex_routing.config import EndpointSection
from reflex_routing.errors import AuthError


@dataclass
class _Connection:
    revision: str
    client: AsyncOpenAI
    users: int = 0
    retired: bool = False


class Connections:
    """Lends clients; used by one event loop."""

    def __init__(
        self, endpoints: Mapping[str, EndpointSection], *, environ: Mapping[str, str]
    ) -> None:
        self._endpoints = endpoints
        self._environ = environ
        self._open: dict[str, _Connection] = {}

    @asynccontextmanager
    async def lease(self, endpoint: str, revision: str) -> AsyncIterator[AsyncOpenAI]:
        """Lend the client for this revision; an older one is closed when nobody uses it.

        Raises:
            AuthError: the key's file cannot be read.
        """
        held = self._open.get(endpoint)
        if held is None or held.revision != revision:
            held = _Connection(revision=revision, client=self._connect(endpoint))
            await self.forget(endpoint)
            self._open[endpoint] = held
        held.users += 1
        try:
            yield held.client
        finally:
            held.users -= 1
            if held.retired and held.users == 0:
                await held.client.close()

    async def forget(self, endpoint: str) -> None:
        """Let the next call connect anew and read the key again."""
        old = self._open.pop(endpoint, None)
        if old is not None:
            old.retired = True
            if old.users == 0:
                await old.client.close()

    async def close(self) -> None:
        """Close everything that nobody uses; the rest closes with its last request."""
        for endpoint in list(self._open):
            await self.forget(endpoint)

    def secrets(self) -> tuple[str, ...]:
        """Return the keys that can be read now, to be removed from captured text."""
        keys = []
        for section in self._endpoints.values():
            try:
                keys.append(self._key(section))
            except OSError:
                continue
        return tuple(key for key in keys if key)

    def _connect(self, endpoint: str) -> AsyncOpenAI:
        section = self._endpoints[endpoint]
        try:
            key = self._key(section)
        except OSError as error:
            raise AuthError(
                f"api_key_file cannot be read: {error.strerror}; check"
                f" reflex.endpoints.{endpoint}.api_key_file", target=endpoint,
            ) from error  # fmt: skip
        client = AsyncOpenAI(
            api_key=key or NO_KEY,
            base_url=section.base_url,
            max_retries=0,
        )
        # The package would take these from the environment and tell them to a local engine.
        client.organization = None
        client.project = None
        return client

    def _key(self, section: EndpointSection) -> str:
        if section.api_key_file is not None:
            return section.api_key_file.read_text(encoding="utf-8").strip()
        return self._environ.get(section.api_key_env, "") if section.api_key_env else ""
