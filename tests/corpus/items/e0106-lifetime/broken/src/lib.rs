pub struct Token {
    pub text: &str,
    pub line: usize,
}

pub fn tokens(source: &str) -> Vec<Token> {
    source
        .lines()
        .enumerate()
        .flat_map(|(index, line)| {
            line.split_whitespace().map(move |text| Token { text, line: index + 1 })
        })
        .collect()
}

#[test]
fn splits() {
    let found = tokens("a b\nc");
    assert_eq!(found[2].text, "c");
    assert_eq!(found[2].line, 2);
}
