pub enum Shape {
    Circle(f64),
    Box(f64, f64),
}

pub fn area(shape: &Shape) -> f64 {
    match shape {
        Shape::Circle(radius) => 3.0 * radius * radius,
        Shape::Box(side) => side * side,
    }
}

#[test]
fn measures() {
    assert_eq!(area(&Shape::Box(2.0, 3.0)), 6.0);
    assert_eq!(area(&Shape::Circle(1.0)), 3.0);
}
