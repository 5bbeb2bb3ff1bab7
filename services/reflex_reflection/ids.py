"""Names of memories, of their content and of what they were made from; hashes, so reruns agree."""

import hashlib
import json

from reflex_reflection.bundle import ReflectionBundle


def memory_id(*, agent: str, turn: int, slot: int, text: str) -> str:
    """Return the id of the memory in this slot of a turn.

    >>> memory_id(agent="AgentA", turn=1, slot=0, text="alpha")
    'refl-1-AgentA-0-83965f01588e'
    """
    return f"refl-{turn}-{agent}-{slot}-{_sha256(f'{agent}|{turn}|{slot}|{text}')[:12]}"


def content_hash(text: str) -> str:
    """Return what two memories of one owner share when they say the same."""
    return _sha256(text)


def input_hash(bundle: ReflectionBundle) -> str:
    """Return the hash of all that a reflection reads, to tell later what it was made from."""
    ctx = bundle.ctx
    parts = [ctx.agent_id, ctx.turn_id, bundle.utter, list(bundle.snippets)]
    return _sha256(json.dumps(parts, separators=(",", ":")))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
