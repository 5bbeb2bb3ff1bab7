use tally::marks::marks;

fn main() {
    println!("{}", marks(12));
}
