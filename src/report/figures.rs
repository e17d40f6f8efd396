//! The report's plots, each from a record.

use super::svg::{Axis, Plot};
use crate::records::classify::{ArmRecord, ClassifyRecord};
use crate::records::cohort::CohortRecord;
use crate::records::projection::ProjectionRecord;
use crate::records::training::{TickRecord, TrainingRecord};

/// Patients by their number of agreed rims.
pub fn rims_per_patient(cohort: &CohortRecord) -> String {
    let most_rims = cohort.rims_per_patient.iter().map(|(rims, _)| *rims).max().unwrap_or(0) as f64;
    let most_patients = cohort.rims_per_patient.iter().map(|(_, patients)| *patients).max().unwrap_or(1) as f64;
    let x = Axis::fixed("agreed rim lesions in a patient", -0.7, most_rims + 0.7);
    let y = Axis::fixed("patients", 0.0, most_patients * 1.08);
    let mut plot = Plot::new(430.0, 260.0, x, y);
    for (rims, patients) in &cohort.rims_per_patient {
        plot.bar(*rims as f64, *patients as f64, "c1");
    }
    plot.finish("Patients by number of agreed rim lesions", true)
}

fn thousands(tick: &TickRecord) -> f64 {
    tick.images as f64 / 1000.0
}

/// Frechet distance against images seen, with the real-to-real floor and the kept snapshot.
pub fn frechet_curve(training: &TrainingRecord) -> String {
    let points: Vec<(f64, f64)> =
        training.curve.iter().filter_map(|tick| Some((thousands(tick), tick.frechet?))).collect();
    let floor = training.frechet_real_floor;
    let x = kimg_axis(training);
    let y = Axis::around("Fréchet distance", points.iter().map(|p| p.1).chain(floor), Some(0.0));
    let mut plot = Plot::new(548.0, 300.0, x, y);
    if let Some(floor) = floor {
        plot.horizontal_rule(floor, "c3");
        plot.legend("real to real", "c3");
    }
    plot.line(&points, "c1");
    plot.legend("generated to real", "c1");
    for (x, y) in &points {
        plot.dot(*x, *y, 2.5, "c1");
    }
    if let Some(best) = training.best_frechet {
        plot.dot(training.best_images as f64 / 1000.0, best, 5.5, "c2 hollow");
        plot.legend("kept", "c2");
    }
    plot.finish("Fréchet distance during training", true)
}

/// The same distance for the standard and the conditional generator, and the conditional one's over both classes.
pub fn conditional_curve(standard: &TrainingRecord, conditional: &TrainingRecord) -> String {
    let points = |training: &TrainingRecord, of: fn(&TickRecord) -> Option<f64>| -> Vec<(f64, f64)> {
        training.curve.iter().filter_map(|tick| Some((thousands(tick), of(tick)?))).collect()
    };
    let curves = [
        ("standard", "c1", points(standard, |tick| tick.frechet)),
        ("conditional, rims", "c2", points(conditional, |tick| tick.frechet)),
        ("conditional, both classes", "c3", points(conditional, |tick| tick.frechet_all_classes)),
    ];
    let values = curves.iter().flat_map(|(.., points)| points.iter().map(|p| p.1));
    let longer = if standard.images > conditional.images { standard } else { conditional };
    let mut plot = Plot::new(548.0, 300.0, kimg_axis(longer), Axis::around("Fréchet distance", values, Some(0.0)));
    for (name, class, points) in &curves {
        plot.line(points, class);
        points.iter().for_each(|(x, y)| plot.dot(*x, *y, 2.5, class));
        plot.legend(name, class);
    }
    plot.finish("Standard and conditional generator", true)
}

/// Losses against images seen.
pub fn loss_curves(training: &TrainingRecord) -> String {
    let losses = |of: fn(&TickRecord) -> f64| -> Vec<(f64, f64)> {
        training.curve.iter().map(|tick| (thousands(tick), of(tick))).collect()
    };
    let (g, d) = (losses(|tick| tick.loss_g), losses(|tick| tick.loss_d));
    let y = Axis::around("loss", g.iter().chain(&d).map(|p| p.1), Some(0.0));
    let mut plot = Plot::new(548.0, 300.0, kimg_axis(training), y);
    plot.line(&g, "c1");
    plot.legend("generator", "c1");
    plot.line(&d, "c2");
    plot.legend("discriminator", "c2");
    plot.finish("Generator and discriminator loss", true)
}

