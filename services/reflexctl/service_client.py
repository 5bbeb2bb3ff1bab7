"""A reflex-loop service over HTTP: start a repair, follow it through broken connections, end it."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import httpx2

from reflex_loop.events import KINDS, Event, from_json
from reflex_loop.options import RepairOptions
from reflexctl.errors import ConfigurationError, ServerError

_ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})
_LONGEST_WAIT: Final = 60.0  # seconds without a word of the service, or in front of a full queue
_FIRST_CONTACT: Final = 2.0  # seconds of trying to send: a wrong address does not get better
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
MOST_CHANGED: Final = 128 << 20  # bytes of the tar: what a repair may touch is far less
_SILENCE: Final = 90.0  # the service sends a comment long before

Json = dict[str, Any]
Sleep = Callable[[float], Awaitable[None]]
Tell = Callable[[str], None]


class Service:
    """One service, with one key; see `opened`."""

    def __init__(self, client: httpx2.AsyncClient, *, tell: Tell, sleep: Sleep) -> None:
        self._client = client
        self._tell = tell
        self._sleep = sleep

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, url: str, key: str, *, tell: Tell, sleep: Sleep = asyncio.sleep
    ) -> AsyncIterator[Self]:
        """Open the connections to a service for the time of the block.

        Args:
            url: of the service, without `/v1`.
            key: its bearer key; may be empty.
            tell: is told why it takes longer.
            sleep: for pauses.

        Raises:
            ConfigurationError: the URL is none.
        """
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"--server {url}: no URL", hints=("wanted: a URL such as https://reflex.example",)
            )
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx2.Timeout(30.0, read=_SILENCE)
        base = url.rstrip("/").removesuffix("/v1")
        async with httpx2.AsyncClient(base_url=base, headers=headers, timeout=timeout) as client:
            yield cls(client, tell=tell, sleep=sleep)

    async def start(self, tar: bytes, options: RepairOptions) -> Json:
        """Send a workspace and return the queued repair.

        A full queue is waited for; a broken connection is tried again without a second repair.

        Raises:
            ServerError: the service refuses, or cannot be reached.
        """
        key = uuid.uuid4().hex
        waited, pause = 0.0, _FIRST_PAUSE
        while True:
            problem: ServerError
            try:
                answer = await self._client.post(
                    "/v1/repairs",
                    params={"options": options.model_dump_json(exclude_defaults=True)},
                    headers={"Content-Type": "application/x-tar", "Idempotency-Key": key},
                    content=tar,
                )
            except httpx2.TransportError as error:
                problem, wait, most = _unreachable(self._client, error), pause, _FIRST_CONTACT
            else:
                if answer.status_code not in (429, 503):
                    return _document(answer)
                problem, wait = _refusal(answer), _retry_after(answer) or pause
                most = _LONGEST_WAIT
                self._tell(f"{problem}; trying again in {wait:.0f} s")
            if waited + wait > most:
                raise problem
            await self._sleep(wait)
            waited, pause = waited + wait, min(pause * 2, _LONGEST_PAUSE)

    async def events(self, repair: str) -> AsyncIterator[Event]:
        """Yield every event of a repair once, in order, until it ends.

        Raises:
            ServerError: the service is silent or gone for too long.
        """
        last, waited, pause = 0, 0.0, _FIRST_PAUSE
        while True:
            problem = ServerError("the service ended the stream")
            try:
                async for event in self._stream(repair, last):
                    last, waited, pause = event.number, 0.0, _FIRST_PAUSE
                    yield event
                    if event.kind == "stopped":
                        return
                if (await self.get(repair))["status"] in _ENDED:
                    return
            except httpx2.TransportError as error:
                problem = _unreachable(self._client, error)
            if waited + pause > _LONGEST_WAIT:
                raise problem
            if waited == 0:
                self._tell("the connection broke; going on where it was")
            await self._sleep(pause)
            waited, pause = waited + pause, min(pause * 2, _LONGEST_PAUSE)

    async def ended(self, repair: str) -> Json:
        """Return a repair when its end is recorded, shortly after its last event.

        Raises:
            ServerError: it does not end, or the service is gone.
        """
        waited, pause = 0.0, _FIRST_PAUSE / 4
        while True:
            try:
                found = await self.get(repair)
                if found["status"] in _ENDED:
                    return found
                problem = ServerError(f"repair {repair} is {found['status']} after its end")
            except httpx2.TransportError as error:
                problem = _unreachable(self._client, error)
            if waited > _LONGEST_WAIT:
                raise problem
            await self._sleep(pause)
            waited, pause = waited + pause, min(pause * 2, _LONGEST_PAUSE)

    async def get(self, repair: str) -> Json:
        """Return a repair."""
        return _document(await self._client.get(f"/v1/repairs/{repair}"))

    async def cancel(self, repair: str) -> None:
        """Ask for the end of a repair."""
        _document(await self._client.post(f"/v1/repairs/{repair}/cancel"))

    async def workspace(self, repair: str) -> bytes:
        """Return the tar of the files that a repair changed.

        Raises:
            ServerError: the service refuses, cannot be reached, or sends too much.
        """
        parts: list[bytes] = []
        size = 0
        try:
            async with self._client.stream("GET", f"/v1/repairs/{repair}/workspace") as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    raise _refusal(answer)
                async for part in answer.aiter_bytes():
                    parts.append(part)
                    size += len(part)
                    if size > MOST_CHANGED:
                        raise ServerError(
                            f"the service sends more than {MOST_CHANGED >> 20} MiB of changes"
                        )
        except httpx2.TransportError as error:
            raise _unreachable(self._client, error) from error
        return b"".join(parts)

    async def _stream(self, repair: str, last: int) -> AsyncIterator[Event]:
        headers = {"Accept": "text/event-stream"}
        if last:
            headers["Last-Event-ID"] = str(last)
        path = f"/v1/repairs/{repair}/events"
        async with self._client.stream("GET", path, headers=headers) as answer:
            if answer.status_code != 200:
                await answer.aread()
                if answer.status_code in (429, 502, 503, 504):
                    raise httpx2.RemoteProtocolError(str(_refusal(answer)))
                raise _refusal(answer)
            async for number, event in _read_events(answer.aiter_lines()):
                if number > last:
                    yield event


async def _read_events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[int, Event]]:
    """Yield the events of an SSE stream; kinds that are not known here are left out."""
    data: list[str] = []
    async for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            event = _event("\n".join(data))
            data = []
            if event is not None:
                yield event.number, event


def _event(text: str) -> Event | None:
    try:
        value = json.loads(text)
        if not isinstance(value, dict) or value.get("kind") not in KINDS:
            return None
        return from_json(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise ServerError(f"the service sent an event that cannot be read: {error}") from error


def _document(answer: httpx2.Response) -> Json:
    if not answer.is_success:
        raise _refusal(answer)
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not {"id", "status"} <= found.keys():
        raise ServerError(
            f"{answer.url.path}: the answer is none of a reflex-loop service",
            hints=("does --server name one, or something in front of it?",),
        )
    return found


def _refusal(answer: httpx2.Response) -> ServerError:
    """Return the error of an answer in OpenAI's shape, or of something else on the way."""
    try:
        body: Any = answer.json()
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    text = error.get("message") if isinstance(error, Mapping) else answer.reason_phrase
    hints = {
        401: ("give its key by REFLEX_API_KEY or --key-file",),
        403: ("this key may not do that",),
        413: ("let git ignore what is not source",),
    }
    return ServerError(
        f"the service answers {answer.status_code}: {text}", hints=hints.get(answer.status_code, ())
    )


def _unreachable(client: httpx2.AsyncClient, error: Exception) -> ServerError:
    return ServerError(
        f"{client.base_url} cannot be reached: {error or type(error).__name__}",
        hints=("is the service running there?",),
    )


def _retry_after(answer: httpx2.Response) -> float | None:
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "")))
    except ValueError:
        return None
