"""A simulated engine in a process of its own: answers like SGLang, and logs the truth.

A word `case:…` in the prompt says how it behaves. Each answer's truth, on the system's monotonic
clock, is a
line of the log: when the request was read, when each chunk was written, how many tokens it held.
The cache is simulated, too: words are tokens, prefixes are kept by whole pages, oldest out first.
"""

import argparse
import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

PAGE = 16


@dataclass(kw_only=True)
class Engine:
    log: Path
    first: float = 0.02
    per_uncached: float = 0.0
    between: float = 0.003
    capacity: int = 4096
    """Tokens that the simulated cache holds."""
    reports: bool = True
    lies: bool = False
    """It reports hits that it does not have."""
    pages: OrderedDict[str, None] = field(default_factory=OrderedDict)
    cached_total: int = 0
    evicted_total: int = 0
    running: int = 0
    stalled_until: float = 0.0
    tokens: int = 24
    answers: list[tuple[str, str]] = field(default_factory=list)
    """What is answered to a prompt with this text in it; else some words."""

    def look_up(self, words: list[str], namespace: str) -> int:
        """Return how many tokens are cached, and cache the rest."""
        digest, hits, hitting = hashlib.sha256(namespace.encode()), 0, True
        for start in range(0, len(words) - len(words) % PAGE, PAGE):
            digest.update(" ".join(words[start : start + PAGE]).encode())
            name = digest.hexdigest()
            hitting = hitting and name in self.pages
            hits += PAGE if hitting else 0
            self.pages[name] = None
            self.pages.move_to_end(name)
        while len(self.pages) * PAGE > self.capacity:
            self.pages.popitem(last=False)
            self.evicted_total += PAGE
        return min(hits, len(words) - 1) // PAGE * PAGE

    def write(self, truth: dict[str, Any]) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(truth) + "\n")


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "text": delta.get("content", ""), "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


async def chat(request: web.Request) -> web.StreamResponse:
    engine: Engine = request.app["engine"]
    body = json.loads(await request.read())
    read_at = time.monotonic()
    if "prompt" in body:
        body["messages"] = [{"role": "user", "content": body["prompt"]}]
    prompt = body["messages"][-1]["content"]
    case = next((word[5:] for word in prompt.split() if word.startswith("case:")), "plain")
    number = int(prompt.split()[-1]) if prompt.split()[-1].isdigit() else 0
    truth: dict[str, Any] = {"case": case, "prompt": prompt[:64], "read": read_at, "written": []}
    if case == "w5":
        case = {1: "error", 2: "reset", 3: "empty", 4: "cut"}.get(number % 10, "plain")
    if case == "error":
        engine.write({**truth, "case": case})
        return web.json_response({"error": {"message": "simulated"}}, status=500)
    engine.running += 1
    try:
        return await _stream(engine, request, body, case, number, truth)
    except ConnectionResetError:  # the client left
        return web.Response()
    finally:
        engine.running -= 1
        engine.write(truth)


async def _stream(
    engine: Engine, request: web.Request, body: dict[str, Any], case: str, number: int,
    truth: dict[str, Any],
) -> web.StreamResponse:  # fmt: skip
    usage: dict[str, Any]
    words = " ".join(message["content"] for message in body["messages"]).split()
    cached = engine.look_up(words, str(body.get("cache_salt", "")))
    engine.cached_total += 0 if engine.lies else cached
    told = len(words) // 2 // PAGE * PAGE if engine.lies else cached
    tokens = min(engine.tokens, body.get("max_tokens", engine.tokens))
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b": simulated\n\n" + chunk({"role": "assistant", "content": ""}))
    if case == "empty":
        await response.write(b"data: [DONE]\n\n")
        return response
    if case == "w7" and number == 3:
        engine.stalled_until = time.monotonic() + 0.8
    await asyncio.sleep(max(0.0, engine.stalled_until - time.monotonic()))
    if case == "silent":
        await asyncio.sleep(30)
    await asyncio.sleep(engine.first + engine.per_uncached * (len(words) - cached))
    asked = "\n".join(message["content"] for message in body["messages"])
    if reply := next((text for needle, text in engine.answers if needle in asked), ""):
        usage = {"prompt_tokens": len(words), "completion_tokens": len(reply.split())}
        await response.write(chunk({"content": reply}) + chunk({}, "stop"))
        await response.write(f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response
    size = {"w3": 4, "burst": tokens}.get(case, 1)
    reasoning = tokens // 2 if case == "w4" else 0
    for done in range(0, tokens, size):
        if done:
            await asyncio.sleep(engine.between * size)
        if case == "reset" and done >= tokens // 2:
            assert request.transport is not None
            request.transport.abort()
            return response
        key = "reasoning_content" if done < reasoning else "content"
        if case == "garbled" and done >= tokens // 2:
            await response.write(b"data: {not json\n\n")
            return response
        truth["written"].append([time.monotonic(), size])
        await response.write(chunk({key: "x " * size}))
    usage = {"prompt_tokens": len(words), "completion_tokens": tokens}
    if engine.reports:
        usage["prompt_tokens_details"] = {"cached_tokens": told}
    if case != "cut":
        await response.write(chunk({}, "stop"))
    if case != "w8":
        await response.write(f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    return response


async def flush(request: web.Request) -> web.Response:
    engine: Engine = request.app["engine"]
    if engine.running:
        return web.Response(status=400, text="requests are running")
    engine.pages.clear()
    return web.Response(text="Cache flushed.")


async def metrics(request: web.Request) -> web.Response:
    engine: Engine = request.app["engine"]
    return web.Response(
        text="# TYPE sglang:cached_tokens_total counter\n"
        'sglang:cached_tokens_total{cache_source="device",model_name="m"}'
        f" {engine.cached_total}.0\n"
        "# TYPE sglang:evicted_tokens_total counter\n"
        + f'sglang:evicted_tokens_total{{model_name="m"}} {engine.evicted_total}.0\n'
        * bool(engine.evicted_total)
    )


async def server_info(request: web.Request) -> web.Response:
    engine: Engine = request.app["engine"]
    return web.json_response({"page_size": PAGE, "max_total_num_tokens": engine.capacity})


async def serve(engine: Engine) -> None:
    app = web.Application(client_max_size=64 * 2**20)
    app["engine"] = engine
    app.add_routes(
        [
            web.post("/v1/chat/completions", chat),
            web.post("/v1/completions", chat),
            web.post("/flush_cache", flush),
            web.get("/metrics", metrics),
            web.get("/server_info", server_info),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    print(runner.addresses[0][1], flush=True)  # noqa: T201
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--per-uncached", type=float, default=0.0)
    parser.add_argument("--capacity", type=int, default=4096)
    parser.add_argument("--no-report", action="store_true")
    parser.add_argument("--lies", action="store_true")
    parser.add_argument("--answers", type=Path, help="JSON: pairs of a text in the prompt, a reply")
    chosen = parser.parse_args()
    engine = Engine(
        log=chosen.log,
        per_uncached=chosen.per_uncached,
        capacity=chosen.capacity,
        reports=not chosen.no_report,
        lies=chosen.lies,
        answers=json.loads(chosen.answers.read_text()) if chosen.answers else [],
    )
    asyncio.run(serve(engine))


if __name__ == "__main__":
    main()
