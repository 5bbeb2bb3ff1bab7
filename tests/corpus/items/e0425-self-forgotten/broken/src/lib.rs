pub struct Account {
    pub balance: i64,
}

impl Account {
    pub fn can_pay(&self, price: i64) -> bool {
        balance >= price
    }
}

#[test]
fn pays() {
    assert!(Account { balance: 5 }.can_pay(5));
}
