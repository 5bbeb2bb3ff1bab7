fn total(values: Vec<u64>) -> u64 {
    values.iter().sum()
}

pub fn repeated(values: Vec<u64>, times: usize) -> u64 {
    let mut sum = 0;
    for _ in 0..times {
        sum += total(values);
    }
    sum
}

#[test]
fn repeats() {
    assert_eq!(repeated(vec![1, 2], 3), 9);
}
