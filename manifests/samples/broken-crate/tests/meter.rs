use meter::parse::{longer, parse};
use meter::report::line;
use meter::stats::{peak, total};
use meter::tariff::{cents, Hours};

const DAY: &str = "kitchen 120\nheating 900\nbroken\nlamp 8";

#[test]
fn lines_without_a_number_are_left_out() {
    assert_eq!(parse(DAY).len(), 3);
}

#[test]
fn the_sum_and_the_largest_are_found() {
    let readings = parse(DAY);
    assert_eq!(total(&readings), 1028);
    assert_eq!(peak(&readings), 900);
}

#[test]
fn the_longer_label_wins() {
    assert_eq!(longer("lamp", "kitchen"), "kitchen");
}

#[test]
fn the_report_says_all_of_it() {
    assert_eq!(line(parse(DAY)), "3 readings: 1028 W in all, 900 W at most");
}

#[test]
fn a_weekend_costs_what_a_night_does() {
    assert_eq!(cents(Hours::Weekend), cents(Hours::Night));
}
