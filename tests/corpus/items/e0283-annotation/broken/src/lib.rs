pub fn evens(up_to: u32) -> usize {
    let found = (0..up_to).filter(|number| number % 2 == 0).collect();
    count(&found)
}

fn count<T>(items: &T) -> usize
where
    for<'a> &'a T: IntoIterator,
{
    items.into_iter().count()
}

#[test]
fn counts() {
    assert_eq!(evens(5), 3);
}
