pub fn sign(value: i32) -> i32 {
    if value < 0 {
        -1
    } else if value > 0 {
        1
    else {
        0
    }
}

#[test]
fn signs() {
    assert_eq!(sign(-9), -1);
    assert_eq!(sign(0), 0);
}
