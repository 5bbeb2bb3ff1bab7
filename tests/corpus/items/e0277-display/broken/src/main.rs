struct Celsius(f32);

impl Celsius {
    fn describe(&self) -> String {
        format!("{} degrees", self)
    }
}

fn main() {
    println!("{}", Celsius(21.5).describe());
}

#[test]
fn describes() {
    assert_eq!(Celsius(3.0).describe(), "3 degrees");
}
