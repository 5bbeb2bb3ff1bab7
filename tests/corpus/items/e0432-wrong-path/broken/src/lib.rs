mod model;
mod report;

pub use report::summary;
