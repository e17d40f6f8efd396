//! Medians over lesions, and shares with their intervals.

use crate::records::Interval;
use crate::records::perturbation::{Likeness, PerturbationRow, PerturbedCase};
use crate::statistics::order::median;
use crate::statistics::proportion::clustered;

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
    let middle =
        |of: &dyn Fn(&PerturbedCase) -> f64| median(group.iter().map(|case| of(case))).expect("a group holds a case");
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

/// Share of the cases of `role` without corruption that `hit`; `cases` come with their patient, whose lesions are one
/// cluster.
pub fn share<'a>(
    cases: impl IntoIterator<Item = (String, &'a PerturbedCase)>,
    role: &str,
    hit: impl Fn(&PerturbedCase) -> bool,
) -> Option<Interval> {
    let own = cases.into_iter().filter(|(_, case)| case.role == role && case.corruption == "none");
    clustered(own.map(|(patient, case)| (patient, hit(case))))
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
            image: "i".into(),
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
        let of_patients = |patients: [&str; 5]| patients.map(str::to_owned).into_iter().zip(&cases);
        let invented = share(of_patients(["a"; 5]), "non-rim", |case| case.projected.contrast > 20.0).unwrap();
        assert_eq!((invented.value, invented.n), (1.0, 1));
        // Three rims without corruption, one of them lost: of three patients, or two of the same.
        let lost = |patients| share(of_patients(patients), "rim", |case| case.projected.contrast < 12.0).unwrap();
        let (apart, together) = (lost(["a", "a", "b", "c", "d"]), lost(["a", "a", "b", "b", "c"]));
        assert_eq!((apart.value, apart.n, apart.method.as_str()), (1.0 / 3.0, 3, "Wilson"));
        assert_eq!((together.value, together.n), (1.0 / 3.0, 3));
        assert!(together.method.contains("2 patients"), "{}", together.method);
    }
}
