import pytest

from reflex_loop import rust_source


@pytest.mark.parametrize(
    "source",
    [
        'let a = "unsafe";',
        'let a = "quote \\" unsafe";',
        'let a = r#"raw " unsafe"#;',
        'let a = br##"unsafe "# still"##;',
        "// unsafe",
        "/* a /* nested */ unsafe */",
        "/// unsafe {}\nfn a() {}",
        'let a = \'"\'; let b = "unsafe";',
        "let a = b'\\''; let c = \"unsafe\";",
        "fn f<'a>(x: &'a str) { let y = 'x'; let z = \"unsafe\"; }",
    ],
)
def test_words_in_comments_and_strings_do_not_count(source: str) -> None:
    assert rust_source.words(source).get("unsafe", 0) == 0


@pytest.mark.parametrize(
    "source",
    [
        "unsafe { a() }",
        'let s = "text"; unsafe fn b() {}',
        "/* closed */ unsafe impl Send for A {}",
        "fn f<'a>(x: &'a u8) -> &'a u8 { unsafe { x } }",
        "let c = '\\u{1F600}'; unsafe {}",
        "macro_rules! m { () => { unsafe {} } }",
    ],
)
def test_words_in_the_code_count(source: str) -> None:
    assert rust_source.words(source).get("unsafe", 0) == 1


@pytest.mark.parametrize(
    ("source", "blanked"),
    [
        ('r"a" b', "     b"),
        ('br##"a"#"## b', "            b"),
        ('cr"a" b"c" c"d" x', "                x"),
        ('bar"a" b', "bar    b"),  # the end of a name is no prefix
        ("'a'b'c'b", "       b"),
        ("&'a str 'b' b'\\n'", "&'a str          "),
        ('""r"x"', "      "),
        ("a / b /* c /* d */ e */ f // g", "a / b                   f     "),
        ('a "never closed\nb', "a              \n "),
    ],
)
def test_tokens_begin_at_their_prefix_and_end_at_their_own_end(source: str, blanked: str) -> None:
    assert rust_source.code_only(source) == blanked


def test_macros_and_attributes_have_names_of_their_own() -> None:
    found = rust_source.words(
        "#![allow(dead_code)]\n#[cfg_attr(x, allow(y))]\nfn todo() { todo!() }"
    )
    assert (found["#allow"], found["#cfg_attr"], found["todo!"], found["todo"]) == (2, 1, 1, 2)
    assert "a!" not in rust_source.words("if a != b {}")


def test_test_functions_are_found_under_their_attributes() -> None:
    source = """
    #[test]
    fn plain() {}
    #[tokio::test(flavor = "current_thread")]
    #[ignore]
    async fn on_a_runtime() {}
    // #[test] fn in_a_comment() {}
    fn no_test() {}
    """
    assert set(rust_source.names_of_tests(source)) == {"plain", "on_a_runtime"}


TEXT = """\
use std::fmt;

pub struct Reading {
    pub value: f64,
}

impl fmt::Display for Reading {
    fn fmt(
        &self,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result
    where
        Self: Sized,
    {
        let text = format!("{}", self.value);

        f.write_str(&text)
    }
}

fn after() {
    let a = 1;
    a
}
"""
SOURCE = TEXT.split("\n")


@pytest.mark.parametrize(
    ("line", "item", "end"),
    [
        (1, "", 0),
        (4, "struct Reading", 5),
        (7, "impl fmt::Display for Reading", 19),
        (15, "fn fmt", 18),
        (16, "fn fmt", 18),
        (17, "fn fmt", 18),
        (18, "fn fmt", 18),
        (23, "fn after", 24),
    ],
)
def test_the_item_around_a_line_is_found_by_indentation(line: int, item: str, end: int) -> None:
    assert rust_source.enclosing_item(SOURCE, line) == item
    if item:
        assert rust_source.item_end(SOURCE, rust_source.item_start(SOURCE, line)) == end


@pytest.mark.parametrize("line", [0, 1, 99])
def test_lines_outside_of_a_file_are_no_error(line: int) -> None:
    assert rust_source.enclosing_item([], line) == ""
