"""Calls and watches of an API server: JSON in, typed errors out."""

import json
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote, urlencode
from urllib.request import getproxies_environment

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from reflex_loop.adapters.kube.errors import (
    ApiConflictError,
    ApiError,
    ApiGoneError,
    NoClusterError,
)

_CALL: Final = aiohttp.ClientTimeout(total=20)
_SLACK: Final = 30.0
"""A watch that says nothing for so long after its end is dead."""
_LONGEST_EVENT: Final = 2 << 20
_JSON: Final = "application/json"
_MERGE: Final = "application/merge-patch+json"

Manifest = dict[str, Any]


async def connect() -> Configuration:
    """Return the connection of the process: $KUBECONFIG, else the pod's service account.

    Raises:
        NoClusterError: there is neither.
    """
    configuration = Configuration()
    try:
        if os.environ.get("KUBECONFIG"):
            await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=os.environ["KUBECONFIG"], client_configuration=configuration
            )
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise NoClusterError(f"no way into a cluster: {error}") from error
    # As the operator does: `trust_env` reads ~/.netrc for each request.
    configuration.client_session_kwargs = {"trust_env": bool(getproxies_environment())}
    return configuration


class Collection:
    """The objects of one kind in one namespace.

    Args:
        configuration: from `connect`.
        path: of the group and version, such as `api/v1`.
        namespace: of the objects.
        plural: such as `pods`.
    """

    def __init__(
        self, configuration: Configuration, *, path: str, namespace: str, plural: str
    ) -> None:
        self.plural = plural
        self._base = f"{configuration.host}/{path}/namespaces/{quote(namespace, safe='')}/{plural}"
        self._client = ApiClient(configuration)
        self._client.user_agent = "reflex-loop"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def get(self, name: str) -> Manifest:
        """Return one object.

        Raises:
            ApiGoneError: there is none.
        """
        return await self.call("GET", name)

    async def patch(self, name: str, patch: Mapping[str, Any]) -> Manifest:
        """Merge into an object and return it.

        Raises:
            ApiConflictError: its version or uid is another one by now.
            ApiGoneError: there is none.
        """
        return await self.call("PATCH", name, body=patch, content_type=_MERGE)

    async def watch(
        self, query: Mapping[str, str], *, seconds: float
    ) -> AsyncGenerator[tuple[str, Manifest], None]:
        """Yield ADDED, MODIFIED and DELETED with the object.

        It ends after so many seconds, or when the server says that the version is too old: look
        again.
        """
        query = {**query, "watch": "1", "timeoutSeconds": str(int(seconds))}
        limits = aiohttp.ClientTimeout(total=None, connect=10, sock_read=seconds + _SLACK)
        async with self._response("GET", self._url("", query), limits=limits) as response:
            if response.status >= 300:
                raise _error(response.status, await response.read(), f"watch {self.plural}")
            try:
                async for line in _lines(response.content, self.plural):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return
                    if event["type"] != "BOOKMARK":
                        yield event["type"], event["object"]
            finally:
                # Left half-way, the server has no last word that TLS should wait for.
                if response.connection and response.connection.transport:
                    response.connection.transport.abort()

    async def call(
        self,
        method: str,
        name: str = "",
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = _JSON,
    ) -> Manifest:
        """Make one call and return the answer.

        Raises:
            ApiError: it was refused, or there was no answer.
        """
        async with self._response(
            method, self._url(name, query), limits=_CALL, body=body, content_type=content_type
        ) as response:
            raw = await response.read()
        if response.status >= 300:
            raise _error(response.status, raw, f"{method.lower()} {self.plural}")
        answer: Manifest = json.loads(raw)
        return answer

    def _url(self, name: str, query: Mapping[str, str] | None = None) -> str:
        path = f"{self._base}/{quote(name, safe='')}" if name else self._base
        return f"{path}?{urlencode(query)}" if query else path

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


async def _lines(content: aiohttp.StreamReader, plural: str) -> AsyncIterator[bytes]:
    """Yield the lines of a stream; aiohttp's own reader has a limit that objects may pass."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_EVENT:
            raise ApiError(f"watch {plural}: an event of more than 2 MiB")
        for line in filter(None, lines):
            yield line


def _error(status: int, raw: bytes, what: str) -> ApiError:
    try:
        words = str(json.loads(raw)["message"])
    except (ValueError, KeyError, TypeError):
        words = raw[:200].decode(errors="replace") or "no explanation"
    kinds = {404: ApiGoneError, 409: ApiConflictError}
    return kinds.get(status, ApiError)(f"{what}: HTTP {status}: {words}", status=status)
