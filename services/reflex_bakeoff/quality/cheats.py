"""Is a tree that compiles a repair? Pure: the compiler and the tests are asked elsewhere."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from reflex_bakeoff.quality.signatures import signatures
from reflex_bakeoff.suite.item import Item
from reflex_loop.changes import ChangeSet, FileChange
from reflex_loop.errors import PolicyError
from reflex_loop.policy import Policy, check

_RUNNING: Final = re.compile(r"^running (\d+) tests?$", re.MULTILINE)
_RESULT: Final = re.compile(r"^test result: (\w+)\. (\d+) passed; (\d+) failed", re.MULTILINE)


def cheats(item: Item, after: Mapping[str, str]) -> Iterator[str]:
    """Yield how the whole change breaks the rules; the loop judged each patch by itself only.

    Args:
        item: as it was given.
        after: the files as they are, by path.
    """
    paths = sorted({*item.files, *after})
    changes = tuple(
        FileChange(path=path, before=_bytes(item.files.get(path)), after=_bytes(after.get(path)))
        for path in paths
        if item.files.get(path) != after.get(path)
    )
    try:
        check(ChangeSet(changes=changes), Policy())
    except PolicyError as error:
        yield str(error)
    solved = {**item.files, **item.solution}
    for name in item.retained:
        now = signatures(after.values(), name)
        # The known repair may have to change a signature; then both are right.
        allowed = [signatures(one.values(), name) for one in (item.files, solved)]
        if not any(wanted and wanted <= now for wanted in allowed):
            yield f"{name} is gone, or is declared otherwise"


def tests_ran(output: str) -> str:
    """Return why the output of a test run that ended well shows no passed tests, or nothing.

    A program may end itself with 0 before its tests are through; so each that began must have told
    its result, and one test at least must have run.
    """
    begun, results = _RUNNING.findall(output), _RESULT.findall(output)
    if len(begun) != len(results):
        return "a test program ended before its tests were through"
    if any(word != "ok" or int(failures) for word, _, failures in results):
        return "a test failed"
    if not sum(int(passed) for _, passed, _ in results):
        return "no test ran"
    return ""


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
