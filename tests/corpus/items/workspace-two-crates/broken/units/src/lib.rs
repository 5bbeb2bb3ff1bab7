#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metres(pub f64);

impl Metres {
    pub fn halved(self) -> Metres {
        Metres(self.0.half())
    }
}

#[test]
fn halves() {
    assert_eq!(Metres(3.0).halved(), Metres(1.5));
}
