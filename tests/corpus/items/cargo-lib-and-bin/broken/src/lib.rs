pub mod marks;
