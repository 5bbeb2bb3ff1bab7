fn clamp(value: i32, low: i32, high: i32) -> i32 {
    value.max(low).min(high)
}

pub fn percent(value: i32) -> i32 {
    clamp(value, 100)
}

#[test]
fn stays_in_bounds() {
    assert_eq!(percent(-3), 0);
    assert_eq!(percent(250), 100);
}
