fn total(values: &[i64]) -> i64 {
    let mut sum = 0;
    for value in values {
        sum += value;
    }
    smu
}

fn main() {
    println!("{}", total(&[1, 2, 3]));
}

#[test]
fn adds() {
    assert_eq!(total(&[1, 2, 3]), 6);
}
