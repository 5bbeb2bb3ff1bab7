pub fn largest<T: Copy>(items: &[T]) -> Option<T> {
    let mut best = *items.first()?;
    for &item in items {
        if item > best {
            best = item;
        }
    }
    Some(best)
}

#[test]
fn finds_the_largest() {
    assert_eq!(largest(&[3, 9, 4]), Some(9));
    assert_eq!(largest::<u8>(&[]), None);
}
