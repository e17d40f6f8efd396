//! The control of shuffled labels: nothing can be learnt from them, so that what tells the classes apart all the same
//! is something else than lesions.

use super::Arm;
use super::config::{ClassifyConfig, Control};
use crate::records::classify::ArmRecord;

/// Warns of arms that were fitted to shuffled labels and whose interval of AUROC does not hold .5.
pub fn warning(config: &ClassifyConfig, arms: &[ArmRecord]) -> Option<String> {
    let shuffled =
        |arm: &&ArmRecord| config.control == Some(Control::ShuffleLabels) || arm.name == Arm::ShuffledLabels.name();
    let holds =
        |arm: &&ArmRecord| arm.against_readers.get("auroc").is_none_or(|auroc| auroc.low <= 0.5 && 0.5 <= auroc.high);
    let beyond: Vec<&str> = arms.iter().filter(shuffled).filter(|arm| !holds(arm)).map(|arm| &*arm.name).collect();
    (!beyond.is_empty()).then(|| {
        format!(
            "WITH SHUFFLED LABELS the interval of AUROC does not hold .5 ({}). It knows the chance of test patients \
             alone, and few fits miss .5 by theirs; where more seeds do not bring it back, something else than lesions \
             tells the classes apart.",
            beyond.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Interval;

    fn arm(arm: Arm, [low, high]: [f64; 2]) -> ArmRecord {
        let value = (low + high) / 2.0;
        let auroc = Interval { value, low, high, level: 0.95, n: 20, method: "bootstrap".to_owned() };
        ArmRecord {
            name: arm.name().to_owned(),
            description: String::new(),
            training_slices: vec![],
            per_seed: vec![],
            against_readers: [("auroc".to_owned(), auroc)].into(),
            against_truth: [].into(),
            extra_label_precision: None,
            by_class: None,
        }
    }

    #[test]
    fn only_arms_of_shuffled_labels_must_hold_a_half() {
        let config = ClassifyConfig::default();
        let real = arm(Arm::None, [0.7, 0.9]);
        let warned = |config, shuffled| warning(config, &[real.clone(), arm(Arm::ShuffledLabels, shuffled)]);
        assert_eq!(warned(&config, [0.4, 0.6]), None);
        assert_eq!(warned(&config, [0.5, 0.7]), None);
        for beyond in [[0.51, 0.7], [0.2, 0.49]] {
            let told = warned(&config, beyond).unwrap();
            assert!(told.contains(&format!("({})", Arm::ShuffledLabels.name())), "{told}");
        }
        let every = ClassifyConfig { control: Some(Control::ShuffleLabels), ..ClassifyConfig::default() };
        assert!(warned(&every, [0.4, 0.6]).unwrap().contains("(None)"));
    }
}
