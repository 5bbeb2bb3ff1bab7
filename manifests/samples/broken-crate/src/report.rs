use crate::stats::{peak, total};
use crate::Reading;

/// Returns a line such as `3 readings: 1028 W in all, 900 W at most`.
pub fn line(readings: Vec<Reading>) -> String {
    let sums = sums(readings);
    format!("{} readings: {sums}", readings.len())
}

fn sums(readings: Vec<Reading>) -> String {
    format!("{} W in all, {} W at most", total(&readings), peak(&readings))
}
