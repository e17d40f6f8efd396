//! Medians over lesions, shares with their intervals, and the table that the command prints.

use std::fmt::Write;

use crate::records::Interval;
use crate::records::perturbation::{Likeness, PerturbationRecord, PerturbationRow, PerturbedCase};
use crate::statistics::bootstrap::quantile;
use crate::statistics::proportion::wilson;

/// One row for each role and corruption, in the cases' order.
pub fn rows(cases: &[PerturbedCase]) -> Vec<PerturbationRow> {
    let mut groups: Vec<Vec<&PerturbedCase>> = Vec::new();
    for case in cases {
        let same =
            |group: &&mut Vec<&PerturbedCase>| group[0].role == case.role && group[0].corruption == case.corruption;
        match groups.iter_mut().find(same) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups.iter().map(|group| row(group)).collect()
}

fn row(group: &[&PerturbedCase]) -> PerturbationRow {
    let first = group[0];
    let middle = |of: &dyn Fn(&PerturbedCase) -> f64| {
        let mut values: Vec<f64> = group.iter().map(|case| of(case)).collect();
        values.sort_by(f64::total_cmp);
        quantile(&values, 0.5)
    };
    let likeness = |of: fn(&PerturbedCase) -> &Likeness| Likeness {
        ssim: middle(&|case| of(case).ssim),
        mse: middle(&|case| of(case).mse),
        lesion_rms: middle(&|case| of(case).lesion_rms),
        contrast: middle(&|case| of(case).contrast),
    };
    PerturbationRow {
        role: first.role.clone(),
        corruption: first.corruption.clone(),
        strength: first.strength.clone(),
        lesions: group.len() as u64,
        corrupted: likeness(|case| &case.corrupted),
        projected: likeness(|case| &case.projected),
        contrast_kept: (first.role != "non-rim").then(|| middle(&|case| case.projected.contrast / case.contrast)),
    }
}

/// Share of the cases of `role` without corruption that `hit`, with its Wilson interval.
pub fn share(cases: &[PerturbedCase], role: &str, hit: impl Fn(&PerturbedCase) -> bool) -> Option<Interval> {
    let own: Vec<_> = cases.iter().filter(|case| case.role == role && case.corruption == "none").collect();
    wilson(own.iter().filter(|case| hit(case)).count() as u64, own.len() as u64)
}

pub fn table(record: &PerturbationRecord) -> String {
    let unit = &record.unit;
    let mut text = format!(
        "{:<13} {:<16} {:>7}  {:>14}  {:>16}  {:>19}  {:>13}\n",
        "lesion",
        "corruption",
        "lesions",
        "SSIM",
        "MSE",
        format!("lesion RMS ({unit})"),
        "contrast kept"
    );
    for row in &record.summary {
        let pair = |a: f64, b: f64, digits: usize| format!("{a:.digits$} -> {b:.digits$}");
        let kept = row.contrast_kept.map_or_else(|| "-".into(), |kept| format!("{kept:.2}"));
        let _ = writeln!(
            text,
            "{:<13} {:<16} {:>7}  {:>14}  {:>16}  {:>19}  {:>13}",
            row.role,
            row.corruption,
            row.lesions,
            pair(row.corrupted.ssim, row.projected.ssim, 2),
            pair(row.corrupted.mse, row.projected.mse, 4),
            pair(row.corrupted.lesion_rms, row.projected.lesion_rms, 1),
            kept
        );
    }
    text.push_str("Medians against the slice as it was: spoiled -> projected.\n");
    for (what, share) in [("rims lost", &record.erased), ("rims invented in non-rims", &record.hallucinated)] {
        if let Some(share) = share {
            let percent = |value: f64| 100.0 * value;
            let (value, low, high) = (percent(share.value), percent(share.low), percent(share.high));
            let _ = writeln!(text, "{what}: {value:.0} % of {} ({low:.0} to {high:.0})", share.n);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(role: &str, corruption: &str, contrast: f64, after: f64) -> PerturbedCase {
        let like = |contrast| Likeness { ssim: 0.5, mse: 0.01, lesion_rms: 3.0, contrast };
        PerturbedCase {
            lesion_id: "a".into(),
            slice: 0,
            role: role.into(),
            corruption: corruption.into(),
            strength: String::new(),
            corrupted: like(contrast),
            projected: like(after),
            contrast,
            w_distance: 1.0,
            image: String::new(),
        }
    }

    #[test]
    fn rows_are_medians_by_role_and_corruption() {
        let cases = [
            case("rim", "none", 20.0, 10.0),
            case("rim", "blur", 20.0, 5.0),
            case("rim", "none", 20.0, 20.0),
            case("rim", "none", 20.0, 15.0),
            case("non-rim", "none", 2.0, 30.0),
        ];
        let rows = rows(&cases);
        assert_eq!(rows.iter().map(|row| row.lesions).collect::<Vec<_>>(), [3, 1, 1]);
        assert_eq!((rows[0].contrast_kept, rows[0].projected.contrast), (Some(0.75), 15.0));
        assert_eq!(rows[2].contrast_kept, None);
        let invented = share(&cases, "non-rim", |case| case.projected.contrast > 20.0).unwrap();
        assert_eq!((invented.value, invented.n), (1.0, 1));
    }
}
