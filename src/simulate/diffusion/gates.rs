//! Whether a simulated set is to be believed: its files are measured and held to what is published of real heads.

use std::path::Path;

use super::layout::SETTINGS;
use super::measured::{Mean, Measured, measured};
use super::plan::{DiffusionConfig, Group};
use crate::files;
use crate::gates::verdict::require_all;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::Gate;
use crate::records::diffusion::{DiffusionGroup, DiffusionRecord};

/// Settings take some hundred bytes.
const MOST_OF_SETTINGS: u64 = 1 << 16;

/// Measures a set and holds it to its gates; writes nothing.
///
/// # Errors
/// No simulated set, one whose files do not fit each other, or a request to stop.
pub fn judge(root: &Path, observer: &dyn Observer) -> Result<DiffusionRecord> {
    let path = root.join(SETTINGS);
    let what = "settings of a simulated set";
    let Some(text) = files::read_if_there(&path, MOST_OF_SETTINGS, what)? else {
        return Err(Problem::new(Kind::Input, "no simulated examinations")
            .at(root)
            .expected("a folder that simulate diffusion wrote")
            .advice("real examinations have no truth to be held to"));
    };
    let config: DiffusionConfig = files::parse_json(&path, &text, what)?;
    let persons = measured(root, &config, observer)?;
    Ok(DiffusionRecord {
        simulated: true,
        seed: config.seed,
        persons: persons.len() as u64,
        groups: Group::ALL.into_iter().filter_map(|group| told(group, &persons)).collect(),
        gates: gates(&persons),
        gallery: None,
    })
}

/// Refuses a set that does not pass.
///
/// # Errors
/// `Kind::Gate`: those that failed.
pub fn require_passed(record: &DiffusionRecord) -> Result<()> {
    require_all(
        &record.gates,
        "a set of few persons may miss a range by chance; see each gate's source for what it asks",
    )
}

fn of_group(group: Group, persons: &[Measured]) -> Vec<&Measured> {
    persons.iter().filter(|one| one.row.group == group).collect()
}

/// Mean over persons that have a value.
fn mean(persons: &[&Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    let values: Vec<f64> = persons.iter().map(|one| of(one)).filter(|value| value.is_finite()).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

fn told(group: Group, persons: &[Measured]) -> Option<DiffusionGroup> {
    let own = of_group(group, persons);
    let mut volumes: Vec<f64> = own.iter().map(|one| one.lesion_ml).collect();
    volumes.sort_by(f64::total_cmp);
    let lesion_ml = *volumes.get(volumes.len() / 2)?;
    Some(DiffusionGroup {
        key: group.key().into(),
        persons: own.len() as u64,
        age: mean(&own, |one| f64::from(one.row.age)),
        white_fa: mean(&own, |one| one.white.value()),
        lesions: own.iter().map(|one| u64::from(one.row.lesions)).sum(),
        lesion_ml,
    })
}

fn gates(persons: &[Measured]) -> Vec<Gate> {
    let all: Vec<&Measured> = persons.iter().collect();
    let fa = |of: &dyn Fn(&Measured) -> Mean| mean(&all, |one| of(one).value());
    let pierpaoli = "Pierpaoli et al. 1996; Basser and Pajevic 2000 on what noise adds";
    let mut gates = vec![
        Gate::new("brain, mean", "litres", mean(&all, |one| one.brain_ml / 1000.0), [1.4, 1.95], "templates of adults"),
        Gate::new(
            "FA of white matter, mean",
            "",
            fa(&|one| one.white),
            [0.40, 0.50],
            "means of white matter at 3 T and 2 mm: Lebel et al. 2012",
        ),
        Gate::new("FA of grey matter, mean", "", fa(&|one| one.grey), [0.08, 0.22], pierpaoli),
        Gate::new("FA of fluid, mean", "", fa(&|one| one.csf), [0.0, 0.15], pierpaoli),
        Gate::new(
            "FA of the callosum, mean",
            "",
            fa(&|one| one.callosum),
            [0.65, 0.85],
            "genu, body, splenium in adults: Lebel et al. 2012; Hasan et al. 2009",
        ),
        Gate::new(
            "anisotropy outside the brain",
            "voxels",
            persons.iter().map(|one| one.outside).sum::<u64>() as f64,
            [0.0, 0.0],
            "maps are 0 where skull stripping leaves nothing",
        ),
    ];
    let [healthy, sick] = Group::ALL.map(|group| of_group(group, persons));
    if !sick.is_empty() {
        let ratio = mean(&sick, |one| one.lesions.value() / one.white.value());
        gates.push(Gate::new(
            "FA of lesions over white matter, mean",
            "",
            ratio,
            [0.4, 0.8],
            "Werring et al. 1999; Filippi et al. 2001: lesions .25 to .33, white matter .41 to .46",
        ));
        let bright = mean(&sick, |one| one.flair[0].value() / one.flair[1].value());
        gates.push(Gate::new("FLAIR of lesions over white matter, mean", "", bright, [1.2, 2.2], "lesions are bright"));
        let volume = mean(&sick, |one| one.lesion_ml);
        gates.push(Gate::new("lesions, mean", "ml", volume, [1.0, 25.0], "volumes in relapsing disease: 2 to 20 ml"));
    }
    if !healthy.is_empty() {
        let marked = healthy.iter().map(|one| one.lesion_ml).sum();
        gates.push(Gate::new("lesions of the healthy", "ml", marked, [0.0, 0.0], "they have no mask"));
    }
    gates
}
