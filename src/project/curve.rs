//! The same slices projected at several strengths of the pull towards a rim, from faithful to rim-like, so that what is
//! gained by contested lesions can be seen beside what is invented on known non-rims.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::acceptance::Levels;
use super::aims::Wanted;
use super::feature_choice::Features;
use super::fingerprint::fingerprint;
use super::projector::Run;
use super::session::Session;
use super::targets::Target;
use super::units;
use crate::files;
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::arithmetic::Arithmetic;
use crate::records::projection::{CurvePoint, CurveSlice};
use crate::run_dir::ProjectionDir;
use crate::units::Ready;

/// Points that were made, in their file; kept after each, so that a resumed run goes on with the next.
#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    batch: u64,
    computed_with: Arithmetic,
    points: Vec<CurvePoint>,
}

impl Kept {
    /// Whether its points are made of the same things and in the same way.
    fn is_like(&self, other: &Self) -> bool {
        (&self.key, self.batch, &self.computed_with) == (&other.key, other.batch, &other.computed_with)
    }
}

/// One point for each of the settings' `curve`, its slices in the order of `targets`; points that are ready are taken
/// in.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished points are kept. What the feature net reports, or a failed write; a
/// point that is missing where none is to be made.
pub fn run(
    session: &Session<'_>,
    features: &Features<'_>,
    targets: &[Target],
    levels: &Levels,
    (dir, ready): (&ProjectionDir, &Ready),
    observer: &dyn Observer,
) -> Result<Vec<CurvePoint>> {
    let config = session.config;
    let curve = Curve::new(session, features, targets, levels);
    let mut kept = curve.kept(vec![]);
    if let Some(before) = files::read_note::<Kept>(dir.curve())?.filter(|before| before.is_like(&kept)) {
        kept.points = before.points;
    }
    observer.begin("towards rim", "image steps", (config.curve.len() * targets.len()) as u64 * config.steps);
    for (at, &towards_rim) in config.curve.iter().enumerate().skip(kept.points.len()) {
        observer.status(&format!("{towards_rim}"));
        let point = match curve.taken(at, ready)? {
            Some(point) => point,
            None => {
                ready.require_none(&[units::point(at)])?;
                curve.point(towards_rim, observer)?
            }
        };
        kept.points.push(point);
        files::write_json(dir.curve(), &kept)?;
    }
    observer.end();
    Ok(kept.points)
}

/// What all points depend on.
pub(super) struct Curve<'a> {
    session: &'a Session<'a>,
    features: &'a Features<'a>,
    targets: &'a [Target],
    levels: &'a Levels,
    key: String,
}

impl<'a> Curve<'a> {
    /// Of `targets`.
    pub fn new(
        session: &'a Session<'a>,
        features: &'a Features<'a>,
        targets: &'a [Target],
        levels: &'a Levels,
    ) -> Self {
        let prints: Vec<String> = targets.iter().map(|target| fingerprint(&session.settings(), target)).collect();
        let score = session.pull_identity();
        let curve = &session.config.curve;
        let key = json!([curve, features.identity, levels.present, levels.absent, score, prints]).to_string();
        Self { session, features, targets, levels, key }
    }

    fn kept(&self, points: Vec<CurvePoint>) -> Kept {
        let computed_with = self.session.place.arithmetic.clone();
        Kept { key: self.key.clone(), batch: self.session.config.batch, computed_with, points }
    }

    /// Leaves the point at one place of the settings' curve alone in `dir`.
    ///
    /// # Errors
    /// As [`run`].
    pub fn leave(&self, at: usize, dir: &ProjectionDir, observer: &dyn Observer) -> Result<()> {
        let point = self.point(self.session.config.curve[at], observer)?;
        files::write_json(dir.curve(), &self.kept(vec![point]))
    }

    /// The point at one place, where a unit with it is ready that was made of the same things.
    fn taken(&self, at: usize, ready: &Ready) -> Result<Option<CurvePoint>> {
        let Some(contents) = ready.read(&units::point(at))? else { return Ok(None) };
        let [(name, bytes)] = contents.as_slice() else { return Ok(None) };
        let kept: Kept = files::parse_json(name.as_ref(), bytes, "a point of a curve")?;
        Ok(if kept.is_like(&self.kept(vec![])) { kept.points.into_iter().next() } else { None })
    }

    fn point(&self, towards_rim: f64, observer: &dyn Observer) -> Result<CurvePoint> {
        let Self { session, features, targets, levels, .. } = self;
        let all: Vec<&Target> = targets.iter().collect();
        let usual = session.run(observer);
        let run = Run { wanted: Wanted { towards_rim, ..usual.wanted }, ..usual };
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
        Ok(CurvePoint { towards_rim, slices })
    }
}
