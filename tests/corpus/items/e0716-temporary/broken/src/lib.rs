pub fn initials(name: &str) -> String {
    let parts = name.to_uppercase().split(' ');
    parts.filter_map(|part| part.chars().next()).collect()
}

#[test]
fn takes_initials() {
    assert_eq!(initials("ada lovelace"), "AL");
}
