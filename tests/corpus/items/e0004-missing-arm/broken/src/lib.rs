#[derive(Clone, Copy)]
pub enum Light {
    Red,
    Amber,
    Green,
}

pub fn next(light: Light) -> Light {
    match light {
        Light::Red => Light::Green,
        Light::Green => Light::Amber,
    }
}

#[test]
fn turns_red_after_amber() {
    assert!(matches!(next(Light::Amber), Light::Red));
}
