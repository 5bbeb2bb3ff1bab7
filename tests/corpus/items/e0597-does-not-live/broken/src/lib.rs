pub fn shorter(left: &str, right: &str) -> usize {
    let chosen: &String;
    {
        let candidate = if left.len() < right.len() {
            left.to_string()
        } else {
            right.to_string()
        };
        chosen = &candidate;
    }
    chosen.len()
}

#[test]
fn takes_the_shorter() {
    assert_eq!(shorter("ab", "abc"), 2);
}
