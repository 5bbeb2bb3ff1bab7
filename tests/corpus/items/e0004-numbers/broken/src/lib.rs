pub fn ordinal(number: u32) -> String {
    let ending = match number % 10 {
        1 => "st",
        2 => "nd",
        3 => "rd",
    };
    format!("{number}{ending}")
}

#[test]
fn ends_well() {
    assert_eq!(ordinal(1), "1st");
    assert_eq!(ordinal(7), "7th");
}
