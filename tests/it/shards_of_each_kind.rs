//! Stages that only some kinds of study have, made by shards: the same files and results as in one piece.

use std::collections::BTreeSet;
use std::fs;

use rimforge::records::units::{PlanRecord, ShardRecord};

use crate::fuzz::volumes::copy;
use crate::place::Place;
use crate::tiny_runs::{assert_same, outcome};

/// Few maps, some batches of images that are projected.
const ACCURACY: &str = r#"
kind = "projection-accuracy"
name = "tiny"
out = "study"
engine = { device = "cpu", threads = 1 }
maps.simulate = { healthy = 5, ms = 5, seed = 5 }
prepare = { side = 16, fa = { slices = 7 }, test_fraction = 0.4, validation_fraction = 0.2 }
train = { kimg = 0.032, batch = 16, net = { z_dim = 8, w_dim = 8, channel_base = 64, channel_max = 8 } }
generate = { seeds = "3,0-2,4-39", formats = ["png"] }
project = { steps = 3, candidates = 8, w_samples = 64, batch = 4 }
residuals = { accuracy = 2, spoiled = 1, calibration = 5, validation = 3, test = 4, draws = 100, shown = 1 }
"#;

/// Every kind of method of inversion, so every kind of unit.
const SKIN: &str = r#"
kind = "dermatoscopy"
name = "tiny"
out = "study"
engine = { device = "cpu", threads = 1 }
images.simulate = { lesions = 70, least = 10, seed = 5 }
train = { kimg = 0.032, batch = 16, net = { z_dim = 8, w_dim = 8, channel_base = 64, channel_max = 8 } }
generate = { seeds = "0-20" }
directions = { samples = 100, codes = 4, random = 20, count = 1, layers = ["all"], methods = ["closed-form"], shown = 1, threshold = 1e-6 }
classify = { arms = ["none", "oversample"], seeds = 2, epochs = 1, maps = 1 }
[invert]
images = 7
compared = 2
edits = 0
batch = 3
encoder_steps = 4
hyper_steps = 2
hyper_batch = 2
pivotal_steps = 2
descent_steps = 2
w_samples = 200
compare = ["encoder+hypernetwork", "encoder+pivotal-each", "w-descent", "w-descent+pivotal-each", "w-plus-descent+pivotal-all"]
"#;

/// Every stage beside the main path, on a simulated cohort that has FLAIR, traced rims and the truth.
const RIMS: &str = r#"
name = "tiny"
out = "study"
engine = { device = "cpu", threads = 1 }
cohort.simulate = { preset = "tiny", patients = 14 }
prepare = { patch = [8, 16, 16], validation_fraction = 0.3 }
train = { kimg = 0.024, batch = 4, tick_kimg = 0.008, net = { z_dim = 8, w_dim = 8, channel_base = 64, channel_max = 8 } }
generate = { seeds = "0-39" }
project = { steps = 3, limit = 4, batch = 2, w_samples = 100, candidates = 20 }
conditional = { kimg = 0.024 }
two_sided = { seen = 2 }
multi_contrast = { kimg = 0.024, denoise = 3 }
segment = { width = "tiny", seeds = 2, steps = 3, batch = 4, draws = 100 }
classify = { arms = ["none", "two-sided", "ada-cgan"], epochs = 1, seeds = 1 }
"#;

/// `stages` by so many shards each, merged, and the rest of the study: as a run in one piece. Gives the
/// names of the units of each stage.
fn by_shards(study: &str, stages: &[&str], counts: &[usize]) -> Vec<Vec<String>> {
    let whole = Place::new(study);
    whole.done(&format!("run study.toml --before {}", stages[0]));
    let begun = whole.path("begun");
    copy(&whole.path("study"), &begun);
    whole.done("run study.toml");
    let expected = outcome(&whole.path("study"));
    assert!(expected.contains_key("results.json"));
    let mut units = vec![];
    for &count in counts {
        let parts = Place::new(study);
        copy(&begun, &parts.path("study"));
        units.clear();
        for stage in stages {
            parts.done(&format!("run study.toml --before {stage}"));
            let shard = |index: usize| -> ShardRecord {
                let output = parts.run(&format!("run study.toml --json --stage {stage} --shard {index}/{count}"));
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                serde_json::from_slice(&output.stdout).unwrap()
            };
            // The last first: the first unit of a stage is missing then, were it the only one.
            let last = shard(count - 1);
            if count > 1 {
                parts.refused(
                    5,
                    &format!("merge study.toml --until {stage}"),
                    &format!("units of {stage} are missing"),
                );
            }
            let records: Vec<ShardRecord> = (0..count - 1).map(shard).chain([last]).collect();
            let all: Vec<String> = records.iter().flat_map(|record| record.units.clone()).collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{stage}: a unit of two shards");
            // Before it is merged a plan knows its units, and that they lie there.
            let plan: PlanRecord = serde_json::from_str(plan(&parts).trim()).unwrap();
            let planned: Vec<_> = plan.units.iter().filter(|unit| unit.stage == *stage).collect();
            assert!(planned.len() == all.len() && planned.iter().all(|unit| unit.done), "{planned:?}");
            assert!(shard(0).made.is_empty(), "{stage}: made twice");
            parts.done(&format!("merge study.toml --until {stage}"));
            units.push(all);
        }
        parts.done("run study.toml");
        fs::remove_dir_all(parts.path("study/units")).unwrap();
        assert_same(&format!("{count} shards"), &parts.path("study"), &expected);
    }
    units
}

fn plan(place: &Place) -> String {
    let output = place.run("plan study.toml --json");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "minutes; `make attack` runs it"]
fn projections_of_healthy_and_lesioned_images_and_ranges_of_seeds() {
    let units = by_shards(ACCURACY, &["generate", "residuals"], &[3, 7]);
    // Without arrays of their own: the pictures alone do not say what is measured.
    assert_eq!(units[0].len(), 3);
    assert!(units[1].len() > 4, "{units:?}");
}

#[test]
#[ignore = "minutes; `make attack` runs it"]
fn networks_descents_and_tunings_of_an_inversion() {
    let units = by_shards(SKIN, &["generate", "invert", "classify"], &[3, 7]);
    assert_eq!(units[0].len(), 2);
    let names: BTreeSet<&str> = units[1].iter().map(String::as_str).collect();
    let expected = [
        "encoder",
        "hypernetwork",
        "tuned-encoder",
        "w-compared-0000",
        "w-compared-0001",
        "w-plus-training-0000",
        "tuned-w-plus-descent",
        "encoder-then-pivotal-each-0001",
        "w-descent-then-pivotal-each-0000",
    ];
    assert!(expected.iter().all(|name| names.contains(name)), "{names:?}");
}

#[test]
fn lesions_as_of_either_class_several_contrasts_and_masks() {
    let stages = [
        "train-conditional",
        "generate-conditional",
        "train-multi-contrast",
        "generate-multi-contrast",
        "project-multi-contrast",
        "segment",
        "project-contested-as-rim",
        "project-contested-as-non-rim",
        "project-rims-as-rim",
        "project-rims-as-non-rim",
        "project-non-rims-as-rim",
        "project-non-rims-as-non-rim",
        "classify",
    ];
    let units = by_shards(RIMS, &stages, &[3]);
    assert_eq!((units[0].len(), units[1].len(), units[12].len()), (1, 3, 3), "{units:?}");
    assert!(units[4].len() > 1 && units[5].len() >= 6 && units[6].len() > 1, "{units:?}");
}
