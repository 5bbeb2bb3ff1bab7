"""A small API client: what the lab itself needs, without a dependency."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reflex_lab.errors import ApiError

Manifest = dict[str, object]
FIELD_MANAGER = "reflex-lab"
_RESOURCES = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ConfigMap": "configmaps",
    "EndpointSlice": "endpointslices",
    "Namespace": "namespaces",
    "Node": "nodes",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "StorageClass": "storageclasses",
}


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Where the API server is and how to talk to it."""

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path


def resource_path(manifest: Mapping[str, object]) -> str:
    """Return the URL path of the object.

    >>> resource_path({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}})
    '/api/v1/nodes/a'
    """
    version = str(manifest["apiVersion"])
    metadata = manifest["metadata"]
    if not isinstance(metadata, Mapping):
        raise TypeError("metadata is not a mapping")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = metadata.get("namespace")
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{inside}/{_RESOURCES[str(manifest['kind'])]}/{metadata['name']}"


class Kube:
    """One connection, reopened when the server has closed it."""

    def __init__(self, credentials: Credentials, *, seconds: float = 10.0) -> None:
        context = ssl.create_default_context(cafile=str(credentials.ca))
        context.load_cert_chain(credentials.certificate, credentials.key)
        self._connection = http.client.HTTPSConnection(
            credentials.host, credentials.port, timeout=seconds, context=context
        )

    def close(self) -> None:
        """Close the connection; the client can be used again."""
        self._connection.close()

    def __del__(self) -> None:
        """Close the connection of a client that nobody uses any more."""
        self._connection.close()

    def get(self, path: str) -> Manifest:
        """Return the object or list at the path.

        Raises:
            ApiError: the server answered with an error.
            OSError: no answer.
        """
        return self._request("GET", path)

    def text(self, path: str) -> str:
        """Return the answer at the path as text (`/readyz`)."""
        return self._send("GET", path, None, {}).decode(errors="replace")

    def apply(self, manifest: Manifest) -> Manifest:
        """Create or update the object by server-side apply."""
        path = f"{resource_path(manifest)}?fieldManager={FIELD_MANAGER}&force=true"
        return self._request("PATCH", path, manifest, "application/apply-patch+yaml")

    def create(self, manifest: Manifest) -> Manifest:
        """Create the object, status included where the API takes it (nodes)."""
        path = resource_path(manifest).rpartition("/")[0]
        return self._request("POST", path, manifest)

    def merge(self, path: str, patch: Manifest) -> Manifest:
        """Send a JSON merge patch."""
        return self._request("PATCH", path, patch, "application/merge-patch+json")

    def delete(self, path: str) -> Manifest:
        """Delete the object or collection at the path."""
        return self._request("DELETE", path)

    def _request(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        content_type: str = "application/json",
    ) -> Manifest:
        data = None if body is None else json.dumps(body).encode()
        answer = self._send(method, path, data, {"Content-Type": content_type} if data else {})
        decoded = json.loads(answer)
        if not isinstance(decoded, dict):
            raise ApiError(status=200, reason="NotAnObject", message=path)
        return decoded

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> bytes:
        try:
            self._connection.request(method, path, body=data, headers=headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        if response.status >= 400:
            raise _error(response.status, response.reason, answer)
        return answer


def node_ready(client: Kube, name: str) -> bool:
    """Say whether the node exists and is Ready."""
    try:
        status = client.get(f"/api/v1/nodes/{name}").get("status")
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    conditions = status.get("conditions", []) if isinstance(status, dict) else []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _error(status: int, reason: str, answer: bytes) -> ApiError:
    try:
        details = json.loads(answer)
    except ValueError:
        return ApiError(status=status, reason=reason, message=answer.decode(errors="replace")[:500])
    if not isinstance(details, dict):
        return ApiError(status=status, reason=reason, message=str(details)[:500])
    return ApiError(
        status=status,
        reason=str(details.get("reason") or reason),
        message=str(details.get("message", ""))[:500],
    )
