use std::num::ParseIntError;

pub fn double(text: &str) -> i32 {
    let number: i32 = text.trim().parse()?;
    number * 2
}

pub fn quadruple(text: &str) -> Result<i32, ParseIntError> {
    Ok(double(text)? * 2)
}

#[test]
fn doubles_or_fails() {
    assert_eq!(double(" 4 ").unwrap(), 8);
    assert!(quadruple("four").is_err());
}
