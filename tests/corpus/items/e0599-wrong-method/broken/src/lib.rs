pub fn first_word(text: &str) -> String {
    let parts: Vec<&str> = text.split(' ').collect();
    if parts.length() == 0 {
        return String::new();
    }
    parts[0].to_string()
}

#[test]
fn takes_the_first() {
    assert_eq!(first_word("two words"), "two");
}
