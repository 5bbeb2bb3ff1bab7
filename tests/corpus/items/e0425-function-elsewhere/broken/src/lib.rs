mod text;

pub fn title(raw: &str) -> String {
    capitalised(raw.trim())
}

#[test]
fn titles() {
    assert_eq!(title(" rust "), "Rust");
}
