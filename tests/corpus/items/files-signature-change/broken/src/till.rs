use crate::price::gross;

pub fn receipt(name: &str, net: u32) -> String {
    format!("{name}: {}", gross(net))
}

#[test]
fn prints_gross() {
    assert_eq!(receipt("tea", 10), "tea: 12");
}
