pub fn adder(step: i32) -> impl Fn(i32) -> i32 {
    |value| value + step
}

#[test]
fn adds() {
    assert_eq!(adder(2)(3), 5);
}
