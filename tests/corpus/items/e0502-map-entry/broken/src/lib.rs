use std::collections::HashMap;

pub fn bump(counts: &mut HashMap<String, u32>, key: &str) -> u32 {
    let default = 0;
    let current = counts.get(key).unwrap_or(&default);
    counts.insert(key.to_string(), current + 1);
    *current
}

#[test]
fn bumps() {
    let mut counts = HashMap::new();
    assert_eq!(bump(&mut counts, "a"), 0);
    assert_eq!(bump(&mut counts, "a"), 1);
    assert_eq!(counts["a"], 2);
}
