"""One training item: the question exactly as the loop asks it, and the reply that repairs.

Everything about the question comes from the loop's own code, so that a change there shows as other
prompts here (`prompts_of_the_loop` in the training index).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from reflex_bakeoff.suite.likeness import program_hash
from reflex_loop.assessment import Assessment, assess
from reflex_loop.changes import ChangeSet, FileChange
from reflex_loop.conversation import CompactConversation, Question
from reflex_loop.errors import PolicyError
from reflex_loop.policy import Policy
from reflex_loop.policy import check as check_policy
from reflex_loop.protocols import CheckReport
from reflex_loop.render_compact import line_change
from reflex_loop.rustc_json import read
from reflex_loop.settings import Renderer, Settings
from reflex_loop.snapshot import File, Snapshot, digest
from reflex_tiny.breaking import MAX_REPLACE, MAX_SEARCH, Broken
from reflex_tiny.compiler import Compiler, Source
from reflex_tiny.programs import Program

SYNTAX: Final = "syntax"
_PROPOSALS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Item:
    """A question, the reply that repairs, and where they come from.

    Attributes:
        code: of the error that is asked about; "syntax" for what has none.
        families: the bases of the program.
        program: hash of the correct program without its names and literals.
        gold_is_shown: whether every new line of the reply is in the prompt already.
    """

    path: str
    code: str
    kind: str
    families: tuple[str, ...]
    program: str
    prompt: str
    reply: str
    source: str
    gold_is_shown: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Item":
        """Return the item of a JSON object."""
        return cls(**{**value, "families": tuple(value["families"])})


def assessment(path: str, source: str, output: bytes, code: int) -> tuple[Assessment, Snapshot]:
    """Return the state that the loop sees for a workspace of one file."""
    data = source.encode()
    shown = Snapshot(files={path: File(path=path, data=data, sha256=digest(data))})
    report = CheckReport(stream=read(output), ok=code == 0)
    return assess(report, shown.lines), shown


def question(state: Assessment, shown: Snapshot) -> Question | None:
    """Return the first question of a repair with the compact renderer."""
    return CompactConversation(Settings(renderer=Renderer.COMPACT)).question(state, shown)


def reply_text(path: str, search: tuple[str, ...], replace: tuple[str, ...]) -> str:
    """Return a reply with the separators that SGLang's grammar allows in both of its modes.

    `--constrained-json-disable-any-whitespace` enforces a blank after `,` and `:`, the default
    leaves it to the model: `json.dumps` as it is satisfies both.
    """
    edit = {"path": path, "search": list(search), "replace": list(replace)}
    return json.dumps({"edits": [edit]}, ensure_ascii=False)


def item(given: Program, mistake: Broken, code: int, output: bytes) -> Item | None:
    """Return the item, or None when the question does not show the lines to be changed."""
    state, shown = assessment(given.path, mistake.source, output, code)
    asked = question(state, shown) if code else None
    if asked is None or not asked.causes:
        return None
    prompt = "".join(each.content for each in asked.messages)
    window = prompt[prompt.index("\ncode\n") :]
    visible = set(re.findall(r"^>?\d+ (\".*\")$", window, re.MULTILINE))
    wanted = [json.dumps(line, ensure_ascii=False) for line in mistake.search if line.strip()]
    if not all(line in visible for line in wanted):
        return None
    shown_text = set(re.findall(r"^[+](\".*\")$", prompt, re.MULTILINE)) | visible
    return Item(
        path=given.path,
        code=asked.causes[0].diagnostic.code or SYNTAX,
        kind=mistake.kind,
        families=given.families,
        program=program_hash(given.source()),
        prompt=prompt,
        reply=reply_text(given.path, mistake.search, mistake.replace),
        source=mistake.source,
        gold_is_shown=all(
            json.dumps(line, ensure_ascii=False) in shown_text for line in mistake.replace
        ),
    )


def shown_repair(
    found: Item, code: int, output: bytes, compiler: Compiler, *, policy: bool
) -> Item:
    """Return the item with the compiler's proposal as its reply, if that repairs all.

    For items whose original line nobody could guess (a number, a text): the prompt shows another
    line that compiles, and that is what a repair can be held to.
    """
    for search, new, source in proposals(found, code, output, policy=policy):
        ((_, verdict, _),) = compiler.check([source])
        if verdict == 0:
            return replace_in(found, search, new)
    return found


def shown_repairs(
    found: Sequence[Item | None], said: Sequence[tuple[int, bytes]], compiler: Compiler
) -> list[Item | None]:
    """Return the items as `shown_repair` would; the first proposal of each, judged at once."""
    tried: dict[int, Proposal] = {}
    for number, (one, (code, output)) in enumerate(zip(found, said, strict=True)):
        if one is not None and not one.gold_is_shown:
            usable = proposals(one, code, output, policy=True)
            if usable:
                tried[number] = usable[0]
    verdicts = compiler.check_together([source for _, _, source in tried.values()])
    repaired = list(found)
    for (number, (search, new, _)), (code, _) in zip(tried.items(), verdicts, strict=True):
        one = found[number]
        if code == 0 and one is not None:
            repaired[number] = replace_in(one, search, new)
    return repaired


Proposal = tuple[tuple[str, ...], tuple[str, ...], Source]


def proposals(found: Item, code: int, output: bytes, *, policy: bool) -> list[Proposal]:
    """Return the compiler's proposals that could be a reply: lines, new lines, what comes of it."""
    state, shown = assessment(found.path, found.source, output, code)
    lines = list(shown.lines(found.path))
    usable: list[Proposal] = []
    for suggestion in state.causes[0].diagnostic.suggestions[:_PROPOSALS]:
        change = line_change(suggestion, found.path, shown)
        if change is None:
            continue
        search, new = change
        at = [n for n in range(len(lines)) if lines[n : n + len(search)] == search]
        fits = search and len(search) <= MAX_SEARCH and len(new) <= MAX_REPLACE
        shows = all(f"+{json.dumps(line, ensure_ascii=False)}\n" in found.prompt for line in new)
        if len(at) != 1 or not fits or not shows:
            continue
        text = [*lines[: at[0]], *new, *lines[at[0] + len(search) :]]
        source = Source(path=found.path, text="\n".join(text) + "\n")
        if not policy or _allowed(found, source):
            usable.append((tuple(search), tuple(new), source))
    return usable


def _allowed(found: Item, repaired: Source) -> bool:
    """Return whether the loop's policy lets a change pass."""
    change = FileChange(
        path=found.path, before=found.source.encode(), after=repaired.text.encode(), mode=0o644
    )
    try:
        check_policy(ChangeSet(changes=(change,)), Policy())
    except PolicyError:
        return False
    return True


def replace_in(found: Item, search: tuple[str, ...], new: tuple[str, ...]) -> Item:
    """Return the item with another reply."""
    return replace(found, reply=reply_text(found.path, search, new), gold_is_shown=True)
