/// Rounds half up.
pub fn average(values: &[u32]) -> u32 {
    let sum: u32 = values.iter().sum();
    let mean = f64::from(sum) / values.len() as f64;
    mean + 0.5
}

#[cfg(test)]
mod tests {
    use super::average;

    #[test]
    fn rounds_half_up() {
        assert_eq!(average(&[1, 2]), 2);
        assert_eq!(average(&[1, 1, 2]), 1);
    }
}
