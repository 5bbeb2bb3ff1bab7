use crate::entry::Entry;

pub fn summary(entries: &[Entry]) -> String {
    let best = entries.iter().max_by_key(|entry| entry.score);
    best.map(|entry| entry.name.clone()).unwrap_or_default()
}

#[test]
fn names_the_best() {
    let entries = [
        Entry { name: "a".into(), score: 1 },
        Entry { name: "b".into(), score: 2 },
    ];
    assert_eq!(summary(&entries), "b");
}
