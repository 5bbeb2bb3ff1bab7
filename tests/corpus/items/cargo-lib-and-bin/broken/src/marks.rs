pub fn marks(count: usize) -> String {
    let fives = count / 5;
    let rest: u32 = count % 5;
    format!("{}{}", "V".repeat(fives), "I".repeat(rest))
}

#[test]
fn draws() {
    assert_eq!(marks(7), "VII");
}
