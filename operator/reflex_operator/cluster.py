"""The one speaker to the API server: JSON in, JSON out, typed errors, counted calls.

Objects stay mappings: the client's models would cost memory and time and drop fields that are
newer than they are. kopf keeps its own connections for its watches.
"""

import asyncio
import json
import logging
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import quote, urlencode
from urllib.request import getproxies_environment

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config

from reflex_api.names import API_VERSION, FIELD_MANAGER
from reflex_operator import __version__
from reflex_operator.errors import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NamespaceEndingError,
    NotFoundError,
    UnavailableError,
)
from reflex_operator.manifest import Manifest, ObjectRef, ref_of
from reflex_operator.metrics import Metrics

_log = logging.getLogger(__name__)

_PAGE: Final = 100
"""Small: a page is held in memory whole, and memory that was once used is rarely given back."""
_ATTEMPTS: Final = 4
_LONGEST_WAIT: Final = 10.0
_LOG_CHUNK: Final = 64 << 10
_JSON: Final = "application/json"
_APPLY: Final = "application/apply-patch+yaml"  # JSON is YAML
_STRATEGIC: Final = "application/strategic-merge-patch+json"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Where a kind lives in the API."""

    api_version: str
    plural: str
    namespaced: bool = True


KINDS: Final[dict[str, Kind]] = {
    "ReflexModel": Kind(api_version=API_VERSION, plural="reflexmodels"),
    "ReflexRoute": Kind(api_version=API_VERSION, plural="reflexroutes"),
    "ReflexBakeoff": Kind(api_version=API_VERSION, plural="reflexbakeoffs"),
    "ConfigMap": Kind(api_version="v1", plural="configmaps"),
    "Deployment": Kind(api_version="apps/v1", plural="deployments"),
    "Service": Kind(api_version="v1", plural="services"),
    "NetworkPolicy": Kind(api_version="networking.k8s.io/v1", plural="networkpolicies"),
    "Secret": Kind(api_version="v1", plural="secrets"),
    "Job": Kind(api_version="batch/v1", plural="jobs"),
    "PersistentVolumeClaim": Kind(api_version="v1", plural="persistentvolumeclaims"),
    "Pod": Kind(api_version="v1", plural="pods"),
    "Node": Kind(api_version="v1", plural="nodes", namespaced=False),
    "Event": Kind(api_version="v1", plural="events"),
    "Lease": Kind(api_version="coordination.k8s.io/v1", plural="leases"),
}

_ERRORS: Final[dict[int, type[ClusterError]]] = {
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: ConflictError,
    422: InvalidError,
}


async def connect(configuration: Configuration | None = None) -> Configuration:
    """Return the connection of the process: $KUBECONFIG, else the pod's service account."""
    configuration = configuration or Configuration()
    if os.environ.get("KUBECONFIG"):
        await load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    else:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    configuration.connection_pool_maxsize = 64
    # `trust_env` has aiohttp read ~/.netrc in a thread for each request, a tenth of a request's
    # cost, and take a password from it. It is needed only where there is a proxy.
    configuration.client_session_kwargs = {"trust_env": bool(getproxies_environment())}
    return configuration


