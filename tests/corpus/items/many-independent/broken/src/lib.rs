pub fn words(text: &str) -> usize {
    text.split_whitespace().len()
}

pub fn lines(text: &str) -> u32 {
    text.lines().count()
}

pub fn letters(text: &str) -> usize {
    txt.chars().filter(|letter| letter.is_alphabetic()).count()
}

#[test]
fn counts_all_three() {
    let text = "one two\nthree";
    assert_eq!((words(text), lines(text), letters(text)), (3, 2, 11));
}
