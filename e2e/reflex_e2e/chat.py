"""One question to an engine, as an OpenAI client asks it."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

from openai import OpenAI

from reflex_e2e.kubectl import Cluster


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back and what it cost."""

    content: str
    finish_reason: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float

    @property
    def edits(self) -> list[dict[str, Any]]:
        """The edits of a patch answer."""
        edits: list[dict[str, Any]] = json.loads(self.content)["edits"]
        return edits


def api_key(cluster: Cluster, model: str, namespace: str) -> str:
    """Return a model's API key from its owned Secret."""
    return key_in(cluster, f"{model}-keys", namespace)


def key_in(cluster: Cluster, name: str, namespace: str) -> str:
    """Return the API key in a Secret."""
    secret = cluster.get("secret", name, namespace)
    return base64.b64decode(secret["data"]["api-key"]).decode()


def ask(client: OpenAI, *, model: str, prompt: str, schema: dict[str, Any]) -> Answer:
    """Ask for a completion that the engine forces into a JSON schema."""
    start = time.monotonic()
    completion = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": prompt}],
        temperature=0,
        max_tokens=256,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "edits", "schema": schema, "strict": True},
        },
    )
    seconds = time.monotonic() - start
    usage, choice = completion.usage, completion.choices[0]
    assert usage is not None
    details = usage.prompt_tokens_details
    return Answer(
        content=choice.message.content or "",
        finish_reason=choice.finish_reason,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=(details.cached_tokens or 0) if details else 0,
        completion_tokens=usage.completion_tokens,
        seconds=seconds,
    )
