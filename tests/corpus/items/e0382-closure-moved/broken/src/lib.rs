pub fn joined(words: Vec<String>) -> String {
    let render = move || words.join(" ");
    let text = render();
    format!("{} ({})", text, words.len())
}

#[test]
fn joins_and_counts() {
    assert_eq!(joined(vec!["a".into(), "b".into()]), "a b (2)");
}
