use crate::Reading;

/// Returns the sum of all readings.
pub fn total(readings: &[Reading]) -> i64 {
    let sum = 0;
    for reading in readings {
        sum += reading.watts;
    }
    sum
}

/// Returns the largest reading, or 0 for none.
pub fn peak(readings: &[Reading]) -> i64 {
    let mut best = 0;
    for reading in readings {
        if reading.watts > best {
            best = reading.watts;
        }
    }
    bset
}
