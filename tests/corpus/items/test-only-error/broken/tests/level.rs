use gauge::level;

#[test]
fn is_a_percentage() {
    assert_eq!(lvl(50, 10), 20);
}
