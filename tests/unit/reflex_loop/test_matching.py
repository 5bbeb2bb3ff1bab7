import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_loop.errors import SearchAmbiguousError, SearchNotFoundError
from reflex_loop.matching import Level, find

FILE = [
    "fn one() {",
    "    let a = 1;",
    "    let b = 2;  ",
    "}",
    "",
    "fn two() {",
    "    let a = 1;",
    "    if a > 0 {",
    "        call(a);",
    "    }",
    "}",
]


def test_an_exact_block_is_found_where_it_is() -> None:
    match = find(FILE, ["    if a > 0 {", "        call(a);"], ["x"])
    assert (match.start, match.stop, match.level) == (7, 9, Level.EXACT)


def test_trailing_space_is_ignored_and_reported() -> None:
    match = find(FILE, ["    let b = 2;"], ["    let b = 3;"])
    assert (match.start, match.level) == (2, Level.TRAILING_SPACE)


def test_another_margin_is_ignored_reported_and_kept_out_of_the_file() -> None:
    match = find(
        FILE, ["if a > 0 {", "    call(a);"], ["if a > 1 {", "    call(b);", "", "    c();"]
    )
    assert match.level is Level.INDENTATION
    assert match.replace == ("    if a > 1 {", "        call(b);", "", "        c();")


def test_a_deeper_margin_is_taken_off() -> None:
    match = find(FILE, ["            call(a);"], ["            call(b);"])
    assert match.replace == ("        call(b);",)


def test_tabs_for_blanks_are_translated_by_the_margins_seen() -> None:
    match = find(FILE, ["\tif a > 0 {", "\t\tcall(a);"], ["\tif a > 1 {", "\t\tcall(b);"])
    assert match.replace == ("    if a > 1 {", "        call(b);")


def test_a_block_of_another_shape_is_not_the_block() -> None:
    with pytest.raises(SearchNotFoundError):
        find(FILE, ["if a > 0 {", "call(a);"], ["        if a > 1 {", "  call(b);"])


def test_exact_matches_are_preferred_to_looser_ones() -> None:
    lines = ["    x", "x"]
    assert find(lines, ["x"], ["y"]).start == 1


def test_two_places_are_refused_with_their_lines() -> None:
    with pytest.raises(SearchAmbiguousError, match=r"2 times, at lines 2 .*7") as caught:
        find(FILE, ["    let a = 1;"], ["    let a = 2;"])
    assert caught.value.lines == (2, 7)


@pytest.mark.parametrize(("occurrence", "start"), [(1, 1), (2, 6)])
def test_an_occurrence_chooses(occurrence: int, start: int) -> None:
    assert find(FILE, ["    let a = 1;"], ["x"], occurrence=occurrence).start == start


def test_an_occurrence_that_is_not_there_is_refused() -> None:
    with pytest.raises(SearchAmbiguousError, match="occurrence 3"):
        find(FILE, ["    let a = 1;"], ["x"], occurrence=3)


@pytest.mark.parametrize(("hint", "start"), [(1, 1), (4, 1), (5, 6), (300, 6)])
def test_a_line_hint_chooses_the_nearest(hint: int, start: int) -> None:
    assert find(FILE, ["    let a = 1;"], ["x"], line_hint=hint).start == start


def test_a_line_hint_in_the_middle_of_two_places_chooses_none() -> None:
    with pytest.raises(SearchAmbiguousError):
        find(["a1", "b", "a1"], ["a1"], ["x"], line_hint=2)


def test_a_hint_does_not_move_a_single_match() -> None:
    assert find(FILE, ["        call(a);"], ["x"], line_hint=1, occurrence=9).start == 8


def test_what_is_there_already_is_a_success() -> None:
    match = find(FILE, ["        kall(a);"], ["        call(a);"])
    assert (match.start, match.level) == (8, Level.ALREADY_APPLIED)


@pytest.mark.parametrize("replace", [["}"], ["    let a = 1;"], []])
def test_a_brace_or_a_repeated_line_is_no_sign_that_it_is_there(replace: list[str]) -> None:
    with pytest.raises(SearchNotFoundError):
        find(FILE, ["        nowhere();"], replace)


@pytest.mark.parametrize("search", [[], [""], ["  ", "\t"]])
def test_an_empty_block_is_refused(search: list[str]) -> None:
    with pytest.raises(SearchNotFoundError, match="empty"):
        find(FILE, search, ["x"])


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (["    let a = 1;", "    let b = 3;"], "line 3 differs: the file has 'let b = 2;'"),
        (["        call(aa);"], r"nearest is line 9: 'call\(a\);'"),
        (["}", "", "fn two() {", "}"], "line 7 differs"),
        (["nothing like it at all"], "begins it$"),
        (["    let a = 1;"] * 20, "differs"),
    ],
)
def test_a_refusal_names_the_nearest_place(search: list[str], words: str) -> None:
    with pytest.raises(SearchNotFoundError, match=words):
        find(FILE, search, ["x"])


@given(st.lists(st.sampled_from(["a", " b", "  c", "", "d "]), min_size=1, max_size=12), st.data())
def test_a_block_that_is_there_once_is_found_there(lines: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(lines) - 1))
    stop = data.draw(st.integers(start + 1, len(lines)))
    block = lines[start:stop]
    places = [at for at in range(len(lines)) if lines[at : at + len(block)] == block]
    if not any(line.strip() for line in block):
        return
    if len(places) == 1:
        match = find(lines, block, ["new line"])
        assert (match.start, match.stop, match.level) == (start, stop, Level.EXACT)
    else:
        with pytest.raises(SearchAmbiguousError):
            find(lines, block, ["new line"])
