macro_rules! sum_of {
    ($($value:expr),+) => {{
        let mut total = 0u64;
        $(total += $value;)+
        total
    }};
}

pub fn weight(small: u32, large: u64) -> u64 {
    sum_of!(large, small, large)
}

#[test]
fn adds() {
    assert_eq!(weight(1, 2), 5);
}
