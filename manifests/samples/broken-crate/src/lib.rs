//! Readings of an electricity meter. It does not compile: the demo of Reflex repairs it.

pub mod parse;
pub mod report;
pub mod stats;
pub mod tariff;

pub use parse::Reading;
