pub fn countdown(from: u32) -> Vec<u32> {
    let mut out = vec![];
    let left = from;
    while left > 0 {
        out.push(left);
        left -= 1;
    }
    out
}

#[test]
fn counts_down() {
    assert_eq!(countdown(3), [3, 2, 1]);
}
