"""What of a conversation is kept in decision records, with secrets and personal data removed.

The hashes are always kept: they tell whether two calls were the same and hold nothing readable.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class CaptureMode(StrEnum):
    """How much is kept."""

    NONE = "none"
    PROMPTS_ONLY = "prompts_only"
    FULL_IO = "full_io"


@dataclass(frozen=True, kw_only=True)
class RedactionRule:
    """What is removed besides well-known key formats and the keys in use."""

    emails: bool = True
    env_names: tuple[str, ...] = ("*_KEY", "*_SECRET", "*_TOKEN", "*_PASSWORD")
    """Names whose assigned values are removed: `NAME=value`, `NAME: value`, `"NAME": "value"`."""
    paths: tuple[str, ...] = ("/home/*", "/root", "/Users/*")
    """Folders whose names tell who somebody is; `*` is one name. What is below stays readable."""
    patterns: tuple[str, ...] = ()
    """Further regular expressions."""


@dataclass(frozen=True, kw_only=True)
class Captured:
    """What is kept of one call."""

    mode: CaptureMode
    prompt_hash: str = ""
    response_hash: str = ""
    prompt: str | None = None
    response: str | None = None
    redactions: int = 0
    """Places where something was removed."""

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "mode": self.mode.value,
            "promptHash": self.prompt_hash,
            "responseHash": self.response_hash,
            "prompt": self.prompt,
            "response": self.response,
            "redactions": self.redactions,
        }


_START: Final = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))"
"""Where a word may begin; text that holds escaped JSON has `\\n` right before one."""
_KNOWN: Final = (
    ("key", ("sk-", "pk-", "rk-"), r"(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"),
    (
        "key",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}",
    ),
    ("key", ("hf_",), r"hf_[A-Za-z0-9]{16,}"),
    ("key", ("glpat-",), r"glpat-[A-Za-z0-9_-]{16,}"),
    ("key", ("xox",), r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("key", ("AKIA", "ASIA"), r"(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("key", ("AIza",), r"AIza[A-Za-z0-9_-]{30,}"),
    ("token", ("eyJ",), r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    ("token", ("earer", "asic"), r"(?:[Bb]earer|[Bb]asic)\s+[A-Za-z0-9._~+/=-]{12,}"),
)
_PRIVATE_KEY: Final = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
_IN_URL: Final = r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"
_EMAIL: Final = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b"
_VALUE: Final = r"(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;]+)"


@dataclass(frozen=True)
class _Step:
    """One replacement; only tried where one of the needles occurs, which is much cheaper."""

    needles: tuple[str, ...]
    pattern: re.Pattern[str]
    put: str


class Redactor:
    """Removes secrets from text; made once from the configuration."""

    def __init__(self, rule: RedactionRule, *, secrets: Iterable[str] = ()) -> None:
        """Take the rule, and the secrets in use, which are removed wherever they stand.

        Raises:
            re.error: a pattern of the rule is no regular expression.
        """
        exact = sorted({secret for secret in secrets if len(secret) >= 8}, key=len, reverse=True)
        self._steps = [
            *(_step("key", (secret,), re.escape(secret)) for secret in exact),
            _step("private-key", ("PRIVATE KEY",), _PRIVATE_KEY),
            *(_step(name, needles, f"{_START}(?:{text})") for name, needles, text in _KNOWN),
            _step("password", ("://",), _IN_URL),
            *(_step("removed", ("",), pattern) for pattern in rule.patterns),
            *([_step("email", ("@",), _START + _EMAIL)] if rule.emails else []),
            *_assignments(rule.env_names),
            *(
                _step("path", (path.split("*")[0].rstrip("/"),), _folder(path))
                for path in rule.paths
            ),
        ]

    def redact(self, text: str) -> tuple[str, int]:
        """Return the text without secrets, and the number of places changed."""
        total = 0
        for step in self._steps:
            if any(needle in text for needle in step.needles):
                text, count = step.pattern.subn(step.put, text)
                total += count
        return text, total


@dataclass(frozen=True, kw_only=True)
class Capture:
    """Keeps what the mode allows."""

    mode: CaptureMode
    redactor: Redactor
    max_bytes: int = 65536
    """Of each of prompt and response; the rest is cut off after redaction."""

    def take(self, messages: Sequence[Any], response: str | None) -> Captured:
        """Return what is kept of one call; `response` is None when there was none."""
        sent = _canonical(messages)
        prompt = answer = None
        redactions = 0
        if self.mode is not CaptureMode.NONE:
            clean, redactions = self._clean(messages)
            prompt = self._cut(_canonical(clean))
        if self.mode is CaptureMode.FULL_IO and response is not None:
            answer, count = self.redactor.redact(response)
            answer = self._cut(answer)
            redactions += count
        return Captured(
            mode=self.mode,
            prompt_hash=_sha256(sent),
            response_hash="" if response is None else _sha256(response),
            prompt=prompt,
            response=answer,
            redactions=redactions,
        )

    def _clean(self, value: Any) -> tuple[Any, int]:  # noqa: ANN401 - any JSON
        """Redact each string by itself: in encoded JSON a newline would glue words together."""
        if isinstance(value, str):
            return self.redactor.redact(value)
        if isinstance(value, Mapping):
            pairs = {key: self._clean(one) for key, one in value.items()}
            counts = sum(count for _, count in pairs.values())
            return {key: one for key, (one, _) in pairs.items()}, counts
        if isinstance(value, list | tuple):
            parts = [self._clean(one) for one in value]
            return [one for one, _ in parts], sum(count for _, count in parts)
        return value, 0

    def _cut(self, text: str) -> str:
        data = text.encode("utf-8", "replace")
        if len(data) <= self.max_bytes:
            return text
        return data[: self.max_bytes].decode("utf-8", "ignore") + "…"


def _canonical(value: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _step(name: str, needles: tuple[str, ...], pattern: str) -> _Step:
    return _Step(needles, re.compile(pattern, re.DOTALL), f"[{name}]")


def _assignments(names: Sequence[str]) -> list[_Step]:
    if not names:
        return []
    words = "|".join(re.escape(name).replace(r"\*", r"[A-Za-z0-9_]*") for name in names)
    needles = tuple(max(name.split("*"), key=len) for name in names)
    # Inside captured JSON a quote is escaped; the backslash belongs to the separator.
    head = rf"((?<![A-Za-z0-9_])(?:{words})\\?[\"']?\s*[=:]\s*\\?)"
    pattern = re.compile(head + rf"(?:\"[^\"\\\n]*\\?\"?|{_VALUE})")
    return [_Step(needles, pattern, r"\1[value]")]


def _folder(path: str) -> str:
    return re.escape(path.rstrip("/")).replace(r"\*", r"[^/\s\"']+") + r"(?![^/\s\"'`,;:)\]])"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
