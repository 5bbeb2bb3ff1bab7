pub fn grade(points: u32) -> char {
    let letter;
    if points >= 90 {
        letter = 'A';
    } else if points >= 70 {
        letter = 'B';
    }
    letter
}

#[test]
fn grades() {
    assert_eq!(grade(95), 'A');
    assert_eq!(grade(10), 'C');
}
