//! The same slices projected at several strengths of the pull towards a rim, from faithful to rim-like, so that what is
//! gained by contested lesions can be seen beside what is invented on known non-rims.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::acceptance::Levels;
use super::aims::Wanted;
use super::feature_choice::Features;
use super::fingerprint::fingerprint;
use super::projector::Run;
use super::rim_score::RimScore;
use super::session::Session;
use super::targets::Target;
use crate::files;
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::arithmetic::Arithmetic;
use crate::records::projection::{CurvePoint, CurveSlice};
use crate::run_dir::ProjectionDir;

/// Points that were made, in their file; kept after each, so that a resumed run goes on with the next.
#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    batch: u64,
    computed_with: Arithmetic,
    points: Vec<CurvePoint>,
}

/// One point for each of the settings' `curve`, its slices in the order of `targets`.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished points are kept. What the feature net reports, or a failed write.
pub fn run(
    session: &Session<'_>,
    features: &Features<'_>,
    targets: &[Target],
    levels: &Levels,
    dir: &ProjectionDir,
    observer: &dyn Observer,
) -> Result<Vec<CurvePoint>> {
    let config = session.config;
    let prints: Vec<String> = targets.iter().map(|target| fingerprint(&session.settings(), target)).collect();
    let score = session.rim_score.as_ref().map(RimScore::identity);
    let key = json!([config.curve, features.identity, levels.present, levels.absent, score, prints]).to_string();
    let computed_with = session.place.arithmetic.clone();
    let mut kept = Kept { key, batch: config.batch, computed_with, points: vec![] };
    if let Some(before) = files::read_note::<Kept>(dir.curve())? {
        let same = (&before.key, before.batch, &before.computed_with) == (&kept.key, kept.batch, &kept.computed_with);
        kept.points = if same { before.points } else { vec![] };
    }
    let all: Vec<&Target> = targets.iter().collect();
    observer.begin("towards rim", "image steps", (config.curve.len() * targets.len()) as u64 * config.steps);
    for &towards_rim in &config.curve[kept.points.len().min(config.curve.len())..] {
        observer.status(&format!("{towards_rim}"));
        let usual = Run::new(config, session.seed, observer);
        let wanted = Wanted { towards_rim, ..usual.wanted };
        let run = Run { wanted, rim_score: session.rim_score.as_ref(), ..usual };
        let mut slices = Vec::new();
        session.projector.project_all(features.net.as_ref(), &all, &run, &mut |at, projected| {
            let target = &targets[at];
            let contrast_after = session.gauge.contrast_after(&projected.pixels, target)?;
            let before = target.lesion.as_ref().map_or(contrast_after, |lesion| lesion.contrast);
            let mask = target.mask.as_deref();
            let (lesion_rms, _) = session.gauge.root_mean_squares(&target.pixels, &projected.pixels, mask);
            slices.push(CurveSlice {
                contrast_after,
                lesion_rms,
                w_distance: projected.w_distance,
                rim_invented: levels.invented(before, contrast_after),
            });
            Ok(())
        })?;
        kept.points.push(CurvePoint { towards_rim, slices });
        files::write_json(dir.curve(), &kept)?;
    }
    observer.end();
    Ok(kept.points)
}
