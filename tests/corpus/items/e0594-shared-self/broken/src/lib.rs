#[derive(Default)]
pub struct Counter {
    count: u64,
}

impl Counter {
    pub fn next(&self) -> u64 {
        self.count += 1;
        self.count
    }
}

#[test]
fn counts() {
    let mut counter = Counter::default();
    counter.next();
    assert_eq!(counter.next(), 2);
}
