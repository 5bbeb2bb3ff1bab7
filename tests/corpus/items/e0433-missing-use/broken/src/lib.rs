pub fn distinct(words: &[&str]) -> usize {
    let mut seen = HashSet::new();
    for word in words {
        seen.insert(*word);
    }
    seen.len()
}

#[test]
fn counts_once() {
    assert_eq!(distinct(&["a", "b", "a"]), 2);
}
