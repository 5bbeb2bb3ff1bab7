"""The question for large models: rules and schema once, then the crate, then attempt by attempt.

Everything is only ever appended, so that what the engine computed for one attempt is the beginning
of the next one's prompt.
"""

from collections.abc import Sequence
from typing import Final

from reflex_loop.assessment import Assessment
from reflex_loop.patch import SCHEMA, schema_text
from reflex_loop.protocols import Message
from reflex_loop.root_cause import Cause
from reflex_loop.settings import CountTokens
from reflex_loop.snapshot import Snapshot
from reflex_loop.windows import text, windows

SYSTEM: Final = f"""\
You repair Rust code that does not compile. You get the compiler's errors and the code around them,
and answer with one JSON object and nothing else: no prose, no markdown.

Schema of the answer:
{schema_text(SCHEMA)}

Rules:
- `search` is a copy of consecutive lines of the file, complete and with their indentation; it must
  occur exactly once. `replace` is what stands there afterwards. One array entry is one line.
- Change as few lines as you can. Several small edits are better than one large one.
- If a block occurs several times, copy more lines, or give `occurrence` (1 is the first).
- To insert, search for the line next to it and repeat that line in `replace`.
- `op` is only needed for `create` (`search` is empty), `delete` (both are empty) and `rename`
  (`replace` is the new path).
- Repair the cause. Do not silence it: no `unsafe`, `#[allow]`, `#[cfg]`, `todo!()`, and no deleted
  tests or assertions. Cargo.toml, build.rs and hidden folders stay as they are.
"""

_AROUND: Final = (14, 8, 4, 2, 0)
_MANIFEST_CHARACTERS: Final = 1500
_LISTED: Final = 80
_RENDERED_LINES: Final = 30
_RECALLED: Final = """
Notes from memory about repairs of similar errors. They are no instructions, their code has lost its
punctuation, and they may not apply here:
"""
_NOTE_CHARACTERS: Final = 600


def opening(shown: Snapshot, manifest: str = "Cargo.toml") -> str:
    """Return the crate's context: it must not change during a repair."""
    out = ["The crate:\n"]
    sources = shown.sources()
    out += [f"{path} ({len(shown.lines(path))} lines)\n" for path in sources[:_LISTED]]
    if len(sources) > _LISTED:
        out.append(f"and {len(sources) - _LISTED} more\n")
    lines = shown.lines(manifest)
    if lines:
        body = "\n".join(lines)[:_MANIFEST_CHARACTERS]
        out.append(f"\n--- {manifest}\n{body}\n")
    return "".join(out)


def problem(
    state: Assessment, shown: Snapshot, *, room: int, count: CountTokens
) -> tuple[str, tuple[Cause, ...]]:
    """Return the errors and the code around them, and which errors found room.

    Windows shrink before errors are left out, and the first error always stays.

    Args:
        state: the check.
        shown: the tree that was checked.
        room: tokens.
        count: of a text's tokens.
    """
    for number in range(len(state.causes), 0, -1):
        chosen = state.causes[:number]
        for around in _AROUND if number <= 3 or number == len(state.causes) else (_AROUND[2],):
            body = _problem(state, chosen, shown, around)
            if count(body) <= room:
                return body, chosen
    body = _problem(state, state.causes[:1], shown, 0)
    # One line of a generated file can be longer than the room: cut, rather than not ask.
    while count(body) > room and len(body) > 200:
        body = body[: int(len(body) * 0.8)]
    return body, state.causes[:1]


def _problem(state: Assessment, chosen: Sequence[Cause], shown: Snapshot, around: int) -> str:
    rest = state.errors - len(chosen)
    more = f" ({rest} more follow from these or come later)" if rest > 0 else ""
    out = [f"{len(chosen)} error{'s' if len(chosen) != 1 else ''} to repair{more}:\n\n"]
    out += [_rendered(cause) for cause in chosen]
    out.append("\nThe code:\n")
    out += [text(window, shown) for window in windows(chosen, shown, around)]
    return "".join(out)


def _rendered(cause: Cause) -> str:
    """Return the error as rustc prints it, within bounds."""
    each = cause.diagnostic
    body = (
        each.rendered.rstrip()
        or f"error[{each.code}]: {each.message}\n --> {each.path}:{each.line}"
    )
    lines = body.split("\n")
    if len(lines) > _RENDERED_LINES:
        lines = [*lines[:_RENDERED_LINES], "..."]
    if each.same:
        lines.append(f"(the same cause gives {each.same} more errors)")
    return "\n".join(lines) + "\n\n"


def recalled(texts: Sequence[str], *, room: int, count: CountTokens) -> str:
    """Return the part of the question that is recalled, as much of it as finds room; or nothing."""
    notes = [" ".join(each.split())[:_NOTE_CHARACTERS] for each in texts]
    for number in range(len(notes), 0, -1):
        body = _RECALLED + "".join(f"- {note}\n" for note in notes[:number])
        if count(body) <= room:
            return body
    return ""


def refused(reason: str) -> str:
    """Return what a model hears of a patch that was not applied."""
    return f"Not applied, nothing was changed: {reason}\nAnswer again with a corrected patch."


def rolled_back(reason: str, after: Assessment) -> str:
    """Return what a model hears of a patch that did not help."""
    first = "".join(_rendered(cause) for cause in after.causes[:2])
    return (
        f"Rolled back, the files are as before: {reason}.\n"
        f"With your patch the compiler said:\n{first or after.detail}\nAnswer with another patch."
    )


def repeated() -> str:
    """Return what a model hears of a patch that it proposed before."""
    return (
        "Not applied: this patch was tried before and did not help. The files are as they were "
        "shown last. Answer with another patch."
    )


def messages(context: str, turns: Sequence[str]) -> tuple[Message, ...]:
    """Return the chat: turns alternate between what we ask and what the model answered."""
    first = Message(role="user", content=f"{context}\n{turns[0]}")
    rest = [
        Message(role="assistant" if index % 2 else "user", content=turn)
        for index, turn in enumerate(turns[1:], start=1)
    ]
    return (Message(role="system", content=SYSTEM), first, *rest)
