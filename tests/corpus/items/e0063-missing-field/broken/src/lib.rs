pub struct Request {
    pub path: String,
    pub retries: u8,
    pub verbose: bool,
}

pub fn get(path: &str) -> Request {
    Request {
        path: path.to_string(),
        retries: 3,
    }
}

#[test]
fn is_quiet_by_default() {
    let request = get("/");
    assert!(!request.verbose);
    assert_eq!(request.retries, 3);
}
