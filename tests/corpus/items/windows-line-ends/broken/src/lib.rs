pub fn twice(value: u32) -> u32 {
    2 * valeu
}

#[test]
fn doubles() {
    assert_eq!(twice(4), 8);
}