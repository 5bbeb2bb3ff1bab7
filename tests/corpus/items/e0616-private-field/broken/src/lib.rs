mod clock {
    pub struct Time {
        minutes: u32,
    }

    impl Time {
        pub fn new(minutes: u32) -> Self {
            Time { minutes }
        }

        pub fn minutes(&self) -> u32 {
            self.minutes
        }
    }
}

pub fn hours(minutes: u32) -> u32 {
    let time = clock::Time::new(minutes);
    time.minutes / 60
}

#[test]
fn counts_hours() {
    assert_eq!(hours(150), 2);
}
