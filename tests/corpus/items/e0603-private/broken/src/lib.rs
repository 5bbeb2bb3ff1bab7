mod codec {
    fn encode(byte: u8) -> String {
        format!("{byte:02x}")
    }

    pub fn all(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| encode(*byte)).collect()
    }
}

pub fn one(byte: u8) -> String {
    codec::encode(byte)
}

pub fn many(bytes: &[u8]) -> String {
    codec::all(bytes)
}

#[test]
fn encodes() {
    assert_eq!(one(10), "0a");
    assert_eq!(many(&[1, 255]), "01ff");
}
