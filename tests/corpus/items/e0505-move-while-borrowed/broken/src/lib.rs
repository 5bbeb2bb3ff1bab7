pub fn longest(words: Vec<String>) -> usize {
    let longest = words.iter().max_by_key(|word| word.len());
    drop(words);
    longest.map_or(0, |word| word.len())
}

#[test]
fn measures() {
    assert_eq!(longest(vec!["a".into(), "four".into()]), 4);
    assert_eq!(longest(vec![]), 0);
}
