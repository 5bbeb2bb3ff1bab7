pub fn shout(text: &str) -> &str {
    let loud = text.to_uppercase();
    loud.as_str()
}

#[test]
fn shouts() {
    assert_eq!(shout("hey"), "HEY");
}
