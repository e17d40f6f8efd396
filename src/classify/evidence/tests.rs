use super::*;
use crate::classify::compare::{Yardstick, compare};
use crate::classify::config::Width;
use crate::classify::fit::Plan;
use crate::classify::material::tests::small;
use crate::classify::runs::{ArmRuns, Fitted};
use crate::records::classes::Classes;
use crate::records::classify::ClassifyRecord;

/// Arms None and ADA-GAN-LD with these scores, \[repetitions\]\[lesions\].
fn runs(none: &[Vec<f64>], other: &[Vec<f64>]) -> Runs {
    let set = Arm::AdaGanLd.compose(&small().select(0, RunSeed(0), 5, 2.0).unwrap(), 12);
    let arm = |arm, scores: &[Vec<f64>]| ArmRuns {
        arm,
        sets: vec![set.clone(); scores.len()],
        fits: scores.iter().map(|test| Fitted { validation: vec![], test: vec![test.clone()] }).collect(),
        generators: 1,
    };
    let plan = Plan { classifier: Width::Small.classifier(1), steps: 1, batch: 12, learning_rate: 1e-3 };
    Runs { plan, arms: vec![arm(Arm::None, none), arm(Arm::AdaGanLd, other)], computed_with: vec![], files: vec![] }
}

fn lesions(patients: &[u32], labels: &[bool]) -> TestLesions {
    TestLesions {
        patients: patients.iter().map(|patient| format!("sub-{patient:02}")).collect(),
        labels: labels.iter().map(|label| Some(*label)).collect(),
        truth: None,
        classes: Classes::of_readers(),
    }
}

/// The evidence, after a trip through JSON, which has no place for what is not a number.
fn found(runs: &Runs, lesions: &TestLesions) -> EvidenceRecord {
    let config = ClassifyConfig { bootstrap_draws: 200, ..Default::default() };
    let repetitions = runs.arms[0].fits.len();
    let thresholds = vec![vec![0.5; repetitions]; 2];
    let yardstick = Yardstick { lesions, truth: None, log_kept: -0.7 };
    let found = compare(runs, &thresholds, yardstick, &config, RunSeed(1)).unwrap().evidence.unwrap();
    let text = serde_json::to_string(&found).unwrap();
    let read: EvidenceRecord = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(read, found);
    read
}

/// 12 patients with a positive and two negatives each. None has every third positive below the threshold; the other arm
/// finds all of them but calls one negative in four patients.
fn example() -> (Runs, TestLesions) {
    let patients: Vec<u32> = (0..12).flat_map(|patient| [patient; 3]).collect();
    let labels: Vec<bool> = (0..36).map(|lesion| lesion % 3 == 0).collect();
    let small = |lesion: usize| (lesion * 7 % 36) as f64 * 1e-3;
    let none =
        |lesion: usize| if lesion.is_multiple_of(3) && !lesion.is_multiple_of(9) { 1.0 } else { 0.0 } + small(lesion);
    let other = |lesion: usize| if lesion.is_multiple_of(3) || lesion % 9 == 1 { 1.0 } else { 0.0 } + small(lesion);
    let scores = |of: &dyn Fn(usize) -> f64| (0..36).map(of).collect::<Vec<f64>>();
    let runs = runs(&vec![scores(&none); 3], &vec![scores(&other); 3]);
    (runs, lesions(&patients, &labels))
}

