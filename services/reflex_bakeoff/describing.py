"""What this harness declares about itself: the part of the evidence key that no model decides."""

import hashlib
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

from reflex_api.evidence import Sampling
from reflex_api.harness import Harness
from reflex_bakeoff import HARNESS_VERSION
from reflex_bakeoff.suite.suite import MANIFEST, load_suite
from reflex_loop import (
    conversation,
    patch,
    planning,
    policy,
    render_compact,
    render_full,
    root_cause,
    windows,
)
from reflex_loop.patch import COMPACT_SCHEMA, SCHEMA, schema_text

TRIES: Final = 3
MOST_REPLY_TOKENS: Final = 8192
_ASKING: Final[tuple[ModuleType, ...]] = (
    conversation, render_compact, render_full, root_cause, windows,
)  # fmt: skip
_READING: Final[tuple[ModuleType, ...]] = (patch, planning, policy)


def harness(suites: Path, *, rustc: str) -> Harness:
    """Return the declaration for the operator (`REFLEX_HARNESS`).

    Prompts are declared by the source of what writes them and of what reads replies: a sample of
    questions would miss the changes that it does not show.

    Args:
        suites: folder of suites, one folder each; it may be missing.
        rustc: what `rustc --version` says where items are compiled; empty: not known.

    Raises:
        SuiteError: a suite there cannot be used.
    """
    found = sorted(suites.glob(f"*/{MANIFEST}")) if suites.is_dir() else []
    loaded = [load_suite(path.parent) for path in found]
    sources = "\0".join(inspect.getsource(module) for module in (*_ASKING, *_READING))
    schemas = "\0".join(schema_text(schema) for schema in (SCHEMA, COMPACT_SCHEMA))
    return Harness(
        suites={suite.name: suite.digest for suite in loaded},
        prompt_digest=_digest(sources),
        schema_digest=_digest(schemas),
        rustc=rustc or "none",
        harness_version=HARNESS_VERSION,
        sampling=Sampling(max_tokens=MOST_REPLY_TOKENS, tries=TRIES),
    )


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


if __name__ == "__main__":
    # Where the measuring half's libraries are absent: the operator's image asks while it is built.
    sys.stdout.write(harness(Path(sys.argv[1]), rustc="").model_dump_json(by_alias=True) + "\n")
