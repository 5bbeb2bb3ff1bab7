macro_rules! record {
    ($name:ident { $($field:ident : $type:ty),* }) => {
        pub struct $name { $(pub $field: $type),* }

        impl $name {
            pub fn new($($field: $type),*) -> Self {
                $name { $($field),* }
            }
        }
    };
}

record!(Reading { sensor: String, value: f64 });

pub fn sample() -> Reading {
    Reading::new("outdoor", 21.5)
}

#[test]
fn samples() {
    assert_eq!(sample().sensor, "outdoor");
}
