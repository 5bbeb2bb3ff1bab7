"""The lists of mutants fit the code, and the tool that judges them tells the truth."""

import re
from pathlib import Path

import pytest

from mutants.__main__ import LISTS, main
from mutants.catalogue import ROOT, CatalogueError, Mutant, read

LISTED = read(LISTS)
CODE = "def answer() -> int:\n    return 42\n"
TEST = "from right import answer\n\n\ndef test_the_answer() -> None:\n    assert answer() == 42\n"
HEAD = 'code = "services"\n[tests]\nright = "tests/test_right.py"\n'
GOOD = (
    '[[mutant]]\ninvariant = "it is {0}"\nsource = "here"\nfile = "right.py"\n'
    'old = "return 42"\nnew = "return {0}"\ntests = ["right::test_the_answer"]\n'
)


@pytest.mark.parametrize("mutant", LISTED, ids=[one.invariant for one in LISTED])
def test_a_mutant_fits_the_code_and_its_tests_are_there(mutant: Mutant) -> None:
    compile(mutant.mutated(ROOT), str(mutant.file), "exec")
    for test in mutant.tests:
        file, _, name = test.partition("::")
        function = re.escape(name.partition("[")[0])
        assert re.search(rf"^(async )?def {function}\(", (ROOT / file).read_text(), re.MULTILINE)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with one function, one test, and an empty list of mutants."""
    for name, text in {
        "services/right.py": CODE,
        "tests/test_right.py": TEST,
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["services"]\n',
        "lists/first/one.toml": HEAD,
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def judged(tree: Path, *mutants: str, test: str = TEST) -> int:
    (tree / "lists/first/one.toml").write_text(HEAD + "".join(mutants))
    (tree / "tests/test_right.py").write_text(test)
    code = main([], root=tree, lists=tree / "lists")
    assert (tree / "services/right.py").read_text() == CODE
    return code


def test_what_a_test_notices_is_killed_and_what_none_notices_survives(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(tree, GOOD.format(41)) == 0
    assert judged(tree, GOOD.format("6 * 7"), GOOD.format(41)) == 1
    told = capsys.readouterr().out
    assert "SURVIVED  it is 6 * 7 (here)" in told
    assert "killed    it is 41 (here)" in told


@pytest.mark.parametrize(
    ("mutants", "test", "words"),
    [
        ([GOOD.format(41).replace("return 42", "return 43")], TEST, "0 times in services/right.py"),
        ([GOOD.format(41).replace("return 42", "n")], TEST, "3 times in services/right.py"),
        ([GOOD.format(42)], TEST, "the same"),
        ([GOOD.format("(")], TEST, "no Python"),
        ([GOOD.format(41), GOOD.format(41)], TEST, "there twice"),
        ([GOOD.format(41).replace("right.py", "wrong.py")], TEST, "services/wrong.py"),
        ([GOOD.format(41).replace("right::", "left::")], TEST, "[tests] has no 'left'"),
        ([GOOD.format(41).replace("source", "sauce")], TEST, "one.toml"),
        ([GOOD.format(41)], TEST.replace("42", "41"), "fail without any mutant"),
        ([GOOD.format(41)], TEST.replace("test_the", "test_no"), "fail without any mutant"),
        ([], TEST, "one.toml"),
    ],
)
def test_a_list_that_does_not_fit_is_an_error_and_judges_nothing(
    tree: Path, mutants: list[str], test: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(tree, *mutants, test=test) == 2
    told = capsys.readouterr()
    assert words in told.err
    assert "killed" not in told.out


def test_an_area_is_judged_by_itself_and_one_that_is_none_is_an_error(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "lists/first/one.toml").write_text(HEAD + GOOD.format(41))
    (tree / "lists/second").mkdir()
    (tree / "lists/second/two.toml").write_text(HEAD + GOOD.format(43))
    assert main(["--list"], root=tree, lists=tree / "lists") == 0
    assert capsys.readouterr().out.count("right.py") == 2
    assert main(["second"], root=tree, lists=tree / "lists") == 0
    assert "1 mutants, 0 survived" in capsys.readouterr().out
    assert main(["third"], root=tree, lists=tree / "lists") == 2
    assert "no area third: there are first, second" in capsys.readouterr().err


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("mutant = [")
    with pytest.raises(CatalogueError, match=r"x\.toml"):
        read(tmp_path)
