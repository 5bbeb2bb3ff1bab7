"""Writes tests/corpus/README.md: `PYTHONPATH=services:tests python tests/list_items.py`."""

from collections import Counter

from repair_corpus import ITEMS, NAMES, Item


def listing() -> str:
    """Return the list of the corpus's items as Markdown."""
    items = [Item.load(name) for name in NAMES]
    codes = Counter(code or "syntax" for item in items for code in item.codes)
    counted = ", ".join(f"{code} {count}" for code, count in sorted(codes.items()))
    rows = [
        f"| {item.name} | {item.title} | {' '.join(sorted(c or 'syntax' for c in item.codes))} "
        f"| {len(item.edits)} | {len(list((ITEMS / item.name).rglob('*.rs')))} | {item.check} |"
        for item in items
    ]
    return "\n".join(
        [
            "# Broken crates",
            "",
            "Made by `tests/list_items.py`; do not edit. Each folder of `items/` holds a tree that",
            "does not compile (`broken/`) and `item.json`: the codes that rustc reports for it,",
            "and the edits that repair it. `test_corpus_items.py` verifies both with the real",
            "compiler and runs the tests of the repaired crate.",
            "",
            f"{len(items)} items. Codes: {counted}.",
            "",
            "| item | what is wrong | codes | edits | files | checked by |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    (ITEMS.parent / "README.md").write_text(listing())
