"""`make mutants`: breaks each invariant in a copy of the tree, and says which tests noticed.

Ends with 1 when a mutant survives, and with 2 when the list does not fit the code any more.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from mutants.catalogue import ROOT, CatalogueError, areas_of, read
from mutants.judging import Verdict, copied

LISTS = Path(__file__).parent
"""One folder an area."""


def main(arguments: list[str], *, root: Path = ROOT, lists: Path = LISTS) -> int:
    """Judge the chosen mutants; return the exit code."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="AREA", help="folders of tests/mutants")
    parser.add_argument("--only", default="", metavar="TEXT", help="those with this in their name")
    parser.add_argument("--list", action="store_true", help="say what there is, and break nothing")
    parser.add_argument("--why", action="store_true", help="say which test noticed, and its words")
    options = parser.parse_args(arguments)
    try:
        return _run(options, root, lists)
    except CatalogueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


def _run(options: argparse.Namespace, root: Path, lists: Path) -> int:
    only: str = options.only
    areas: list[str] = options.areas
    known = areas_of(lists)
    if unknown := sorted({*areas} - {*known}):
        raise CatalogueError(f"no area {', '.join(unknown)}: there are {', '.join(known)}")
    listed = [one for area in areas or known for one in read(lists / area)]
    chosen = [one for one in listed if only in one.invariant]
    if not chosen:
        raise CatalogueError(f"no invariant has {only!r} in its name")
    for one in chosen:
        one.mutated(root)  # all of them, before the first is tried
    if options.list:
        for one in chosen:
            _say(f"{one.invariant} ({one.source}): {one.file}")
        return 0
    began = time.monotonic()
    verdicts: Counter[Verdict] = Counter()
    with copied(root) as copy:
        copy.expect_success(chosen)
        for one in chosen:
            verdict, why = copy.judge(one)
            verdicts[verdict] += 1
            _say(f"{verdict:<9} {one.invariant} ({one.source})")
            if options.why:
                _say(f"          {why}")
    seconds = time.monotonic() - began
    survived = verdicts[Verdict.SURVIVED]
    _say(f"{len(chosen)} mutants, {survived} survived, {seconds:.0f} s")
    return 1 if survived else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
