use crate::price::gross;

pub fn basket(prices: &[u32]) -> u32 {
    prices.iter().map(|price| gross(*price)).sum()
}

#[test]
fn adds_tax() {
    assert_eq!(basket(&[100, 200]), 360);
}
