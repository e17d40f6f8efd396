//! AUROC beside None's by DeLong's variance over patients.

use super::Ground;
use crate::problem::Result;
use crate::records::evidence::AurocRecord;
use crate::statistics::clustered_auroc::compare;
use crate::statistics::compare::holm;

/// Every arm and label for which two patients have a lesion of each kind.
///
/// # Errors
/// A score that is not a number.
pub fn beside_none(ground: &Ground<'_>) -> Result<Vec<AurocRecord>> {
    let Some(none) = ground.none() else { return Ok(vec![]) };
    let mut records = Vec::new();
    for side in ground.sides() {
        for (arm, name) in ground.beside_none() {
            let (own, of_none) = (ground.scores(arm), ground.scores(none));
            let Some(found) = compare(&own, &of_none, &side.labels, &ground.lesions.patients)? else { continue };
            records.push(AurocRecord {
                arm: name.to_owned(),
                against: side.name.to_owned(),
                auroc: found.first,
                none: found.second,
                difference: found.difference,
                p: found.p,
                p_corrected: None,
            });
        }
    }
    let corrected = holm(&records.iter().filter_map(|record| record.p).collect::<Vec<f64>>());
    let with_p = records.iter_mut().filter(|record| record.p.is_some());
    with_p.zip(corrected).for_each(|(record, p)| record.p_corrected = Some(p));
    Ok(records)
}
