"""What is reached without any model: rustfix, and rustc's first suggestion of any kind, blindly."""

from typing import Final

from reflex_loop.diagnostics import Applicability
from reflex_loop.suggestions import candidates, together
from reflex_tiny.compiler import Compiler, Source
from reflex_tiny.items import assessment

ROUNDS: Final = 4
SAFE: Final = frozenset({Applicability.MACHINE_APPLICABLE})
ANY: Final = frozenset(Applicability)


def blindly(compiler: Compiler, path: str, source: str, wanted: frozenset[Applicability]) -> bool:
    """Return whether it compiles after the first suggestion of each of up to four rounds.

    Nothing is rolled back; in the loop, `suggestions: safe` and `verified` look before they leap.
    """
    text = source
    for number in range(ROUNDS + 1):
        ((_, code, output),) = compiler.check([Source(path=path, text=text)])
        if code == 0:
            return True
        if number == ROUNDS:
            return False
        state, shown = assessment(path, text, output, code)
        found = candidates([cause.diagnostic for cause in state.causes], wanted, shown)
        if not found:
            return False
        changed = together(found[:1], shown).changes.changes
        after = changed[0].after if changed else None
        if not after:
            return False
        text = after.decode()
    return False
