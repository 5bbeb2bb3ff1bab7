pub struct Inbox {
    messages: Vec<String>,
    limit: usize,
}

impl Inbox {
    pub fn new(limit: usize) -> Inbox {
        Inbox { messages: vec![], limit }
    }

    pub fn receive(&mut self, text: &str) -> bool {
        if self.messages.len() == limit {
            return false;
        }
        self.messages.push(text);
        true
    }

    pub fn drain_all(&mut self) -> Vec<String> {
        let all = self.messages;
        all
    }
}

#[test]
fn receives_up_to_the_limit() {
    let mut inbox = Inbox::new(1);
    assert!(inbox.receive("a"));
    assert!(!inbox.receive("b"));
    assert_eq!(inbox.drain_all(), ["a"]);
    assert!(inbox.drain_all().is_empty());
}
