pub fn level(full: u32, used: u32) -> u32 {
    100 * used / full
}
