mod price;
mod shop;
mod till;

pub use shop::basket;
pub use till::receipt;
