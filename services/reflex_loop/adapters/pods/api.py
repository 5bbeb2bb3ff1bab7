"""The five things that the pool does with pods, over the API server."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from kubernetes.aio.client import Configuration

from reflex_loop.adapters.kube.api import Collection, Manifest

_WATCH_SECONDS: Final = 240

Pod = Manifest


class PodApi:
    """Pods of one namespace that a selector names.

    Args:
        configuration: from `kube.api.connect`.
        namespace: where the sandboxes are.
        selector: labels that all of them have.
    """

    def __init__(self, configuration: Configuration, *, namespace: str, selector: str) -> None:
        self.namespace = namespace
        self.selector = selector
        self._pods = Collection(configuration, path="api/v1", namespace=namespace, plural="pods")

    async def close(self) -> None:
        """Close the connections."""
        await self._pods.close()

    async def list(self) -> tuple[list[Pod], str]:
        """Return the pods and the version of the list."""
        answer = await self._pods.call("GET", query={"labelSelector": self.selector})
        return list(answer.get("items") or []), str(answer["metadata"]["resourceVersion"])

    def watch(self, version: str) -> AsyncIterator[tuple[str, Pod]]:
        """Yield ADDED, MODIFIED and DELETED with the pod, from `version` on.

        It ends after some minutes, as the server likes it, or when it says that the version is too
        old: list again.
        """
        query = {"labelSelector": self.selector, "resourceVersion": version}
        return self._pods.watch(query, seconds=_WATCH_SECONDS)

    async def get(self, name: str) -> Pod:
        """Return one pod.

        Raises:
            ApiGoneError: there is none.
        """
        return await self._pods.get(name)

    async def patch(self, name: str, patch: Mapping[str, Any]) -> Pod:
        """Merge into a pod and return it.

        Raises:
            ApiConflictError: its version or uid is another one by now.
            ApiGoneError: there is none.
        """
        return await self._pods.patch(name, patch)

    async def delete(self, name: str, *, uid: str) -> None:
        """Delete exactly this pod, at once: what it runs is not worth a farewell.

        Raises:
            ApiConflictError: another one has the name by now.
            ApiGoneError: there is none.
        """
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        await self._pods.call("DELETE", name, body=body)