/// The adaptive augmentation: its probability and the overfitting signal that drives it.
pub fn augmentation_curves(training: &TrainingRecord) -> String {
    let of = |value: fn(&TickRecord) -> f64| -> Vec<(f64, f64)> {
        training.curve.iter().map(|tick| (thousands(tick), value(tick))).collect()
    };
    let (p, rt) = (of(|tick| tick.ada_p), of(|tick| tick.ada_rt));
    let y = Axis::around("p and r_t", p.iter().chain(&rt).map(|p| p.1), Some(0.0));
    let mut plot = Plot::new(548.0, 300.0, kimg_axis(training), y);
    plot.line(&p, "c1");
    plot.legend("augmentation probability p", "c1");
    plot.line(&rt, "c2");
    plot.legend("overfitting signal r_t", "c2");
    plot.finish("Adaptive augmentation", true)
}

fn kimg_axis(training: &TrainingRecord) -> Axis {
    let most = training.curve.iter().map(thousands).fold(0.0, f64::max);
    Axis::fixed("real images shown to the discriminator (thousands)", 0.0, if most > 0.0 { most * 1.03 } else { 1.0 })
}

/// Rim contrast before and after projection, one dot a lesion, by role.
pub fn contrast_scatter(projection: &ProjectionRecord) -> String {
    let all = || projection.lesions.iter().flat_map(|lesion| [lesion.contrast_before, lesion.contrast_after]);
    let x = Axis::around("rim contrast before projection (ppb)", all(), Some(0.0));
    let y = Axis { label: "rim contrast after projection (ppb)".into(), ..x.clone() };
    let diagonal = [(x.low, x.low), (x.high, x.high)];
    let mut plot = Plot::new(548.0, 440.0, x, y);
    plot.line(&diagonal, "rule-line");
    plot.legend("unchanged", "rule-line");
    for (role, class) in [("non-rim", "c3"), ("rim", "c2"), ("ambiguous", "c1")] {
        let lesions: Vec<_> = projection.lesions.iter().filter(|lesion| lesion.role == role).collect();
        for lesion in &lesions {
            plot.dot(lesion.contrast_before, lesion.contrast_after, 3.5, class);
        }
        if !lesions.is_empty() {
            plot.legend(&format!("{role} ({})", lesions.len()), class);
        }
    }
    plot.finish("Rim contrast before and after projection", true)
}

/// One metric over the arms: interval, mean and the seeds' own values.
pub fn arms_forest(classify: &ClassifyRecord, metric: &str, label: &str, truth: bool) -> String {
    let interval = |arm: &ArmRecord| {
        let table = if truth { &arm.against_truth } else { &arm.against_readers };
        table.get(metric).cloned()
    };
    let seeds = |arm: &ArmRecord| -> Vec<f64> {
        let of = |s: &crate::records::classify::SeedScores| {
            let table = if truth { &s.against_truth } else { &s.against_readers };
            table.get(metric).copied()
        };
        arm.per_seed.iter().filter_map(of).collect()
    };
    let rows: Vec<_> = classify.arms.iter().filter_map(|arm| Some((arm, interval(arm)?))).collect();
    let values = rows.iter().flat_map(|(arm, i)| [i.low, i.high].into_iter().chain(seeds(arm))).collect::<Vec<_>>();
    let count = rows.len() as f64;
    let x = Axis::around(label, values, None);
    let height = 90.0 + 34.0 * count;
    let mut plot = Plot::new(548.0, height, x, Axis::fixed("", 0.4, count + 0.6)).with_left_margin(110.0);
    let none = classify.none().and_then(interval);
    if let Some(none) = &none {
        plot.vertical_rule(none.value, "c3");
    }
    for (index, (arm, interval)) in rows.iter().enumerate() {
        let y = count - index as f64;
        plot.row_label(y, &arm.name);
        plot.whisker(interval.low, interval.high, y, "c1");
        for value in seeds(arm) {
            plot.dot(value, y - 0.22, 2.2, "c2");
        }
        plot.dot(interval.value, y, 4.5, "c1");
    }
    plot.legend("mean and 95 % interval", "c1");
    plot.legend("each seed", "c2");
    if none.is_some() {
        plot.legend("None", "c3");
    }
    plot.finish(&format!("{label} by arm"), false)
}
