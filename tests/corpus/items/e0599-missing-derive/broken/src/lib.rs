#[derive(Debug, PartialEq)]
pub struct Point {
    pub x: i32,
    pub y: i32,
}

pub fn shifted(point: Point, by: i32) -> (Point, Point) {
    let mut moved = point.clone();
    moved.x += by;
    (point, moved)
}

#[test]
fn shifts() {
    let (from, to) = shifted(Point { x: 1, y: 2 }, 3);
    assert_eq!((from.x, to), (1, Point { x: 4, y: 2 }));
}
