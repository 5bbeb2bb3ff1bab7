/// One reading of the meter.
#[derive(Debug)]
pub struct Reading {
    pub label: String,
    pub watts: i64,
}

/// Reads lines such as `kitchen 120`; lines without a number are left out.
pub fn parse(text: &str) -> Vec<Reading> {
    let mut readings = Vec::new();
    for line in text.lines() {
        let Some((label, number)) = line.split_once(' ') else {
            continue;
        };
        let Ok(watts) = number.trim().parse() else {
            continue;
        };
        readings.push(Reading { label: label, watts });
    }
    readings
}

/// Returns the longer one of two labels.
pub fn longer(one: &str, other: &str) -> &str {
    if one.len() >= other.len() {
        one
    } else {
        other
    }
}
