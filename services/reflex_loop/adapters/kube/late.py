"""A collection whose way into the cluster is looked for when it is first needed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

from kubernetes.aio.client import Configuration

from reflex_loop.adapters.kube.api import Collection, Manifest, connect

_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class LateCollection:
    """A `Collection` that fails, as an API server that is away, until there is a way to one.

    Args:
        path: of the group and version, such as `api/v1`.
        namespace: of the objects; empty: that of this process's pod, else `default`.
        plural: such as `pods`.
        way: finds the connection.
    """

    def __init__(
        self, *, path: str, namespace: str, plural: str,
        way: Callable[[], Awaitable[Configuration]] = connect,
    ) -> None:  # fmt: skip
        self._path = path
        self._namespace = namespace or own_namespace()
        self._plural = plural
        self._way = way
        self._collection: Collection | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._collection is not None:
            await self._collection.close()

    async def get(self, name: str) -> Manifest:
        """See `Collection`.

        Raises:
            NoClusterError: there is no way into a cluster.
        """
        return await (await self._there()).get(name)

    async def patch(self, name: str, patch: Mapping[str, Any]) -> Manifest:
        """See `Collection`."""
        return await (await self._there()).patch(name, patch)

    async def watch(
        self, query: Mapping[str, str], *, seconds: float
    ) -> AsyncIterator[tuple[str, Manifest]]:
        """See `Collection`."""
        async with aclosing((await self._there()).watch(query, seconds=seconds)) as events:
            async for event in events:
                yield event

    async def _there(self) -> Collection:
        if self._collection is None:
            self._collection = Collection(
                await self._way(), path=self._path, namespace=self._namespace, plural=self._plural
            )
        return self._collection


def own_namespace(file: Path = _NAMESPACE) -> str:
    """Return the namespace of this process's pod, else `default`."""
    try:
        return file.read_text(encoding="utf-8").strip() or "default"
    except OSError:
        return "default"
