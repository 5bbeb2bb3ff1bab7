pub fn label(count: usize) -> String {
    let text = if count == 1 {
        "one item"
    } else {
        format!("{count} items")
    };
    text
}

#[test]
fn speaks_of_one_and_many() {
    assert_eq!(label(1), "one item");
    assert_eq!(label(7), "7 items");
}
