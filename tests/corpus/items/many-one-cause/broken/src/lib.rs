pub struct Celsius(pub f64);

pub fn freezing() -> Degree {
    Celsius(0.0)
}

pub fn warmer(than: &Degree) -> Degree {
    Celsius(than.0 + 1.0)
}

pub fn difference(one: &Degree, other: &Degree) -> f64 {
    one.0 - other.0
}

#[test]
fn warms() {
    let start = freezing();
    assert_eq!(difference(&warmer(&start), &start), 1.0);
}
