pub struct Range {
    pub low: i32,
    pub high: i32,
}

pub fn width(range: &Range) -> i32 {
    let Range { low, top } = range;
    top - low
}

#[test]
fn spans() {
    assert_eq!(width(&Range { low: 2, high: 9 }), 7);
}
