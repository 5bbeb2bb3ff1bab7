pub trait Store {
    fn put(&mut self, value: u32);
    fn len(&self) -> usize;
}

#[derive(Default)]
pub struct Memory {
    values: Vec<u32>,
}

impl Store for Memory {
    fn put(&mut self, value: u32) {
        self.values.push(value);
    }
}

#[test]
fn stores() {
    let mut memory = Memory::default();
    memory.put(4);
    assert_eq!(memory.len(), 1);
}
