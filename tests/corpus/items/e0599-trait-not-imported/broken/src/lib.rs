mod shapes {
    pub trait Area {
        fn area(&self) -> f64;
    }

    pub struct Square(pub f64);

    impl Area for Square {
        fn area(&self) -> f64 {
            self.0 * self.0
        }
    }
}

use shapes::Square;

pub fn tile() -> f64 {
    Square(2.0).area()
}

#[test]
fn tiles() {
    assert_eq!(tile(), 4.0);
}
