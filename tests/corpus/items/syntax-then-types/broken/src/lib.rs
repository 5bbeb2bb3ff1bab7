pub struct Sample {
    pub value: u32,
    pub weight: u32,
}

impl Sample {
    pub fn is_heavy(&self) -> bool {
        self.weight > 10
    }

pub fn weighted(sample: &Sample) -> u64 {
    sample.value * sample.weight
}

#[test]
fn weighs() {
    assert_eq!(weighted(&Sample { value: 2, weight: 3 }), 6);
}
