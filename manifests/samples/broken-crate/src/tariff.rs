/// When electricity was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hours {
    Day,
    Night,
    Weekend,
}

/// Returns the price of a kilowatt hour in cents; a weekend costs what a night does.
pub fn cents(hours: Hours) -> i64 {
    match hours {
        Hours::Day => 30,
        Hours::Night => 20,
    }
}
