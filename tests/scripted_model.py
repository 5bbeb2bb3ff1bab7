"""Models that follow a script: what a real one may answer, right, wrong, broken and hostile."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reflex_loop.protocols import Form, Intent, Prompt, Reply, Usage
from reflex_loop.settings import estimate_tokens

Edits = Sequence[Mapping[str, Any]]


@dataclass
class Scripted:
    """A Proposer that answers each prompt by a function of it, and remembers what it was asked.

    `seconds` is waited before each answer; `cut` says that the engine stopped at its limit.
    """

    answer: Callable[[Prompt], str]
    seconds: float = 0.0
    cut: bool = False
    prompts: list[Prompt] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    async def form(self, intent: Intent) -> Form | None:
        """Leave the form to the settings."""
        return None

    def unusable(self, reply: Reply, kind: str) -> None:
        """Remember why a reply was of no use."""
        self.refused.append(kind)

    async def propose(self, prompt: Prompt) -> Reply:
        """Return the scripted answer, with the tokens a prefix cache would have spared."""
        before = self.prompts[-1].text() if self.prompts else ""
        self.prompts.append(prompt)
        await asyncio.sleep(self.seconds)
        text, size = self.answer(prompt), estimate_tokens(prompt.text())
        cached = estimate_tokens(before) if before and prompt.text().startswith(before) else 0
        return Reply(
            text=text,
            cut=self.cut,
            answered_by="scripted",
            usage=Usage(prompt=size, cached=cached, completion=estimate_tokens(text)),
            decision={"mode": "scripted"},
        )


def always(text: str) -> Callable[[Prompt], str]:
    """Return the same answer every time."""
    return lambda prompt: text


def in_turn(*texts: str) -> Callable[[Prompt], str]:
    """Return the answers in turn, by attempt, and again from the first."""
    return lambda prompt: texts[(prompt.attempt - 1) % len(texts)]


def patch(*edits: Mapping[str, Any]) -> str:
    """Return the reply that makes these edits."""
    return json.dumps({"edits": list(edits)})


def wrong(edits: Edits) -> list[dict[str, Any]]:
    """Return edits that fit the files, and make things no better: each adds a call of nothing."""
    found = []
    for edit in edits:
        if edit.get("op") in ("create", "rename"):
            line = "pub fn zz_wrong() { zz_nothing(); }"
            found.append({"path": "src/zz.rs", "op": "create", "search": [], "replace": [line]})
        else:
            search = list(edit["search"])
            line = "// nothing is better by this line"
            found.append({"path": edit["path"], "search": search, "replace": [line, *search]})
    return found


def fenced(text: str) -> str:
    """Return the answer as chat models like to write it."""
    return f"```json\n{text}\n```"


HOSTILE_PATHS = (
    "../outside.rs",
    "/etc/cron.d/reflex.rs",
    "src/../../outside.rs",
    ".git/hooks/pre-commit",
    ".cargo/config.toml",
    "build.rs",
    "Cargo.toml",
    "src\\lib.rs",
    "C:/src/lib.rs",
    "target/debug/lib.rs",
    "src/lib.rs\u0000.txt",
    "rust-toolchain.toml",
    "notes.txt",
)


def hostile(path: str) -> str:
    """Return a reply that wants to write outside of what it may."""
    edit = {"path": path, "op": "create", "search": [], "replace": ["pwned"]}
    return patch(edit)
