//! What a projection depends on, as text and as a hash: a finished one is not made again while this stays the same.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::ProjectConfig;
use super::aims::Wanted;
use super::emphasis::Emphasis;
use super::projector::Projector;
use super::targets::Target;
use crate::digest;
use crate::seed::RunSeed;

/// What every projection of a run depends on, feature net aside.
pub fn settings(config: &ProjectConfig, projector: &Projector, seed: RunSeed) -> serde_json::Value {
    let mut settings = json!({
        "version": 1,
        "network": projector.network_sha256,
        "steps": config.steps,
        "learning_rate": config.learning_rate,
        "w_noise": config.w_noise,
        "noise_regularisation": config.noise_regularisation,
        "w_samples": config.w_samples,
        "condition": config.condition,
        "space": config.space,
        "start": config.start,
        "candidates": config.candidates,
        "precision": projector.precision,
        "seed": seed.0,
    });
    // Absent where nothing is weighed or pulled: what was made before there were such settings is still known.
    let Wanted { emphasis: Emphasis { background, margin }, cloud, towards_rim } = config.wanted();
    if background != 1.0 {
        settings["emphasis"] = json!([background, margin]);
    }
    if cloud != 0.0 {
        settings["cloud_pull"] = json!(cloud);
    }
    if !config.noise_maps.is_usual() {
        settings["noise_maps"] = json!(config.noise_maps);
    }
    if towards_rim != 0.0 {
        settings["towards_rim"] = json!(towards_rim);
    }
    settings
}

/// Hash of a job's settings without the class that is projected into: losses of two folders mean the same where it is
/// the same.
pub fn alike(settings: &serde_json::Value) -> String {
    let mut settings = settings.clone();
    let parts = settings.as_array_mut().into_iter().flatten();
    parts.filter_map(serde_json::Value::as_object_mut).for_each(|part| drop(part.remove("condition")));
    digest::sha256(settings.to_string())
}

/// Hash of `settings` and of a target's name, pixels and mask; lower-case hexadecimal.
pub fn fingerprint(settings: &serde_json::Value, target: &Target) -> String {
    let mut hash = Sha256::new();
    hash.update(settings.to_string());
    hash.update([0]);
    hash.update(target.id.as_str());
    for value in &target.pixels {
        hash.update(value.to_le_bytes());
    }
    for &voxel in target.mask.iter().flatten() {
        hash.update([u8::from(voxel)]);
    }
    digest::hex(hash.finalize())
}
