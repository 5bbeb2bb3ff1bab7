"""What the cache proof asks of an SGLang engine, over HTTP."""

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import aiohttp

from reflex_api.items import CacheRequest
from reflex_bakeoff.errors import CacheProbeError
from reflex_bakeoff.speed.stream import Usage, read_line

_SAMPLE: Final = re.compile(r"^([a-z_:]+)(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Of the engine's cache, in tokens."""

    page_size: int
    tokens: int


class CacheEngine:
    """One engine; keys are sent and kept nowhere else."""

    def __init__(
        self, root: str, model: str, *, api_key: str = "", admin_key: str = "",
        seconds: float = 120.0,
    ) -> None:  # fmt: skip
        """Open no connection yet.

        Args:
            root: base URL without `/v1`.
            model: served name.
            api_key: for generations and `/server_info`.
            admin_key: for `/flush_cache`; default: the API key.
            seconds: for one request.
        """
        self._root = root.rstrip("/")
        self._model = model
        self._key = api_key
        self._admin = admin_key or api_key
        self._limit = aiohttp.ClientTimeout(total=seconds)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._limit, trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def complete(self, prompt: str, *, tokens: int = 1) -> CacheRequest:
        """Continue a text as it is: the head of a chat template would be shared by all."""
        return await self._timed(
            "/v1/completions", {"prompt": prompt, "max_tokens": tokens, "ignore_eos": True}
        )

    async def chat(
        self, messages: Sequence[Mapping[str, str]], *, tokens: int = 16,
        schema: Mapping[str, Any] | None = None,
    ) -> CacheRequest:  # fmt: skip
        """Ask as production does."""
        body: dict[str, Any] = {"messages": list(messages), "max_tokens": tokens}
        if schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "patch", "schema": dict(schema), "strict": True},
            }
        return await self._timed("/v1/chat/completions", body)

    async def flush(self) -> bool:
        """Empty the cache; False while requests run (SGLang answers 400)."""
        async with self._open.post(
            f"{self._root}/flush_cache", headers=_bearer(self._admin)
        ) as reply:
            if reply.status in {401, 403}:
                raise CacheProbeError("/flush_cache: the admin key is missing or wrong")
            return reply.status == 200

    async def capacity(self) -> Capacity:
        """Return the page size and the tokens that the cache holds.

        Raises:
            CacheProbeError: the engine does not say.
        """
        async with self._open.get(f"{self._root}/server_info", headers=_bearer(self._key)) as reply:
            body = await reply.json() if reply.status == 200 else {}
        page, tokens = body.get("page_size"), body.get("max_total_num_tokens")
        if not isinstance(tokens, int):
            states = body.get("internal_states") or [{}]
            tokens = (states[0].get("memory_usage") or {}).get("token_capacity")
        if not isinstance(page, int) or not isinstance(tokens, int):
            raise CacheProbeError(
                "/server_info gives no page_size and max_total_num_tokens: is this SGLang 0.5 or"
                " later, and is the API key right?"
            )
        return Capacity(page_size=page, tokens=tokens)

    async def counter(self, name: str) -> int | None:
        """Return a counter over all its labels; None when the engine shows no metrics.

        A counter with labels does not appear before its first count, which is no absence. Its
        sources do not overlap: SGLang 0.5 counts a request either by source or as `total`.
        """
        async with self._open.get(f"{self._root}/metrics", headers=_bearer(self._key)) as reply:
            text = await reply.text() if reply.status == 200 else ""
        found = [float(value) for sample, value in _SAMPLE.findall(text) if sample == name]
        return int(sum(found)) if "sglang:" in text else None

    async def counter_reaches(self, name: str, wanted: int, seconds: float = 5.0) -> int | None:
        """Return a counter, at the latest after `seconds`: it is raised after an answer's end."""
        deadline = time.monotonic() + seconds
        while True:
            value = await self.counter(name)
            if value is None or value >= wanted or time.monotonic() >= deadline:
                return value
            await asyncio.sleep(0.1)

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise CacheProbeError("the engine is used outside of its `async with`")
        return self._session

    async def _timed(self, path: str, body: Mapping[str, Any]) -> CacheRequest:
        """Send one request and return its counts and its time to the first token."""
        whole = {
            "model": self._model,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            **body,
        }
        begin = time.monotonic()
        first: float | None = None
        usage = Usage()
        try:
            async with self._open.post(
                f"{self._root}{path}", json=whole, headers=_bearer(self._key)
            ) as reply:
                if reply.status != 200:
                    said = (await reply.text())[:200]
                    raise CacheProbeError(f"{path} answered {reply.status}: {said}")
                async for line in reply.content:
                    now = time.monotonic()
                    event = read_line(line)
                    if event is None:
                        continue
                    if event.fault:
                        raise CacheProbeError(f"{path}: {event.fault}")
                    if first is None and (event.visible or event.reasoning or event.finish):
                        first = now - begin
                    usage = event.usage or usage
        except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError) as error:
            raise CacheProbeError(f"{path}: {type(error).__name__}: {error}") from None
        if first is None or not usage.prompt_tokens:
            raise CacheProbeError(f"{path}: the answer is empty, or has no token counts")
        return CacheRequest(
            prompt_tokens=usage.prompt_tokens, cached_tokens=usage.cached_tokens, ttft=first
        )


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}
