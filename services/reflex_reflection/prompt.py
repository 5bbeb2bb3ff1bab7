"""The question that a recorded reply answers, in one canonical form, and its key."""

import hashlib
import json

from reflex_reflection.bundle import ReflectionBundle
from reflex_reflection.text import collapse


def canonical_prompt(bundle: ReflectionBundle, *, topk_snippets: int, summary_tokens: int) -> str:
    """Return the prompt as JSON: sorted keys, no spaces, ASCII; white space in texts collapsed."""
    return json.dumps(
        {
            "agent": bundle.ctx.agent_id,
            "plan_reflection": bundle.plan.reflection,
            "snippets": [collapse(text) for text in bundle.snippets[:topk_snippets]],
            "summary_tokens": summary_tokens,
            "task": "reflect_summary",
            "turn": bundle.ctx.turn_id,
            "utter": collapse(bundle.utter),
            "version": 1,
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def prompt_hash(prompt: str) -> str:
    """Return the SHA-256 by which a recorded reply is found; line ends count as LF."""
    plain = prompt.replace("\r\n", "\n").replace("\r", "\n")
    return hashlib.sha256(plain.encode()).hexdigest()


def fixture_key(prompt: str) -> str:
    """Return the short form of the hash, for logs."""
    return prompt_hash(prompt)[:12]
