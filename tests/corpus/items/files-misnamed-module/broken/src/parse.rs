pub fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}