class Cluster:
    """The API server, for all writes and the operator's own reads."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        metrics: Metrics,
        rng: Random,
        timeout: float = 30.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.configuration = configuration
        self._client = ApiClient(configuration)
        self._client.user_agent = f"{FIELD_MANAGER}/{__version__}"
        self._metrics = metrics
        self._rng = rng
        self._timeout = timeout
        self._sleep = sleep
        # Asked before each write but those of the Lease itself: a process that was frozen wakes
        # up in the middle of a pass, and another one may lead by then.
        self.may_write: Callable[[], bool] = lambda: True

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def get(self, ref: ObjectRef) -> Manifest:
        """Return the object.

        Raises:
            NotFoundError: there is none.
        """
        return await self._call("GET", "get", ref.kind, _path(ref.kind, ref.namespace, ref.name))

    async def list_all(
        self, kind: str, selector: str = "", shrink: Callable[[Manifest], Manifest] = dict
    ) -> tuple[list[Manifest], str]:
        """Return all objects of a kind in all namespaces and the version of the list.

        All pages show the same moment: the continue token carries its version. An expired one
        (410, for lists slower than etcd's compaction) starts the list again. `shrink` reduces
        each object before the next page is asked for.
        """
        for _ in range(3):
            try:
                return await self._list(kind, selector, shrink)
            except ConflictError:
                _log.info("the list of %s expired between two pages; listing again", kind)
        raise UnavailableError(f"the list of {kind} expired between two pages, three times")

    async def _list(
        self, kind: str, selector: str, shrink: Callable[[Manifest], Manifest]
    ) -> tuple[list[Manifest], str]:
        items: list[Manifest] = []
        query = {"limit": str(_PAGE)}
        if selector:
            query["labelSelector"] = selector
        while True:
            page = await self._call("GET", "list", kind, _path(kind, "", ""), query=query)
            for item in page.get("items") or []:
                item["kind"], item["apiVersion"] = kind, KINDS[kind].api_version
                items.append(shrink(item))
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return items, str(metadata.get("resourceVersion", ""))
            query["continue"] = metadata["continue"]

    async def apply(self, manifest: Manifest) -> Manifest:
        """Server-side apply: own exactly the fields of `manifest`; return the object."""
        return await self._apply(manifest, "")

    async def apply_status(self, manifest: Manifest) -> Manifest:
        """Server-side apply of `status` (with its identity) on the status subresource."""
        return await self._apply(manifest, "status")

    async def _apply(self, manifest: Manifest, subresource: str) -> Manifest:
        ref = ref_of(manifest)
        return await self._call(
            "PATCH",
            "apply",
            ref.kind,
            _path(ref.kind, ref.namespace, ref.name, subresource),
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
            body=manifest,
            content_type=_APPLY,
        )

    async def create(self, manifest: Manifest) -> Manifest:
        """Create the object.

        Raises:
            ConflictError: one of this name exists.
        """
        ref = ref_of(manifest)
        # Not idempotent: an attempt whose answer was lost would come back as a conflict.
        return await self._call(
            "POST",
            "create",
            ref.kind,
            _path(ref.kind, ref.namespace, ""),
            query={"fieldManager": FIELD_MANAGER},
            body=manifest,
            attempts=1,
        )

    async def replace(self, manifest: Manifest, *, seconds: float | None = None) -> Manifest:
        """Replace the object; its resourceVersion guards against a change in between."""
        ref = ref_of(manifest)
        return await self._call(
            "PUT",
            "update",
            ref.kind,
            _path(ref.kind, ref.namespace, ref.name),
            query={"fieldManager": FIELD_MANAGER},
            body=manifest,
            attempts=1,
            seconds=seconds,
        )

    async def patch_pod_status(self, ref: ObjectRef, *, uid: str, condition: Manifest) -> Manifest:
        """Set one condition of exactly this pod; the others stay (merged by type)."""
        return await self._call(
            "PATCH",
            "patch",
            "Pod",
            _path("Pod", ref.namespace, ref.name, "status"),
            query={"fieldManager": FIELD_MANAGER},
            body={"metadata": {"uid": uid}, "status": {"conditions": [condition]}},
            content_type=_STRATEGIC,
        )

    async def pod_log(
        self,
        ref: ObjectRef,
        *,
        container: str,
        previous: bool,
        tail_lines: int,
        keep_bytes: int,
        seconds: float,
    ) -> str:
        """Return the end of a container's log, at most `keep_bytes` of it.

        Args:
            ref: the pod.
            container: its name in the pod.
            previous: the log of the run before the present one.
            tail_lines: asked of the kubelet.
            keep_bytes: kept in memory while more arrives; a line may be of any length.
            seconds: for the whole call. One attempt.

        Raises:
            NotFoundError: the pod, the container or that run's log does not exist any more.
        """
        query = {"container": container, "tailLines": str(tail_lines)}
        if previous:
            query["previous"] = "true"
        path = _path("Pod", ref.namespace, ref.name, "log")
        url = f"{self.configuration.host}{path}?{urlencode(query)}"
        headers = {"Accept": "text/plain, */*"}
        headers.update(self._client.default_headers)
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], url, "GET", None)
        code, kept = 0, bytearray()
        try:
            response = await self._client.rest_client.request(  # type: ignore[no-untyped-call]
                "GET", url, headers=headers, _request_timeout=aiohttp.ClientTimeout(total=seconds)
            )
            code = response.status
            async with response.response:
                async for chunk in response.response.content.iter_chunked(_LOG_CHUNK):
                    kept += chunk
                    del kept[:-keep_bytes]
        except (aiohttp.ClientError, TimeoutError, OSError, ssl.SSLError) as error:
            text = f"no answer from the API server: {type(error).__name__} {error}".strip()
            raise UnavailableError(text) from error
        finally:
            self._metrics.api_requests.labels("get", "pods/log", str(code)).inc()
        if code < 300:
            return kept.decode(errors="replace")
        # 400: "previous terminated container not found", or the container has not begun.
        known = 404 if code == 400 else code
        raise _error(known, bytes(kept), response.headers.get("Retry-After"), "get pods/log")

    async def delete(self, ref: ObjectRef, *, uid: str) -> None:
        """Delete exactly this object; the garbage collector takes what it owns.

        Raises:
            ConflictError: another object has the name by now.
            NotFoundError: it is gone already.
        """
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        path = _path(ref.kind, ref.namespace, ref.name)
        await self._call("DELETE", "delete", ref.kind, path, body=options)

    async def create_event(self, manifest: Manifest) -> None:
        """Create one Event; the caller has given it a unique name."""
        await self.create(manifest)

    async def _call(
        self,
        method: str,
        verb: str,
        kind: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content_type: str = _JSON,
        attempts: int = _ATTEMPTS,
        seconds: float | None = None,
    ) -> Manifest:
        """Make one call; try idempotent ones again when the server is overloaded or away."""
        url = self.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        for attempt in range(1, attempts + 1):
            try:
                return await self._attempt(method, verb, kind, url, body, content_type, seconds)
            except UnavailableError as error:
                if attempt == attempts:
                    raise
                wait = error.retry_after
                if wait is None:
                    wait = 0.2 * 2 ** (attempt - 1) * (0.5 + 0.5 * self._rng.random())
                if wait > _LONGEST_WAIT:
                    raise  # a worker must not be held so long: the queue's back-off is better
                _log.debug("%s %s: %s; again in %.1f s", verb, kind, error, wait)
                await self._sleep(wait)
        raise AssertionError("unreachable")

    async def _attempt(
        self,
        method: str,
        verb: str,
        kind: str,
        url: str,
        body: Manifest | None,
        content_type: str,
        seconds: float | None,
    ) -> Manifest:
        headers = {"Accept": _JSON, "Content-Type": content_type}
        headers.update(self._client.default_headers)
        # Reads the service account's token again when it is a minute old.
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], url, method, body)
        if method != "GET" and kind != "Lease" and not self.may_write():
            raise UnavailableError(f"{verb} {kind}: not sent, the Lease may be lost")
        code = 0
        try:
            response = await self._client.rest_client.request(  # type: ignore[no-untyped-call]
                method,
                url,
                headers=headers,
                body=body,
                _request_timeout=aiohttp.ClientTimeout(total=seconds or self._timeout),
            )
            raw = await response.read()
            code = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ssl.SSLError) as error:
            text = f"no answer from the API server: {type(error).__name__} {error}".strip()
            raise UnavailableError(text) from error
        finally:
            self._metrics.api_requests.labels(verb, KINDS[kind].plural, str(code)).inc()
        if code < 300:
            answer: Manifest = json.loads(raw)
            return answer
        raise _error(code, raw, response.headers.get("Retry-After"), f"{verb} {kind}")


def _path(kind: str, namespace: str, name: str, subresource: str = "") -> str:
    where = KINDS[kind]
    parts = ["api" if "/" not in where.api_version else "apis", where.api_version]
    if namespace:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(where.plural)
    if name:
        parts.append(quote(name, safe=""))
    if subresource:
        parts.append(subresource)
    return "/" + "/".join(parts)


def _error(code: int, raw: bytes, retry_after: str | None, what: str) -> ClusterError:
    """Return the typed error for an answer; a proxy in between may have sent no JSON."""
    try:
        status: Any = json.loads(raw)
    except ValueError:
        status = {}
    words = status.get("message") if isinstance(status, dict) else None
    message = f"{what}: HTTP {code}: {words or 'no explanation'}"
    if code == 429 or code >= 500:
        seconds = float(retry_after) if retry_after and retry_after.isdigit() else None
        return UnavailableError(message, status=code, retry_after=seconds)
    if code == 403 and _namespace_ends(status):
        return NamespaceEndingError(message, status=code)
    return _ERRORS.get(code, ClusterError)(message, status=code)


def _namespace_ends(status: Any) -> bool:  # noqa: ANN401
    details = status.get("details") if isinstance(status, dict) else None
    causes = details.get("causes") if isinstance(details, dict) else None
    return any(one.get("reason") == "NamespaceTerminating" for one in causes or [])
