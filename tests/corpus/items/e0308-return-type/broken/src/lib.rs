/// Returns how far the reading lies above the floor.
pub fn above(readings: &[u32], floor: i64) -> i64 {
    readings.len() - floor
}

#[cfg(test)]
mod tests {
    use super::above;

    #[test]
    fn counts_from_the_floor() {
        assert_eq!(above(&[1, 2, 3], 5), -2);
    }
}
