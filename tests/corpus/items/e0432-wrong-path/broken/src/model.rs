pub struct Entry {
    pub name: String,
    pub score: u32,
}
