//! What a call and its absence mean where positives are as rare as in use.

use super::{Ground, total};
use crate::records::Confusion;
use crate::records::evidence::InUseRecord;
use crate::statistics::bootstrap::mean;
use crate::statistics::confusion::{npv_at, ppv_at};

/// Every arm and label, at the settings' reference prevalence.
pub fn of_arms(ground: &Ground<'_>) -> Vec<InUseRecord> {
    let prevalence = ground.config.reference_prevalence;
    let mut records = Vec::new();
    for side in ground.sides() {
        let patients = &ground.lesions.patients;
        let carriers = side.patients_with(true, patients).min(side.patients_with(false, patients));
        for (at, arm) in ground.runs.arms.iter().enumerate() {
            let counts = |(scores, threshold)| ground.by_patient(scores, &side.labels, threshold);
            let repetitions: Vec<Vec<Confusion>> = ground.called(at).map(counts).collect();
            let statistics = |copies: &[u32]| -> Vec<Option<f64>> {
                let of = |value: fn(&Confusion, f64) -> Option<f64>| {
                    mean(repetitions.iter().map(|counts| value(&total(counts, copies), prevalence)))
                };
                vec![of(ppv_at), of(npv_at)]
            };
            let drawn = ground.bootstrap().draw(2, statistics);
            records.push(InUseRecord {
                arm: arm.arm.name().to_owned(),
                against: side.name.to_owned(),
                prevalence,
                ppv: drawn.interval(0, carriers),
                npv: drawn.interval(1, carriers),
            });
        }
    }
    records
}
