use core_types::Id;

pub fn anonymous() -> Id {
    Id::default()
}

pub fn is_anonymous(id: &Id) -> bool {
    id.0 == 0
}

#[test]
fn starts_anonymous() {
    assert!(is_anonymous(&anonymous()));
}
