//! Whether a simulated set is to be believed: its files are measured and held to what is published of real heads.

use std::path::Path;

use super::case::{GRID, Head};
use super::layout::SETTINGS;
use super::measured::{Measured, measured};
use super::plan::{BrainConfig, Case, Population, plan};
use super::scanner::{Contrast, Examination, Scanner};
use crate::files;
use crate::gates::verdict::require_all;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::brain::{BrainPopulation, BrainRecord};
use crate::records::cohort::Gate;

/// Settings take some hundred bytes.
const MOST_OF_SETTINGS: u64 = 1 << 16;

/// Box of an adult's brain on two public templates, mm.
const BOX_MM: [f64; 3] = [144.0, 180.0, 152.0];

/// Their largest sagittal, coronal and axial slices, mm2.
const AREAS_MM2: [f64; 3] = [17_900.0, 16_500.0, 20_500.0];

/// Slices across each axis with at least a fifth of that area.
const USABLE: [[f64; 2]; 3] = [[115.0, 140.0], [140.0, 170.0], [112.0, 132.0]];

/// Root mean square difference of T1-weighted levels so many mm apart, over their deviation in the brain.
const TEXTURE: [(usize, f64); 5] = [(1, 0.34), (2, 0.60), (4, 0.92), (8, 1.17), (16, 1.33)];

/// Measures a set and holds it to its gates; writes nothing.
///
/// # Errors
/// No simulated set, one whose files do not fit each other, or a request to stop.
pub fn judge(root: &Path, observer: &dyn Observer) -> Result<BrainRecord> {
    let path = root.join(SETTINGS);
    let what = "settings of a simulated set";
    let Some(text) = files::read_if_there(&path, MOST_OF_SETTINGS, what)? else {
        return Err(Problem::new(Kind::Input, "no simulated brains")
            .at(root)
            .expected("a folder that simulate brain wrote")
            .advice("real brains have no truth to be held to"));
    };
    let config: BrainConfig = files::parse_json(&path, &text, what)?;
    let cases = measured(root, &config, observer)?;
    let populations = [Population::Africa, Population::Others].into_iter().filter_map(|one| population(one, &cases));
    Ok(BrainRecord {
        simulated: true,
        seed: config.seed,
        cases: cases.len() as u64,
        populations: populations.collect(),
        gates: gates(&cases, &plan(&config)),
        gallery: None,
    })
}

/// Refuses a set that does not pass.
///
/// # Errors
/// `Kind::Gate`: those that failed.
pub fn require_passed(record: &BrainRecord) -> Result<()> {
    require_all(&record.gates, "a set of few cases may miss a range by chance; see each gate's source for what it asks")
}

fn population(population: Population, cases: &[Measured]) -> Option<BrainPopulation> {
    let own: Vec<&Measured> = cases.iter().filter(|case| case.row.population == population).collect();
    let mut volumes: Vec<f64> = own.iter().map(|case| case.whole_ml()).collect();
    volumes.sort_by(f64::total_cmp);
    let whole_ml = *volumes.get(volumes.len() / 2)?;
    let scanners = [Scanner::LowThick, Scanner::LowThin, Scanner::HighThin].map(Scanner::key);
    let at = |scanner: &str| own.iter().filter(|case| case.row.scanner == scanner).count() as u64;
    Some(BrainPopulation {
        key: population.key().into(),
        cases: own.len() as u64,
        scanners: scanners.map(|scanner| (scanner.to_owned(), at(scanner))).to_vec(),
        whole_ml,
        labelled: [0, 1, 2].map(|label: usize| own.iter().filter(|case| case.labels_ml[label] > 0.0).count() as u64),
    })
}

/// A tenth, or so many, either way.
fn about(value: f64, share: f64) -> [f64; 2] {
    [value * (1.0 - share), value * (1.0 + share)]
}

