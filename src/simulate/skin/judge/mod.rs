//! Whether a simulated set is to be believed: its files are measured and held to its truth.

mod golden;

mod measured;

mod monotone;

mod told_apart;

use std::collections::BTreeSet;
use std::path::Path;

use self::measured::Set;
use super::classes::ALL;
use super::plan::{SkinConfig, counts};
use crate::files;
use crate::gates::verdict::require_all;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::Gate;
use crate::records::skin::{SkinClass, SkinRecord};
use crate::statistics::agreement::VoteTable;

/// Least share of a factor's variance that its meter must explain.
const EXPLAINED: f64 = 0.8;

/// From this side on what is as small as .3 mm can be seen.
const PATTERNS: usize = 128;

/// Factors that need it; smaller pictures are not held to them.
const OF_PATTERNS: [&str; 6] = ["network", "dots", "edge", "irregularity", "asymmetry", "variegation"];

/// Settings take some hundred bytes.
const MOST_OF_SETTINGS: u64 = 1 << 16;

/// Counts a set and holds it to its gates; writes nothing.
///
/// # Errors
/// No simulated set, one whose files do not fit each other, or a request to stop.
pub fn judge(root: &Path, observer: &dyn Observer) -> Result<SkinRecord> {
    let path = root.join(super::layout::SETTINGS);
    let what = "settings of a simulated set";
    let Some(text) = files::read_if_there(&path, MOST_OF_SETTINGS, what)? else {
        return Err(Problem::new(Kind::Input, "no simulated dermoscopic pictures")
            .at(root)
            .expected("a folder that simulate skin wrote")
            .advice("real pictures have no truth to be held to"));
    };
    let config: SkinConfig = files::parse_json(&path, &text, what)?;
    let set = Set::read(root, observer)?;
    let counted = |of: &dyn Fn(&measured::Row) -> bool| {
        let rows = set.rows.iter().filter(|row| of(row));
        (rows.clone().map(|row| row.lesion.as_str()).collect::<BTreeSet<_>>().len() as u64, rows.count() as u64)
    };
    let classes = ALL.map(|class| {
        let own = |row: &measured::Row| row.dx == class.key();
        let (lesions, images) = counted(&own);
        let called = [0, 1].map(|reader: usize| counted(&|row| own(row) && row.called[reader]).0);
        SkinClass { dx: class.key().to_owned(), lesions, images, called }
    });
    let lesions = set.lesions();
    let votes = VoteTable::from_votes(lesions.iter().map(|row| (row.called[0], row.called[1])));
    let mut record = SkinRecord {
        simulated: true,
        seed: config.seed,
        side: config.side,
        lesions: lesions.len() as u64,
        images: set.rows.len() as u64,
        classes: classes.to_vec(),
        kappa: votes.kappa(),
        gates: vec![],
        gallery: None,
    };
    record.gates = gates(&config, &record, &set);
    Ok(record)
}

/// Refuses a set that does not pass.
///
/// # Errors
/// `Kind::Gate`: those that failed.
pub fn require_passed(record: &SkinRecord) -> Result<()> {
    require_all(&record.gates, "a small set may miss a range by chance; see each gate's source for what it asks")
}

fn gates(config: &SkinConfig, record: &SkinRecord, set: &Set) -> Vec<Gate> {
    let mut gates =
        vec![Gate::new("colours off the reference", "levels", golden::farthest(), [0.0, 1.0], golden::SOURCE)];
    let ham = "HAM10000: typology angle of the skin of 10,013 images";
    let angles: Vec<f64> = set.measured().map(|row| row.typology_angle).collect();
    let mean = angles.iter().sum::<f64>() / angles.len() as f64;
    let deviation = (angles.iter().map(|angle| (angle - mean).powi(2)).sum::<f64>() / angles.len() as f64).sqrt();
    gates.push(Gate::new("typology angle, mean", "degrees", mean, [41.5, 45.5], ham));
    gates.push(Gate::new("typology angle, deviation", "degrees", deviation, [4.0, 6.0], ham));
    let asked = counts(config.lesions, config.least);
    let off = |(class, count): &(super::classes::Diagnosis, u32)| {
        let found = record.classes.iter().find(|found| found.dx == class.key()).map_or(0, |found| found.lesions);
        found.abs_diff(u64::from(*count)) as f64
    };
    let most = asked.iter().map(off).fold(0.0, f64::max);
    gates.push(Gate::new("lesions of a class off what was asked", "", most, [0.0, 0.0], "the settings"));
    // 1,956 of 7,470 lesions; three deviations of a binomial share.
    let (share, lesions) = (1956.0 / 7470.0, record.lesions as f64);
    let repeated = set.lesions().iter().filter(|row| row.photographs > 1).count() as f64 / lesions;
    let wide = 3.0 * (share * (1.0 - share) / lesions).sqrt();
    let source = "HAM10000: 1,956 of 7,470 lesions were photographed more than once";
    gates.push(Gate::new("share of lesions photographed again", "", repeated, [share - wide, share + wide], source));
    for (at, name) in set.factors.iter().enumerate() {
        // What a picture this small does not show, sets of larger ones are held to.
        if set.side < PATTERNS && OF_PATTERNS.contains(name) {
            continue;
        }
        let source = "monotone fit of the meter's value on every second lesion, R2 on the others";
        let explained = monotone::explained(set, at);
        gates.push(Gate::new(format!("{name}, R2 of its meter"), "", explained, [EXPLAINED, 1.0], source));
    }
    let source = "linear discriminant of the meters, by lesion in five parts: learnable and not trivial";
    gates.push(Gate::new("balanced accuracy", "", told_apart::balanced_accuracy(set), [0.5, 0.9], source));
    gates
}