/// By hand: of 12 positives the arm finds 4 that None misses, and calls 4 negatives that None does not: 4 discordant
/// either way in each repetition, p 1; of each of four patients the differences cancel.
#[test]
fn answers_and_calls_by_hand() {
    let (runs, lesions) = example();
    let found = found(&runs, &lesions);
    let answers = &found.answers[0];
    assert_eq!((answers.per_seed.len(), answers.per_seed[0].arm_only, answers.per_seed[0].none_only), (3, 4, 4));
    assert_eq!((answers.per_seed[0].p, answers.p_by_patient, answers.p_corrected), (1.0, 1.0, 1.0));
    // 16 calls; None's threshold moved from 8 calls to 16 takes in eight of the 28 lesions about 0, some of them
    // positives.
    let calls = &found.equal_calls[0];
    assert_eq!((calls.calls, calls.none_calls), (16.0, 8.0));
    let moved = calls.sensitivity.as_ref().unwrap();
    assert!(moved.value > 0.0 && moved.value < 4.0 / 12.0, "{moved:?}");
    let use_of = &found.in_use[1];
    // Sensitivity 1, specificity 20 of 24: at 3.3 % a call is right in .033 / (.033 + .967 / 6).
    let expected = 0.033 / (0.033 + 0.967 / 6.0);
    assert!((use_of.ppv.as_ref().unwrap().value - expected).abs() < 1e-12);
    assert_eq!(use_of.npv.as_ref().unwrap().value, 1.0);
    let power = &found.power[0];
    assert_eq!((power.positives, power.patients), (12, 12));
    assert!((power.effective - 12.0).abs() < 1e-9, "each of another patient: no design effect");
    assert!((power.discordance - 4.0 / 12.0).abs() < 1e-12);
}

#[test]
fn the_primary_question_is_not_corrected_and_all_others_are() {
    let (runs, lesions) = example();
    let found = found(&runs, &lesions);
    assert_eq!(found.contrasts.len(), 3);
    let primary: Vec<_> = found.contrasts.iter().filter(|contrast| contrast.primary).collect();
    assert_eq!(primary.len(), 1);
    assert_eq!((primary[0].metric.as_str(), primary[0].against.as_str()), ("auprc", "readers"));
    assert_eq!(primary[0].p, primary[0].p_corrected);
    for contrast in found.contrasts.iter().filter(|contrast| !contrast.primary) {
        assert!(contrast.p_corrected >= contrast.p);
        // Three equal fits: all of the variance is the patients'; one generator: unknown.
        assert_eq!(
            (contrast.shares.patients, contrast.shares.fits, contrast.shares.generators),
            (1.0, Some(0.0), None)
        );
    }
    assert!(found.notes.iter().any(|note| note.contains("unknown, not 0")));
    assert!(found.notes.iter().any(|note| note.contains("Only 12 test patients")));
    // An AUROC by DeLong and by the bootstrap is the same number.
    let [delong, bootstrap] = [&found.auroc[0].difference, &found.contrasts[1].difference];
    assert_eq!(found.contrasts[1].metric, "auroc");
    assert!((delong.value - bootstrap.value).abs() < 1e-12);
    assert!((delong.low - bootstrap.low).abs() < 0.08, "{delong:?} {bootstrap:?}");
}

