pub trait Scale {
    fn scaled(&self, factor: f64) -> f64;
}

pub struct Length(pub f64);

impl Scale for Length {
    fn scaled(&self, factor: i32) -> f64 {
        self.0 * factor as f64
    }
}

#[test]
fn scales() {
    assert_eq!(Length(2.0).scaled(1.5), 3.0);
}
