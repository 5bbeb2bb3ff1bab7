mod config;

pub fn port() -> u16 {
    config::PORT
}

#[test]
fn has_a_port() {
    assert_eq!(port(), 8080);
}
