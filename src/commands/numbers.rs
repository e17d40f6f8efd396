//! Numbers, counts and intervals as a terminal's tables have them.

use crate::records::Interval;

/// "0.301 [0.250, 0.350]"; "0.301 [one patient]" where one patient alone carries it; "undefined" where nothing is.
pub fn bracketed<'a>(interval: impl Into<Option<&'a Interval>>, digits: usize) -> String {
    written(interval.into(), |value| format!("{value:.digits$}"))
}

/// "+0.050 [-0.010, +0.090]", for differences.
pub fn signed<'a>(interval: impl Into<Option<&'a Interval>>, digits: usize) -> String {
    written(interval.into(), |value| format!("{value:+.digits$}"))
}

/// "1 patient", "2 patients".
pub fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

fn written(interval: Option<&Interval>, number: impl Fn(f64) -> String) -> String {
    match interval {
        Some(alone) if alone.is_of_one() => format!("{} [one patient]", number(alone.value)),
        Some(Interval { value, low, high, .. }) => format!("{} [{}, {}]", number(*value), number(*low), number(*high)),
        None => "undefined".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_patient_has_no_interval() {
        let mut some = Interval { value: 0.3, low: -0.25, high: 0.35, level: 0.95, n: 2, method: "bootstrap".into() };
        assert_eq!(bracketed(&some, 2), "0.30 [-0.25, 0.35]");
        assert_eq!(signed(&some, 1), "+0.3 [-0.2, +0.3]");
        some.method = format!("bootstrap; {}", Interval::OF_ONE);
        assert_eq!(bracketed(&some, 3), "0.300 [one patient]");
        assert_eq!(bracketed(None, 3), "undefined");
        assert_eq!([counted(1, "patient"), counted(0, "patient")], ["1 patient", "0 patients"]);
    }
}
