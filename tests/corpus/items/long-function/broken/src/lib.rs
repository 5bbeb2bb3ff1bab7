pub fn table(rows: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    if rows > 0 {
        out.push(format!("row 0: {}", rows - 0));
    }
    if rows > 1 {
        out.push(format!("row 1: {}", rows - 1));
    }
    if rows > 2 {
        out.push(format!("row 2: {}", rows - 2));
    }
    if rows > 3 {
        out.push(format!("row 3: {}", rows - 3));
    }
    if rows > 4 {
        out.push(format!("row 4: {}", rows - 4));
    }
    if rows > 5 {
        out.push(format!("row 5: {}", rows - 5));
    }
    if rows > 6 {
        out.push(format!("row 6: {}", rows - 6));
    }
    if rows > 7 {
        out.push(format!("row 7: {}", rows - 7));
    }
    if rows > 8 {
        out.push(format!("row 8: {}", rows - 8));
    }
    if rows > 9 {
        out.push(format!("row 9: {}", rows - 9));
    }
    if rows > 10 {
        out.push(format!("row 10: {}", rows - 10));
    }
    if rows > 11 {
        out.push(format!("row 11: {}", rows - 11));
    }
    if rows > 12 {
        out.push(format!("row 12: {}", rows - 12));
    }
    if rows > 13 {
        out.push(format!("row 13: {}", rows - 13));
    }
    if rows > 14 {
        out.push(format!("row 14: {}", rows - 14));
    }
    if rows > 15 {
        out.push(format!("row 15: {}", rows - 15));
    }
    if rows > 16 {
        out.push(format!("row 16: {}", rows - 16));
    }
    if rows > 17 {
        out.push(format!("row 17: {}", rows - 17));
    }
    if rows > 18 {
        out.push(format!("row 18: {}", rows - 18));
    }
    if rows > 19 {
        out.push(format!("row 19: {}", rows - 19));
    }
    if rows > 20 {
        out.push(format!("row 20: {}", rows - 20));
    }
    if rows > 21 {
        out.push(format!("row 21: {}", rows - 21));
    }
    if rows > 22 {
        out.push(format!("row 22: {}", rows - 22));
    }
    if rows > 23 {
        out.push(format!("row 23: {}", rows - 23));
    }
    if rows > 24 {
        out.push(format!("row 24: {}", rows - 24));
    }
    if rows > 25 {
        out.push(format!("row 25: {}", rows - 25));
    }
    if rows > 26 {
        out.push(format!("row 26: {}", rows - 26));
    }
    if rows > 27 {
        out.push(format!("row 27: {}", rows - 27));
    }
    if rows > 28 {
        out.push(format!("row 28: {}", rows - 28));
    }
    if rows > 29 {
        out.push(format!("row 29: {}", rows - 29));
    }
    if rows > 30 {
        out.push(format!("row 30: {}", rows - 30));
    }
    if rows > 31 {
        out.push(format!("row 31: {}", rows - 31));
    }
    if rows > 32 {
        out.push(format!("row 32: {}", rows - 32));
    }
    if rows > 33 {
        out.push(format!("row 33: {}", rows - 33));
    }
    if rows > 34 {
        out.push(format!("row 34: {}", rows - 34));
    }
    if rows > 35 {
        out.push(format!("row 35: {}", rows - 35));
    }
    if rows > 36 {
        out.push(format!("row 36: {}", rows - 36));
    }
    if rows > 37 {
        out.push(format!("row 37: {}", rows - 37));
    }
    if rows > 38 {
        out.push(format!("row 38: {}", rows - 38));
    }
    if rows > 39 {
        out.push(format!("row 39: {}", rows - 39));
    }
    out.push(rows);
    out
}

#[test]
fn ends_with_the_count() {
    assert_eq!(table(2).last().unwrap(), "2");
}
