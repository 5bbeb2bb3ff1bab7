pub fn gross(net: u32, tax_percent: u32) -> u32 {
    net + net * tax_percent / 100
}
