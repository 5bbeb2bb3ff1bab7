pub fn at(values: &[char], position: i32) -> char {
    values[position]
}

#[test]
fn takes_the_second() {
    assert_eq!(at(&['a', 'b'], 1), 'b');
}
