pub fn squares(up_to: u32) -> Vec<u32> {
    let squares = Vec::new();
    for number in 1..=up_to {
        squares.push(number * number);
    }
    squares
}

#[test]
fn squares_up_to_three() {
    assert_eq!(squares(3), [1, 4, 9]);
}
