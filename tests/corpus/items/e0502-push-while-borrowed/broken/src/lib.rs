pub fn append_first(values: &mut Vec<u8>) -> u8 {
    let first = &values[0];
    values.push(*first);
    *first
}

#[test]
fn appends() {
    let mut values = vec![7, 8];
    assert_eq!(append_first(&mut values), 7);
    assert_eq!(values, [7, 8, 7]);
}