fn gates(cases: &[Measured], plan: &[Case]) -> Vec<Gate> {
    let mean = |of: &dyn Fn(&Measured) -> f64| cases.iter().map(of).sum::<f64>() / cases.len() as f64;
    let templates = "two public templates of adults";
    let mut gates = vec![
        Gate::new("brain, mean", "litres", mean(&|case| case.brain_ml / 1000.0), [1.4, 1.9], templates),
        Gate::new(
            "grey over white matter, mean",
            "",
            mean(&|case| case.row.grey_ml / case.row.white_ml),
            about(1008.0 / 670.0, 0.15),
            "MNI152's probabilities: 1008 and 670 ml",
        ),
    ];
    let axes = ["left to right", "back to front", "down to up"];
    for (axis, name) in axes.into_iter().enumerate() {
        let value = mean(&|case| case.extent[axis]);
        gates.push(Gate::new(format!("box {name}, mean"), "mm", value, about(BOX_MM[axis], 0.1), templates));
    }
    for (axis, name) in ["sagittal", "coronal", "axial"].into_iter().enumerate() {
        let value = mean(&|case| case.areas[axis]);
        gates.push(Gate::new(
            format!("largest {name} slice, mean"),
            "mm2",
            value,
            about(AREAS_MM2[axis], 0.15),
            templates,
        ));
        let value = mean(&|case| case.usable[axis]);
        gates.push(Gate::new(format!("{name} slices above a fifth of it, mean"), "", value, USABLE[axis], templates));
    }
    if let Some(first) = plan.first() {
        let found = texture(&Head::new(first));
        for ((lag, expected), found) in TEXTURE.into_iter().zip(found) {
            let name = format!("T1 texture over {lag} mm, without noise");
            gates.push(Gate::new(name, "sd", found, about(expected, 0.3), "Colin27, the mean of 27 scans of one head"));
        }
    }
    let whole = |low: bool| {
        let volumes = cases.iter().map(Measured::whole_ml);
        if low { volumes.fold(f64::INFINITY, f64::min) } else { volumes.fold(0.0, f64::max) }
    };
    let atlas = "volumes of gliomas as BraTS has them";
    gates.push(Gate::new("smallest whole tumour", "ml", whole(true), [5.0, 120.0], atlas));
    gates.push(Gate::new("largest whole tumour", "ml", whole(false), [20.0, 300.0], atlas));
    let outside = cases.iter().map(|case| case.outside).sum::<u64>() as f64;
    gates.push(Gate::new("labels outside the brain", "voxels", outside, [0.0, 0.0], "labels lie in what was stripped"));
    let negative = cases.iter().filter(|case| case.negative > 0).count() as f64;
    let source = "BraTS-Africa: levels below 0 occur inside the brain";
    gates.push(Gate::new("cases with levels below 0", "", negative, [1.0, cases.len() as f64], source));
    gates
}

/// Of a T1-weighted image at 3 T as it would be without noise and shading, with all voxels of the brain.
fn texture(head: &Head) -> [f64; 5] {
    let quiet =
        Examination { noise: 0.0, shading: 0.0, ..Examination::draw(Scanner::HighThin, crate::seed::RunSeed(0)) };
    let levels = head.image(Contrast::T1n, &quiet);
    let inside: Vec<usize> = (0..GRID.voxels()).filter(|&at| head.brain.brain[at]).collect();
    let count = inside.len() as f64;
    let mean = inside.iter().map(|&at| f64::from(levels[at])).sum::<f64>() / count;
    let variance = inside.iter().map(|&at| (f64::from(levels[at]) - mean).powi(2)).sum::<f64>() / count;
    TEXTURE.map(|(lag, _)| {
        let strides = [1, GRID.shape[0], GRID.shape[0] * GRID.shape[1]].map(|stride| stride * lag);
        let (mut sum, mut pairs) = (0.0, 0u64);
        for &at in &inside {
            for other in strides.map(|stride| at + stride) {
                if other < levels.len() && head.brain.brain[other] {
                    sum += f64::from(levels[at] - levels[other]).powi(2);
                    pairs += 1;
                }
            }
        }
        (sum / pairs.max(1) as f64 / variance).sqrt()
    })
}
