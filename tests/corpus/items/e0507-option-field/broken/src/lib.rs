pub struct Slot {
    pub value: Option<String>,
}

pub fn empty(slot: &mut Slot) -> String {
    slot.value.unwrap_or_default()
}

#[test]
fn leaves_nothing_behind() {
    let mut slot = Slot { value: Some("x".into()) };
    assert_eq!(empty(&mut slot), "x");
    assert!(slot.value.is_none());
}
