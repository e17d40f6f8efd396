//! Section 4: what became of rims where lesions were projected, and the projections themselves.

use super::denoising_curve::{self, CurveRow};
use super::images::{Figure, data_uri};
use super::numbers::{middle_with_interval, number, share};
use crate::problem::Result;
use crate::records::projection::{ProjectedLesion, ProjectionRecord};
use crate::run_dir::StudyDir;
use crate::statistics::order::median;

/// Denoised lesions shown side by side; the rest are in the study folder.
const SHOWN: usize = 8;

/// What the section shows.
pub struct Denoising {
    /// A row for each role that occurs.
    pub roles: Vec<RoleRow>,
    /// What only a simulation can say: how many of the denoised were never rims.
    pub truth: Option<String>,
    /// From faithful to rim-like, where that was tried.
    pub curve: Vec<CurveRow>,
    /// Original, projection and difference.
    pub figures: Vec<Figure>,
}

/// Slices of one role: medians, and shares with their intervals.
pub struct RoleRow {
    /// "ambiguous", "rim" or "non-rim"; the ambiguous once more by their truth where that is known.
    pub role: String,
    /// Slices projected.
    pub slices: usize,
    /// Rim contrast before, ppb, with its interval.
    pub before: String,
    /// Rim contrast after, ppb, with its interval.
    pub after: String,
    /// Median of what each gained, ppb, with its interval; not the difference of the two before.
    pub gained: String,
    /// Share whose rim was erased.
    pub erased: String,
    /// Share that got a rim.
    pub invented: String,
    /// Difference inside the lesion, ppb.
    pub lesion_rms: String,
    /// Difference in the slice, ppb.
    pub slice_rms: String,
    /// Distance of w to the cloud.
    pub w_distance: String,
}

/// Reads the record and the figures of the denoised lesions.
pub fn section(projection: &ProjectionRecord, dir: &StudyDir) -> Result<Denoising> {
    let parts =
        [("ambiguous", None), ("ambiguous", Some(true)), ("ambiguous", Some(false)), ("rim", None), ("non-rim", None)];
    let roles = parts.into_iter().filter_map(|(role, truth)| row(projection, role, truth));
    let (truth, curve, figures) = (truth(projection), denoising_curve::rows(projection), figures(projection, dir)?);
    Ok(Denoising { roles: roles.collect(), truth, curve, figures })
}

/// `truth`: of those lesions alone whose truth is known to be that.
fn row(projection: &ProjectionRecord, role: &str, truth: Option<bool>) -> Option<RoleRow> {
    let chosen = |l: &&ProjectedLesion| l.role == role && (truth.is_none() || l.true_rim == truth);
    let lesions: Vec<&ProjectedLesion> = projection.lesions.iter().filter(chosen).collect();
    let middle = |of: fn(&ProjectedLesion) -> f64, digits| {
        let finite = lesions.iter().map(|l| of(l)).filter(|value| value.is_finite());
        median(finite).map_or_else(|| "—".into(), |value| number(value, digits))
    };
    let with_interval = |of: &dyn Fn(&ProjectedLesion) -> f64| {
        let items: Vec<(&str, f64)> = lesions.iter().map(|&l| (l.patient.as_str(), of(l))).collect();
        middle_with_interval(&items, 1, projection.seed)
    };
    let flagged = |flag: &str| {
        let rate = projection.flag_rates.iter().find(|rate| rate.role == role && rate.flag == flag);
        let rate = rate.filter(|_| truth.is_none());
        rate.map_or_else(|| "—".into(), |rate| share(rate.flagged, &rate.share))
    };
    (!lesions.is_empty()).then(|| RoleRow {
        role: match truth {
            None => role.to_owned(),
            Some(true) => format!("{role}, truly rims"),
            Some(false) => format!("{role}, truly none"),
        },
        slices: lesions.len(),
        before: with_interval(&|l| l.contrast_before),
        after: with_interval(&|l| l.contrast_after),
        gained: with_interval(&|l| l.contrast_after - l.contrast_before),
        erased: flagged("rim erased"),
        invented: flagged("rim invented"),
        lesion_rms: middle(|l| l.lesion_rms, 1),
        slice_rms: middle(|l| l.slice_rms, 1),
        w_distance: middle(|l| l.w_distance, 2),
    })
}

fn truth(projection: &ProjectionRecord) -> Option<String> {
    let rims = projection.true_among_ambiguous.as_ref()?;
    let ambiguous = projection.lesions.iter().filter(|l| l.role == "ambiguous");
    let true_rims = ambiguous.filter(|l| l.true_rim == Some(true)).count() as u64;
    Some(format!(
        "Known truth: of the {} projected ambiguous slices {} show a lesion that truly has a rim; the others were \
         never rims, and denoising labels them rim all the same.",
        rims.n,
        share(true_rims, rims)
    ))
}

fn figures(projection: &ProjectionRecord, dir: &StudyDir) -> Result<Vec<Figure>> {
    let ambiguous = projection.lesions.iter().filter(|lesion| lesion.role == "ambiguous");
    let shown = ambiguous.take(SHOWN);
    shown
        .map(|lesion| {
            let truth = match lesion.true_rim {
                Some(true) => ", truly a rim",
                Some(false) => ", truly not a rim",
                None => "",
            };
            Ok(Figure {
                image: data_uri(dir.root(), &dir.denoised(), &lesion.figure)?,
                caption: format!(
                    "{} slice {}{truth}: rim contrast {} → {} ppb",
                    lesion.lesion_id,
                    lesion.slice,
                    number(lesion.contrast_before, 1),
                    number(lesion.contrast_after, 1)
                ),
            })
        })
        .collect()
}
