pub fn pick(left: &str, right: &str, first: bool) -> &str {
    if first { left } else { right }
}

#[test]
fn picks() {
    assert_eq!(pick("a", "b", false), "b");
}
