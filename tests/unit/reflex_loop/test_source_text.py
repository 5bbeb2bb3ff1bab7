import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_loop.errors import EditTargetError
from reflex_loop.source_text import SourceText


@given(st.binary(max_size=200).filter(lambda data: b"\0" not in data))
def test_every_byte_survives_a_file_that_is_not_edited(data: bytes) -> None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        with pytest.raises(EditTargetError):
            SourceText.parse(data)
    else:
        assert SourceText.parse(data).data() == data


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\nb\nc\n", b"a\nX\nc\n"),
        (b"a\r\nb\r\nc\r\n", b"a\r\nX\r\nc\r\n"),
        (b"a\r\nb\nc\r\n", b"a\r\nX\nc\r\n"),
        (b"\xef\xbb\xbfa\nb\nc", b"\xef\xbb\xbfa\nX\nc"),
        (b"a\nb", b"a\nX"),
        (b"a\r\nb", b"a\r\nX"),
        (b"\xe4\nb\n\xfc", b"\xe4\nX\n\xfc"),
    ],
)
def test_an_edit_keeps_ends_marks_and_foreign_bytes(before: bytes, after: bytes) -> None:
    assert SourceText.parse(before).replaced(1, 2, ("X",)).data() == after


def test_new_lines_take_the_end_of_those_they_replace() -> None:
    text = SourceText.parse(b"a\r\nb\r\nc\r\n")
    assert text.replaced(1, 2, ("X", "Y")).data() == b"a\r\nX\r\nY\r\nc\r\n"


def test_lines_that_an_edit_repeats_keep_their_own_ends() -> None:
    text = SourceText.parse(b"a\r\nb\nc\r\n")
    assert text.replaced(0, 3, ("a", "b", "X")).data() == b"a\r\nb\nX\r\n"


def test_a_file_without_a_last_newline_gets_none() -> None:
    assert SourceText.parse(b"a\nb").replaced(1, 2, ("X", "Y")).data() == b"a\nX\nY"
    assert SourceText.parse(b"a\nb").replaced(1, 2, ()).data() == b"a"


@pytest.mark.parametrize("break_", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"])
def test_only_a_line_feed_ends_a_line(break_: str) -> None:
    assert len(SourceText.parse(f"a{break_}b\n".encode()).lines) == 1


@pytest.mark.parametrize("data", [b"a\0b", b"\xff\xfea\0", b"\xfe\xff\0a"])
def test_binary_files_are_refused(data: bytes) -> None:
    with pytest.raises(EditTargetError, match="not UTF-8 text"):
        SourceText.parse(data, "src/blob.rs")
