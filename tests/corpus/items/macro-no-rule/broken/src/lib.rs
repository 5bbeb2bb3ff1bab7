macro_rules! pairs {
    ($($key:literal => $value:expr),* $(,)?) => {
        vec![$(($key, $value)),*]
    };
}

pub fn colours() -> Vec<(&'static str, u32)> {
    pairs! {
        "red" => 0xff0000,
        "green": 0x00ff00,
    }
}

#[test]
fn lists() {
    assert_eq!(colours()[1], ("green", 0x00ff00));
}
