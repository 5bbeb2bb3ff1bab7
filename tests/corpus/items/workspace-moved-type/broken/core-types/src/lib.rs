#[derive(Debug, Default, PartialEq)]
pub struct UserId(pub u64);
