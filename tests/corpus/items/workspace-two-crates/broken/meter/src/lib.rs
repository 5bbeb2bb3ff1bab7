use units::Metres;

pub fn middle(from: Metres, to: Metres) -> Metres {
    Metres(from.0 + to.0).halved
}

#[test]
fn lies_between() {
    assert_eq!(middle(Metres(1.0), Metres(3.0)), Metres(2.0));
}
