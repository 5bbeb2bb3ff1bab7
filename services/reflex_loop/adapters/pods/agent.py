"""Speaks to the agent in one sandbox pod (docs/sandbox.md has the calls)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Final

import aiohttp
from pydantic import ValidationError

from reflex_loop.adapters.pods.errors import AgentError, AgentLostError
from reflex_runner.job import Job, Outcome
from reflex_runner.wire import OutcomeBody, dump_job

_SMALL: Final = aiohttp.ClientTimeout(total=10, connect=3)
_MARGIN: Final = 30.0
"""Seconds beyond a job's own deadline: the agent kills, collects and answers."""
_UPLOAD_SECONDS: Final = 120.0
MOST_REGISTRY: Final = 512 << 20
_MOST_ANSWER: Final = 64 << 20
_CHUNK: Final = 256 << 10


class Agent:
    """One claimed agent.

    Args:
        session: shared; without a base URL.
        address: such as `http://10.0.0.1:8080`.
        token: made for this claim; nobody else knows it.
    """

    def __init__(self, session: aiohttp.ClientSession, address: str, token: str) -> None:
        self._session = session
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"}

    async def claim(self, repair: str, *, seconds: float) -> None:
        """Bind the agent to the token; it exits by itself after `seconds`."""
        body = json.dumps({"repair": repair, "seconds": seconds}).encode()
        await self._send("PUT", "/v1/claim", body, limits=_SMALL)

    async def put_workspace(self, tar: IO[bytes]) -> None:
        """Make the agent's workspace this tree."""
        await self._upload("/v1/workspace", tar)

    async def put_registry(self, tar: IO[bytes]) -> None:
        """Give it the crates that the workspace depends on."""
        await self._upload("/v1/registry", tar)

    async def get_registry(self, into: IO[bytes], *, seconds: float) -> int:
        """Write what was fetched as a tar and return its size in bytes.

        Raises:
            AgentError: it is larger than a sandbox takes.
        """
        size = 0
        limits = aiohttp.ClientTimeout(total=seconds, connect=3)
        async with self._call("GET", "/v1/registry", limits=limits) as response:
            async for chunk in response.content.iter_chunked(_CHUNK):
                size += len(chunk)
                if size > MOST_REGISTRY:
                    words = f"the dependencies have more than {MOST_REGISTRY >> 20} MiB"
                    raise AgentError(words, code="too_large", status=413)
                await asyncio.to_thread(into.write, chunk)
        return size

    async def job(self, job: Job) -> Outcome:
        """Run a job; leaving (cancellation) ends it in the pod too."""
        limits = aiohttp.ClientTimeout(total=job.seconds + _MARGIN, connect=3)
        return _outcome(await self._send("POST", "/v1/jobs", dump_job(job), limits=limits))

    async def fetch(self, *, seconds: float) -> Outcome:
        """Fetch what Cargo.lock names; only a fetching agent does."""
        limits = aiohttp.ClientTimeout(total=seconds + _MARGIN, connect=3)
        body = json.dumps({"seconds": seconds}).encode()
        return _outcome(await self._send("POST", "/v1/fetch", body, limits=limits))

    async def _upload(self, path: str, tar: IO[bytes]) -> None:
        limits = aiohttp.ClientTimeout(total=_UPLOAD_SECONDS, connect=3)
        async with self._call(
            "PUT", path, limits=limits, data=_chunks(tar), content_type="application/x-tar"
        ) as response:
            await response.read()

    async def _send(
        self, method: str, path: str, body: bytes, *, limits: aiohttp.ClientTimeout
    ) -> bytes:
        async with self._call(method, path, limits=limits, data=body) as response:
            return await _bounded(response)

    @asynccontextmanager
    async def _call(
        self,
        method: str,
        path: str,
        *,
        limits: aiohttp.ClientTimeout,
        data: bytes | AsyncIterator[bytes] | None = None,
        content_type: str = "application/json",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {**self._headers, "Content-Type": content_type}
        url = f"{self._address}{path}"
        try:
            async with self._session.request(
                method, url, headers=headers, data=data, timeout=limits, allow_redirects=False
            ) as response:
                if response.status in (401, 403):
                    raise AgentLostError(f"{method} {path}: the agent was restarted: no claim")
                if response.status >= 300:
                    raise _refusal(response.status, await _bounded(response), f"{method} {path}")
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            words = f"{type(error).__name__} {error}".strip()
            raise AgentLostError(f"the sandbox did not answer {method} {path}: {words}") from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """Read a body that untrusted code may have blown up."""
    parts, size = [], 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > _MOST_ANSWER:
            raise AgentLostError(f"the sandbox's answer has more than {_MOST_ANSWER >> 20} MiB")
        parts.append(chunk)
    return b"".join(parts)


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        yield chunk


def _outcome(raw: bytes) -> Outcome:
    try:
        return Outcome(**dict(OutcomeBody.model_validate_json(raw)))
    except ValidationError as error:
        raise AgentLostError("the sandbox's answer is none that an agent gives") from error


def _refusal(status: int, raw: bytes, what: str) -> AgentError:
    code, words = "", raw[:200].decode(errors="replace")
    try:
        error = json.loads(raw)["error"]
        code, words = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        pass  # something else than the agent answered
    return AgentError(f"{what}: HTTP {status}: {words}", code=code, status=status)