/// One patient, no positive, no negative, one seed, all scores alike, arms that are the same, separated classes, scores
/// beyond any probability: words, and JSON that can be read back.
#[test]
fn what_cannot_be_computed_has_words() {
    let labels = [true, false, true, false, false, true, false, false];
    let patients = [0, 0, 1, 1, 2, 2, 3, 3];
    let scores: Vec<f64> = (0..8).map(|lesion| f64::from(lesion * 3 % 8) / 4.0).collect();
    let same = runs(std::slice::from_ref(&scores), std::slice::from_ref(&scores));
    let said = |found: &EvidenceRecord, words: &str| {
        assert!(found.notes.iter().any(|note| note.contains(words)), "{words}: {:?}", found.notes);
    };
    let one_seed = found(&same, &lesions(&patients, &labels));
    said(&one_seed, "One fit an arm");
    assert!(one_seed.contrasts.iter().all(|contrast| contrast.p == Some(1.0) && contrast.shares.fits.is_none()));
    let one_patient = found(&same, &lesions(&[0; 8], &labels));
    said(&one_patient, "One patient alone");
    assert!(one_patient.contrasts.is_empty() && one_patient.auroc.is_empty());
    assert!(one_patient.calibration.iter().all(|arm| arm.brier.is_none()));
    let no_positive = found(&same, &lesions(&patients, &[false; 8]));
    said(&no_positive, "No test lesion is agreed positive");
    assert!(no_positive.power.is_empty());
    let all_positive = found(&same, &lesions(&patients, &[true; 8]));
    said(&all_positive, "Every test lesion is agreed positive");
    let flat = found(&runs(&[vec![0.0; 8]], &[vec![1.0; 8]]), &lesions(&patients, &labels));
    said(&flat, "The calibration slope");
    assert!(flat.auroc[0].difference.value == 0.0);
    said(&flat, "Predictive values are undefined");
    let far = |sign: f64| labels.iter().map(|label| sign * if *label { 1e6 } else { -1e6 }).collect::<Vec<f64>>();
    let apart = found(&runs(&[far(-1.0)], &[far(1.0)]), &lesions(&patients, &labels));
    assert_eq!((apart.auroc[0].difference.value, apart.auroc[0].p), (1.0, None));
    // The average precision of a ranking upside down depends on the patients drawn, the others on nothing.
    let still = apart.contrasts.iter().filter(|contrast| contrast.metric != "auprc");
    assert!(still.clone().count() == 2 && still.clone().all(|contrast| contrast.p.is_none()));
    assert!(still.into_iter().all(|contrast| contrast.p_corrected.is_none() && contrast.detectable.is_none()));
    let mut lone = same;
    lone.arms.remove(0);
    let config = ClassifyConfig { bootstrap_draws: 200, ..Default::default() };
    let lesions = lesions(&patients, &labels);
    let yardstick = Yardstick { lesions: &lesions, truth: None, log_kept: 0.0 };
    let alone = compare(&lone, &[vec![0.5]], yardstick, &config, RunSeed(1)).unwrap().evidence.unwrap();
    said(&alone, "Without a None arm nothing is compared.");
    assert_eq!((alone.contrasts.len(), alone.calibration.len()), (0, 1));
}

/// A record of before there was any evidence.
#[test]
fn older_records_are_read() {
    let text = r#"{"pooling":"","optimiser_steps":1,"batch":4,"seeds":[0],"threshold_rule":"","test":{"patients":1,
        "lesions":1,"rims":1,"ambiguous":0,"non_rims":0,"prevalence":1.0,"true_prevalence":null},"arms":[],
        "differences":[],"parameters":1}"#;
    let record: ClassifyRecord = serde_json::from_str(text).unwrap();
    assert_eq!(record.evidence, None);
    assert!(!serde_json::to_string(&record).unwrap().contains("evidence"));
}

/// Four fits of two generators in turn: the first's find all positives, the second's none of them. Between generators
/// lies what the metrics differ by, within them nothing.
#[test]
fn the_share_of_generators_is_known_where_there_are_several() {
    let (mut runs, lesions) = example();
    let none = runs.arms[0].fits[0].test[0].clone();
    let good: Vec<f64> = (0..36).map(|lesion| f64::from(u8::from(lesion % 3 == 0)) + lesion as f64 * 1e-4).collect();
    let bad: Vec<f64> = good.iter().map(|score| -score).collect();
    runs = self::runs(&vec![none; 4], &[good.clone(), bad.clone(), good, bad]);
    let alone = found(&runs, &lesions);
    assert!(alone.contrasts.iter().all(|contrast| contrast.shares.generators.is_none()));
    assert!(alone.notes[1].contains("from one generator"), "{:?}", alone.notes);
    runs.arms[1].generators = 2;
    assert_eq!(runs.arms[1].generator_of_each(), [0, 1, 0, 1]);
    let several = found(&runs, &lesions);
    let auroc = |found: &EvidenceRecord| found.contrasts.iter().find(|c| c.metric == "auroc").unwrap().clone();
    let (alone, both) = (auroc(&alone), auroc(&several));
    assert!(both.shares.generators.unwrap() > 0.8 && both.shares.fits == Some(0.0), "{both:?}");
    assert!(both.difference.method.contains("patients, generators, fits"), "{}", both.difference.method);
    let width =
        |contrast: &crate::records::evidence::ContrastRecord| contrast.difference.high - contrast.difference.low;
    assert!(width(&both) > width(&alone), "one degree of freedom instead of three");
    assert!(several.notes[1].contains("of 2 generators in turn"), "{:?}", several.notes);
}
