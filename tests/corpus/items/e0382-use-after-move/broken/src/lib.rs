pub fn announce(name: String) -> (String, usize) {
    let greeting = greet(name);
    (greeting, name.len())
}

fn greet(name: String) -> String {
    format!("hello {name}")
}

#[test]
fn announces_with_length() {
    assert_eq!(announce("ada".to_string()), ("hello ada".to_string(), 3));
}
