"""The five things that the pool does with pods, over the API server: JSON in, typed errors out."""

import json
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote, urlencode
from urllib.request import getproxies_environment

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config

from reflex_loop.adapters.pods.errors import ApiConflictError, ApiError, ApiGoneError

_WATCH_SECONDS: Final = 240
_CALL: Final = aiohttp.ClientTimeout(total=20)
_WATCH: Final = aiohttp.ClientTimeout(total=None, connect=10, sock_read=_WATCH_SECONDS + 30)
_LONGEST_EVENT: Final = 2 << 20
_JSON: Final = "application/json"
_MERGE: Final = "application/merge-patch+json"

Pod = dict[str, Any]


async def connect() -> Configuration:
    """Return the connection of the process: $KUBECONFIG, else the pod's service account."""
    configuration = Configuration()
    if os.environ.get("KUBECONFIG"):
        await load_kube_config(  # type: ignore[no-untyped-call]
            config_file=os.environ["KUBECONFIG"], client_configuration=configuration
        )
    else:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    # As the operator does: `trust_env` reads ~/.netrc for each request.
    configuration.client_session_kwargs = {"trust_env": bool(getproxies_environment())}
    return configuration


class PodApi:
    """Pods of one namespace that a selector names.

    Args:
        configuration: from `connect`.
        namespace: where the sandboxes are.
        selector: labels that all of them have.
    """

    def __init__(self, configuration: Configuration, *, namespace: str, selector: str) -> None:
        self.namespace = namespace
        self.selector = selector
        self._host = configuration.host
        self._client = ApiClient(configuration)
        self._client.user_agent = "reflex-loop"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def list(self) -> tuple[list[Pod], str]:
        """Return the pods and the version of the list."""
        answer = await self._call("GET", self._url("", {"labelSelector": self.selector}))
        return list(answer.get("items") or []), str(answer["metadata"]["resourceVersion"])

    async def watch(self, version: str) -> AsyncIterator[tuple[str, Pod]]:
        """Yield ADDED, MODIFIED and DELETED with the pod, from `version` on.

        It ends after some minutes, as the server likes it, or when it says that the version is too
        old: list again.
        """
        query = {
            "labelSelector": self.selector,
            "watch": "1",
            "resourceVersion": version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        async with self._response("GET", self._url("", query), limits=_WATCH) as response:
            if response.status >= 300:
                raise _error(response.status, await response.read(), "watch pods")
            try:
                async for line in _lines(response.content):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return
                    if event["type"] != "BOOKMARK":
                        yield event["type"], event["object"]
            finally:
                # Left half-way, the server has no last word that TLS should wait for.
                if response.connection and response.connection.transport:
                    response.connection.transport.abort()

    async def get(self, name: str) -> Pod:
        """Return one pod.

        Raises:
            ApiGoneError: there is none.
        """
        return await self._call("GET", self._url(name))

    async def patch(self, name: str, patch: Mapping[str, Any]) -> Pod:
        """Merge into a pod and return it.

        Raises:
            ApiConflictError: its version or uid is another one by now.
            ApiGoneError: there is none.
        """
        return await self._call("PATCH", self._url(name), body=patch, content_type=_MERGE)

    async def delete(self, name: str, *, uid: str) -> None:
        """Delete exactly this pod, at once: what it runs is not worth a farewell.

        Raises:
            ApiConflictError: another one has the name by now.
            ApiGoneError: there is none.
        """
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        await self._call("DELETE", self._url(name), body=body)

    def _url(self, name: str, query: Mapping[str, str] | None = None) -> str:
        path = f"{self._host}/api/v1/namespaces/{quote(self.namespace, safe='')}/pods"
        if name:
            path += f"/{quote(name, safe='')}"
        return f"{path}?{urlencode(query)}" if query else path

    async def _call(
        self,
        method: str,
        url: str,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = _JSON,
    ) -> Pod:
        async with self._response(
            method, url, limits=_CALL, body=body, content_type=content_type
        ) as response:
            raw = await response.read()
        if response.status >= 300:
            raise _error(response.status, raw, f"{method.lower()} pods")
        answer: Pod = json.loads(raw)
        return answer

    @asynccontextmanager
    async def _response(
        self,
        method: str,
        url: str,
        *,
        limits: aiohttp.ClientTimeout,
        body: Mapping[str, Any] | None = None,
        content_type: str = _JSON,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Accept": _JSON, "Content-Type": content_type}
        headers.update(self._client.default_headers)
        # Reads the service account's token again when it is a minute old.
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], url, method, body)
        try:
            answer = await self._client.rest_client.request(  # type: ignore[no-untyped-call]
                method, url, headers=headers, body=body, _request_timeout=limits
            )
            async with answer.response as response:
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError, ssl.SSLError) as error:
            text = f"no answer from the API server: {type(error).__name__} {error}".strip()
            raise ApiError(text) from error


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield the lines of a stream; aiohttp's own reader has a limit that pods may pass."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_EVENT:
            raise ApiError("watch pods: an event of more than 2 MiB")
        for line in filter(None, lines):
            yield line


def _error(status: int, raw: bytes, what: str) -> ApiError:
    try:
        words = str(json.loads(raw)["message"])
    except (ValueError, KeyError, TypeError):
        words = raw[:200].decode(errors="replace") or "no explanation"
    kinds = {404: ApiGoneError, 409: ApiConflictError}
    return kinds.get(status, ApiError)(f"{what}: HTTP {status}: {words}", status=status)
