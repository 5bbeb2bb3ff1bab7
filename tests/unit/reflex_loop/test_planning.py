"""The dry run: documents against files, without a disk."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reflex_loop.changes import ChangeSet, file_diff, opcodes
from reflex_loop.errors import (
    EditConflictError,
    EditTargetError,
    PolicyError,
    SearchAmbiguousError,
    SearchNotFoundError,
)
from reflex_loop.patch import PatchDocument
from reflex_loop.planning import plan
from reflex_loop.snapshot import File, Snapshot, digest

ONE = b"fn one() {\n    a();\n    b();\n    a();\n}\n"


def shown(**files: bytes) -> Snapshot:
    """A snapshot; `src__a` stands for src/a.rs."""
    found = {}
    for name, data in files.items():
        path = name.replace("__", "/") + ".rs"
        found[path] = File(path=path, data=data, sha256=digest(data), mode=0o640)
    return Snapshot(files=found)


def edit(path: str, search: list[str], replace: list[str], **more: Any) -> dict[str, Any]:
    return {"path": path, "search": search, "replace": replace, **more}


def planned(snapshot: Snapshot, *edits: dict[str, Any]) -> ChangeSet:
    return plan(PatchDocument.model_validate({"edits": list(edits)}), snapshot)


def after(changes: ChangeSet) -> dict[str, bytes | None]:
    return {each.path: each.after for each in changes.changes}


def test_every_edit_is_bound_to_the_hash_of_what_was_shown() -> None:
    changes = planned(shown(src__a=ONE), edit("src/a.rs", ["    b();"], ["    c();"]))
    document = json.loads(changes.document)

    assert document["version"] == 1
    assert document["edits"][0]["base_sha256"] == digest(ONE)
    assert document["edits"][0] | {"level": "exact", "line": 3} == document["edits"][0]
    assert changes.changes[0].mode == 0o640


def test_several_edits_of_a_file_do_not_move_each_other() -> None:
    changes = planned(
        shown(a=ONE),
        edit("a.rs", ["    b();"], ["    b1();", "    b2();"]),
        edit("a.rs", ["fn one() {"], ["/// One.", "fn one() {"]),
        edit("a.rs", ["    a();"], [], occurrence=2),
    )
    assert after(changes)["a.rs"] == b"/// One.\nfn one() {\n    a();\n    b1();\n    b2();\n}\n"


def test_the_same_edit_twice_counts_once() -> None:
    twice = edit("a.rs", ["    b();"], ["    c();"])
    assert after(planned(shown(a=ONE), twice, twice))["a.rs"] == ONE.replace(b"b", b"c")


def test_edits_of_the_same_lines_are_refused() -> None:
    with pytest.raises(EditConflictError, match=r"edit 2, a.rs: .*same lines \(3\)"):
        planned(
            shown(a=ONE),
            edit("a.rs", ["    b();"], ["    c();"]),
            edit("a.rs", ["    b();", "    a();"], []),
        )


def test_an_edit_is_looked_for_in_the_file_as_shown() -> None:
    with pytest.raises(SearchNotFoundError, match=r"edit 2"):
        planned(
            shown(a=ONE),
            edit("a.rs", ["    b();"], ["    fresh();"]),
            edit("a.rs", ["    fresh();"], ["    c();"]),
        )


def test_one_ambiguous_edit_refuses_the_document() -> None:
    with pytest.raises(SearchAmbiguousError, match=r"edit 2, a.rs.*at lines 2 .*, 4 "):
        planned(
            shown(a=ONE),
            edit("a.rs", ["    b();"], ["    c();"]),
            edit("a.rs", ["    a();"], ["    c();"]),
        )


def test_a_patch_that_is_there_already_changes_nothing() -> None:
    changes = planned(shown(a=ONE), edit("a.rs", ["fn once() {"], ["fn one() {"]))
    assert not changes
    assert changes.edits[0].level == "already_applied"


def test_files_are_created_deleted_and_renamed() -> None:
    changes = planned(
        shown(src__a=ONE, src__b=b"gone\n"),
        edit("src/new/c.rs", [], ["pub mod d;"], op="create"),
        edit("src/b.rs", [], [], op="delete"),
        edit("src/a.rs", [], ["src/moved.rs"], op="rename"),
    )
    assert after(changes) == {
        "src/new/c.rs": b"pub mod d;\n",
        "src/b.rs": None,
        "src/a.rs": None,
        "src/moved.rs": ONE,
    }
    assert changes.moved == {"src/moved.rs": "src/a.rs"}


def test_a_file_is_edited_and_renamed_in_one_document() -> None:
    changes = planned(
        shown(a=ONE),
        edit("a.rs", ["    b();"], ["    c();"]),
        edit("a.rs", [], ["b.rs"], op="rename"),
    )
    assert after(changes) == {"a.rs": None, "b.rs": ONE.replace(b"b", b"c")}


def test_creating_what_is_there_with_the_same_text_is_a_success() -> None:
    lines = ONE.decode().split("\n")[:-1]
    assert not planned(shown(a=ONE), edit("a.rs", [], lines, op="create"))


@pytest.mark.parametrize(
    ("edits", "error"),
    [
        ([edit("x.rs", ["a"], ["b"])], EditTargetError),
        ([edit("a.rs", [], ["b"], op="create")], EditTargetError),
        ([edit("x.rs", [], [], op="delete")], EditTargetError),
        ([edit("a.rs", [], [], op="rename")], EditTargetError),
        ([edit("a.rs", [], ["b.rs"], op="rename")], EditTargetError),
        ([edit("a.rs", [], [], op="delete")] * 2, EditConflictError),
        (
            [edit("a.rs", ["    b();"], ["c"]), edit("a.rs", [], [], op="delete")],
            EditConflictError,
        ),
        ([edit("x.rs", [], ["a"], op="create")] * 2, EditConflictError),
        ([edit("a.rs", [], ["../b.rs"], op="rename")], PolicyError),
    ],
)
def test_what_does_not_fit_is_refused(edits: list[dict[str, Any]], error: type[Exception]) -> None:
    with pytest.raises(error):
        planned(shown(a=ONE, b=b"b\n"), *edits)


def test_an_entry_of_several_lines_comes_apart() -> None:
    changes = planned(
        shown(a=ONE), edit("a.rs", ["    a();\n    b();"], ["    c();\r\n    d();\n"])
    )
    assert after(changes)["a.rs"] == b"fn one() {\n    c();\n    d();\n    a();\n}\n"


def test_windows_line_ends_are_kept() -> None:
    crlf = ONE.replace(b"\n", b"\r\n")
    changes = planned(shown(a=crlf), edit("a.rs", ["    b();"], ["    c();", "    d();"]))
    assert after(changes)["a.rs"] == crlf.replace(b"    b();", b"    c();\r\n    d();")


def test_a_lone_surrogate_is_no_text() -> None:
    with pytest.raises(EditTargetError, match="Unicode"):
        planned(shown(a=ONE), edit("a.rs", ["    b();"], ["\ud800"]))


FILES = [
    (b"a\nb\nc\n", b"a\nX\nc\n"),
    (b"a\nb", b"a\nc"),
    (b"a\n", b"a"),
    (None, b"new\nfile\n"),
    (b"old\n", None),
    (b"\n".join(b"%d" % n for n in range(60)), b"\n".join(b"%d" % (n % 50) for n in range(60))),
    (b"x\n" * 9, b"x\n" * 3 + b"y\n" + b"x\n" * 6),
    (b"a\r\nb\r\n", b"a\r\nc\r\n"),
    (b"", b"first\n"),
]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not on the PATH")
@pytest.mark.parametrize(("before", "after_"), FILES)
def test_git_applies_our_diff(before: bytes | None, after_: bytes | None, tmp_path: Path) -> None:
    target = tmp_path / "f.rs"
    if before is not None:
        target.write_bytes(before)
    subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        input=file_diff("f.rs", before, after_).encode(), check=True, cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
    )  # fmt: skip
    assert (target.read_bytes() if target.exists() else None) == after_


def test_the_lines_a_patch_wrote_are_known() -> None:
    changes = planned(shown(a=ONE), edit("a.rs", ["    b();"], ["    c();", "    d();"]))
    assert changes.written() == {("a.rs", 3), ("a.rs", 4)}


def test_opcodes_lead_from_one_list_to_the_other() -> None:
    old, new = list("abcdefabc"), list("abxdeyfabc")
    rebuilt: list[str] = []
    for tag, i1, i2, j1, j2 in opcodes(old, new):
        rebuilt += old[i1:i2] if tag == "equal" else new[j1:j2]
    assert rebuilt == new
