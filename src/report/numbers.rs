//! How numbers and intervals are written in the report.

use crate::records::prepare::SplitCount;
use crate::records::{Confusion, Interval};
use crate::seed::RunSeed;
use crate::statistics::medians::median_over_patients;

/// "0.73"; a missing or undefined value is an em dash, never a number.
pub fn number(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}").replace('-', "−") } else { "—".into() }
}

/// "0.73 (0.61 to 0.82)"; of a single patient "0.73 (no interval: one patient)".
pub fn interval(interval: &Interval, digits: usize) -> String {
    if interval.is_of_one() {
        return format!("{} (no interval: one patient)", number(interval.value, digits));
    }
    let [value, low, high] = [interval.value, interval.low, interval.high].map(|v| number(v, digits));
    format!("{value} ({low} to {high})")
}

/// "29 % (19 to 42)" of an interval within 0..1.
pub fn interval_percent(interval: &Interval) -> String {
    let [value, low, high] = [interval.value, interval.low, interval.high].map(|v| number(100.0 * v, 0));
    format!("{value} % ({low} to {high})")
}

/// "+0.04 (−0.01 to +0.09)".
pub fn signed_interval(interval: &Interval, digits: usize) -> String {
    let signed = |v: f64| if v > 0.0 { format!("+{}", number(v, digits)) } else { number(v, digits) };
    if interval.is_of_one() {
        return format!("{} (no interval: one patient)", signed(interval.value));
    }
    let [value, low, high] = [interval.value, interval.low, interval.high].map(signed);
    format!("{value} ({low} to {high})")
}

/// Median of `items`, each its patient and its value, with its interval over patients; what is undefined is left out.
pub fn middle_with_interval(items: &[(&str, f64)], digits: usize, seed: u64) -> String {
    let defined: Vec<(&str, f64)> = items.iter().copied().filter(|(_, value)| value.is_finite()).collect();
    or_dash(median_over_patients(&defined, RunSeed(seed)).map(|found| interval(&found, digits)))
}

/// An em dash for what there is not.
pub fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "—".into())
}

/// "TP 12, FP 3, TN 200, FN 4".
pub fn confusion(counts: &Confusion) -> String {
    format!(
        "TP {}, FP {}, TN {}, FN {}",
        counts.true_positive, counts.false_positive, counts.true_negative, counts.false_negative
    )
}

/// Items of a class on each side of the split.
pub fn of_class(sides: &[SplitCount], class: &str) -> Vec<String> {
    let items =
        |side: &SplitCount| side.classes.iter().find(|one| one.class.name() == class).map_or(0, |one| one.items);
    sides.iter().map(items).map(count).collect()
}

/// Thousands apart: "12 345".
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Images in thousands: "60.0".
pub fn thousands(images: u64) -> String {
    number(images as f64 / 1000.0, 1)
}

/// "3/20 = 15 % (5 to 36)".
pub fn share(hits: u64, share: &Interval) -> String {
    format!("{hits}/{} = {}", share.n, interval_percent(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_intervals_with_their_sign() {
        let i = Interval { value: 0.04, low: -0.01, high: 0.09, level: 0.95, n: 10, method: String::new() };
        assert_eq!(signed_interval(&i, 2), "+0.04 (−0.01 to +0.09)");
        assert_eq!(interval(&i, 2), "0.04 (−0.01 to 0.09)");
        let alone = Interval { method: format!("bootstrap; {}", Interval::OF_ONE), ..i };
        assert_eq!(signed_interval(&alone, 2), "+0.04 (no interval: one patient)");
    }

    #[test]
    fn what_is_undefined_is_not_a_number() {
        assert_eq!(number(f64::NAN, 2), "—");
    }

    #[test]
    fn a_share_stands_with_its_count() {
        let i = Interval { value: 0.15, low: 0.0524, high: 0.3604, level: 0.95, n: 20, method: String::new() };
        assert_eq!(share(3, &i), "3/20 = 15 % (5 to 36)");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(count(7980), "7\u{202f}980");
        assert_eq!(count(256), "256");
    }
}
