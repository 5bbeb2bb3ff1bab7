mod parser;

pub fn number(text: &str) -> Option<u32> {
    parser::number(text)
}

#[test]
fn parses() {
    assert_eq!(number("12"), Some(12));
}
