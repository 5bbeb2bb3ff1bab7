"""A service of ours in the current kube context: found by its label, reached by kubectl.

`kubectl` does it, because it knows every way to log in to a cluster; nothing of ours reads the
user's credentials.
"""

import asyncio
import base64
import json
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from reflexctl.errors import ClusterError
from reflexctl.remote_fix import Server

LOOP: Final = "reflex-loop"
_SECONDS: Final = 15.0
_FORWARD: Final = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ")


class Kubectl:
    """Runs kubectl in one context and namespace; empty ones are kubectl's own defaults.

    Args:
        context: of the kubeconfig.
        namespace: to look in; empty: all of them.
        component: the service's value of the label `app.kubernetes.io/component`.
    """

    def __init__(self, *, context: str = "", namespace: str = "", component: str = LOOP) -> None:
        program = shutil.which("kubectl")
        if program is None:
            raise ClusterError(
                "no `kubectl` on the PATH", hints=("install it, or name the service: --server URL",)
            )
        self._program = program
        self._context = ["--context", context] if context else []
        self.namespace = namespace
        self.component = component

    @property
    def label(self) -> str:
        """Return the label that finds the service and its Secret."""
        return f"app.kubernetes.io/component={self.component}"

    async def get(self, kind: str, *, namespace: str = "") -> list[dict[str, Any]]:
        """Return the objects of a kind with the service's label.

        Raises:
            ClusterError: the cluster does not answer, or does not allow it.
        """
        where = namespace or self.namespace
        scope = ["-n", where] if where else ["--all-namespaces"]
        text = await self._run("get", kind, "-l", self.label, "-o", "json", *scope)
        try:
            items = json.loads(text)["items"]
        except (ValueError, KeyError) as error:
            raise ClusterError("kubectl's answer is no list of objects") from error
        return [each for each in items if isinstance(each, dict)]

    async def objects(self, kind: str) -> list[dict[str, Any]]:
        """Return all objects of a kind in the namespace.

        Raises:
            ClusterError: the cluster does not answer, or does not allow it.
        """
        found = (await self._json("get", kind)).get("items")
        if not isinstance(found, list):
            raise ClusterError("kubectl's answer is no list of objects")
        return [each for each in found if isinstance(each, dict)]

    async def one(self, kind: str, name: str) -> dict[str, Any]:
        """Return one object.

        Raises:
            ClusterError: it is not there, or the cluster does not answer or allow it.
        """
        return await self._json("get", kind, name)

    async def _json(self, *arguments: str) -> dict[str, Any]:
        scope = ["-n", self.namespace] if self.namespace else []
        try:
            found = json.loads(await self._run(*arguments, "-o", "json", *scope))
        except ValueError as error:
            raise ClusterError("kubectl's answer is no JSON") from error
        if not isinstance(found, dict):
            raise ClusterError("kubectl's answer is no object")
        return found

    async def _run(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self._program,
            *self._context,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                out, err = await process.communicate()
        except TimeoutError:
            raise ClusterError(f"kubectl says nothing for {_SECONDS:g} s") from None
        finally:
            await _end(process)
        if process.returncode:
            said = err.decode("utf-8", "replace").strip().splitlines()
            raise ClusterError(f"kubectl: {said[-1] if said else f'code {process.returncode}'}")
        return out.decode("utf-8", "replace")

    @asynccontextmanager
    async def forwarded(self, namespace: str, service: str, port: int) -> AsyncIterator[int]:
        """Forward a free local port to a service for the time of the block.

        Raises:
            ClusterError: it cannot be forwarded.
        """
        process = await asyncio.create_subprocess_exec(
            self._program,
            *self._context,
            *("port-forward", "-n", namespace, "--address", "127.0.0.1"),
            *(f"service/{service}", f":{port}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        drained: list[asyncio.Future[None]] = []
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            try:
                async with asyncio.timeout(_SECONDS):
                    line = (await process.stdout.readline()).decode("utf-8", "replace")
            except TimeoutError:
                line = ""
            match = _FORWARD.match(line)
            if match is None:
                await _end(process)
                said = (await process.stderr.read()).decode("utf-8", "replace").strip()
                raise ClusterError(f"kubectl port-forward: {said or line or 'no port'}")
            # It writes a line for every connection, and each fault: an unread pipe would stop it.
            for pipe in (process.stdout, process.stderr):
                drained.append(asyncio.ensure_future(_thrown_away(pipe)))
            yield int(match[1])
        finally:
            await _end(process)
            await asyncio.gather(*drained, return_exceptions=True)


async def _thrown_away(pipe: asyncio.StreamReader) -> None:
    while await pipe.read(65536):
        pass


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(5):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@asynccontextmanager
async def service(kubectl: Kubectl, key: str) -> AsyncIterator[tuple[Server, str]]:
    """Lend the way to the cluster's service, and say in words which one it is.

    Args:
        kubectl: in the context that is meant.
        key: of the user; empty: from the service's Secret, where it may be read.

    Raises:
        ClusterError: there is none, there are several, or it cannot be reached.
    """
    found = await kubectl.get("services")
    if not found:
        raise ClusterError(
            f"the kube context has no {kubectl.component} service",
            hints=(f"it has the label {kubectl.label}; is it installed?",),
        )
    names = [f"{_meta(each)['namespace']}/{_meta(each)['name']}" for each in found]
    if len(found) > 1:
        raise ClusterError(
            f"the kube context has {len(found)} {kubectl.component} services: {', '.join(names)}",
            hints=("choose one: -n NAMESPACE",),
        )
    meta = _meta(found[0])
    namespace, name = str(meta["namespace"]), str(meta["name"])
    port = _port(found[0])
    key = key or await _key(kubectl, namespace)
    async with kubectl.forwarded(namespace, name, port) as local:
        yield Server(url=f"http://127.0.0.1:{local}", key=key), f"{names[0]} of the kube context"


async def _key(kubectl: Kubectl, namespace: str) -> str:
    """Return a key of the service's Secret, or nothing where it may not be read."""
    try:
        secrets = await kubectl.get("secrets", namespace=namespace)
    except ClusterError:
        return ""
    for secret in secrets:
        for value in (secret.get("data") or {}).values():
            key = first_key(base64.b64decode(value).decode("utf-8", "replace").splitlines())
            if key:
                return key
    return ""


def first_key(lines: Sequence[str]) -> str:
    """Return the first key of a key file; like the service, at a line's first colon.

    >>> first_key(["# people", "ada:0123456789abcdef"]), first_key(["0123456789abcdef"])
    ('0123456789abcdef', '0123456789abcdef')
    """
    told = [line.strip() for line in lines]
    told = [line for line in told if line and not line.startswith("#")]
    if not told:
        return ""
    name, colon, key = told[0].partition(":")
    return key.strip() if colon else name


def _meta(found: Mapping[str, Any]) -> Mapping[str, Any]:
    meta: Mapping[str, Any] = found["metadata"]
    return meta


def _port(found: Mapping[str, Any]) -> int:
    ports = found.get("spec", {}).get("ports") or [{}]
    named = [each for each in ports if each.get("name") in ("http", "api")]
    return int((named or ports)[0].get("port", 80))
