//! The glioma study from end to end on a few simulated brains, and variants on their own.

use std::fs;

use rimforge::records::glioma::GliomaRecord;
use rimforge::records::variants::{VariantRun, VariantsRecord};

use crate::fuzz::volumes::copy;
use crate::place::{Place, read};
use crate::tiny_runs::outcome;

const STUDY: &str = r#"
kind = "glioma"
name = "tiny"
out = "study"

[engine]
device = "cpu"
threads = 1

[brains.simulate]
africa = 3
others = 3
seed = 5

[prepare]
side = 16
brats = { step = 12 }

[train]
kimg = 0.064
batch = 16

[train.net]
z_dim = 16
w_dim = 16
channel_base = 256
channel_max = 16

[generate]
seeds = "0-23"

[tumours]
arms = ["frequent", "frequent+synthetic"]
seeds = 1
steps = 4
batch = 4
width = "tiny"
shown = 1

[variants]
names = ["normal", "attention", "feature-quantisation", "top-k", "adain", "lecam", "relativistic"]
seeds = 1
kimg = 0.064
points = 2
drawn = 24
"#;

fn results(place: &Place) -> GliomaRecord {
    read(&place.path("study/results.json"))
}

#[test]
fn brains_become_a_report_and_nothing_is_done_twice() {
    let place = Place::new(STUDY);
    let said = place.done("run study.toml");
    assert!(said.contains("SIMULATED") && said.contains("feature-quantisation"), "{said}");
    let record = results(&place);
    assert!(record.simulated && record.prepare.simulated);
    assert_eq!(record.brains.as_ref().unwrap().cases, 6);
    assert_eq!(record.prepare.patients_on_two_sides, 0);
    let classes = &record.training.classes;
    assert!(classes.contains(&"axial-tumour-SSA".to_owned()) && classes.contains(&"sagittal-GLI".to_owned()));
    assert_eq!(record.synthesis.channels, ["t1c", "t2f", "seg"]);
    let tumours = record.tumours.as_ref().unwrap();
    assert_eq!((tumours.arms.len(), tumours.test.len()), (2, 2));
    assert_eq!(tumours.arms.iter().map(|arm| arm.learns.drawn > 0).collect::<Vec<_>>(), [false, true]);
    let variants = record.variants.as_ref().unwrap();
    assert_eq!(variants.variants.len(), 7);
    for variant in &variants.variants {
        assert_eq!((variant.runs.len(), variant.runs[0].points.len()), (1, 2), "{}", variant.key);
        assert!(variant.at_equal_images.mean.is_finite() && variant.at_equal_images.mean > 0.0);
        let words = variant.verdict.map(|verdict| verdict.words());
        assert_eq!(words, (variant.key != "normal").then_some("no difference shown"), "one training shows none");
    }
    assert!(variants.reader.as_ref().unwrap().accuracy > 1.0 / classes.len() as f64);
    let page = fs::read_to_string(place.path("study/report/index.html")).unwrap();
    for says in [
        "SIMULATED",
        "Variants at equal budget",
        "Frequent + drawn rare",
        "no difference shown",
        "axial-tumour-SSA",
        "relativistic",
    ] {
        assert!(page.contains(says), "{says}");
    }
    assert!(!page.contains(">NaN") && !page.contains(" NaN"));

    // Kept as it is; the report alone, too.
    let bytes = fs::read(place.path("study/results.json")).unwrap();
    place.done("run study.toml");
    assert_eq!(fs::read(place.path("study/results.json")).unwrap(), bytes);
    fs::remove_file(place.path("study/report/index.html")).unwrap();
    place.done("report study");
    assert_eq!(fs::read_to_string(place.path("study/report/index.html")).unwrap(), page);

    variants_alone(&place);
    given_volumes(&place);
}

/// The command trains what it is told; a run that has it all goes on with nothing.
fn variants_alone(place: &Place) {
    let command = "variants --data study/data --out v --names normal,commitment,diffaugment,transposed --seeds 2 --kimg \
                   0.032 --points 1 --drawn 12 --device cpu --threads 1 --set condition=labels --set batch=16 --set \
                   net.z_dim=16 --set net.w_dim=16 --set net.channel_base=256 --set net.channel_max=16";
    let said = place.done(command);
    assert!(said.contains("2 trainings of each variant") && said.contains("transposed"), "{said}");
    let record: VariantsRecord = read(&place.path("v/record.json"));
    assert_eq!(record.variants.iter().map(|variant| variant.runs.len()).collect::<Vec<_>>(), [2; 4]);
    let network = fs::read(place.path("v/transposed-1/network-last.safetensors")).unwrap();
    place.done(command);
    assert_eq!(fs::read(place.path("v/transposed-1/network-last.safetensors")).unwrap(), network);
    let floor = record.floor.unwrap();
    for variant in &record.variants {
        assert_eq!(variant.to_floor.map(|reach| reach.distance), Some(floor));
        let (first, own) = (variant.to_first.unwrap(), &variant.runs);
        assert_eq!(first.distance, record.variants[0].at_equal_images.mean);
        let near = |run: &&VariantRun| run.points.iter().any(|point| point.distance <= first.distance);
        assert_eq!(first.trainings as usize, own.iter().filter(near).count());
    }
    // A recipe of one's own: beside a variant, from a base, with what `--set` says of all.
    let recipes = command
        .replace("normal,commitment,diffaugment,transposed", "ada")
        .replace("--out v", "--out r --recipe from-ada:base=v/normal-0 --recipe from-ada:ada.augment=none");
    let said = place.done(&recipes);
    assert!(said.contains("until as near as") && said.contains("from-ada"), "{said}");
    let record: VariantsRecord = read(&place.path("r/record.json"));
    let [ada, own] = &record.variants[..] else { panic!("{said}") };
    assert_eq!((ada.key.as_str(), own.key.as_str(), own.runs.len()), ("ada", "from-ada", 2));
    assert!(own.about.contains("base = \"v/normal-0\"") && own.about.contains("augment = \"none\""), "{}", own.about);
    let base: serde_json::Value = read(&place.path("r/from-ada-1/record.json"));
    assert!(base["base"].is_object() || base["base"].is_string(), "{base}");
    for (recipe, code, says) in [
        ("a:bas=none", 2, "did you mean `train.base`"),
        ("a", 2, "NAME:KEY=VALUE"),
        ("ada:batch=8", 2, "that no variant has"),
        ("a:kimg=3", 2, "variants.recipes.a.kimg"),
        ("a/b:batch=8", 2, "path separator"),
    ] {
        place.refused(code, &format!("variants --data study/data --out w --names ada --recipe {recipe}"), says);
    }
    place.refused(2, "variants --data study/data --out w --names normal,normal", "each once");
    place.refused(2, "variants --data study/data --out w --names nonsense", "nonsense");
    assert!(!place.path("w").exists());
}

/// The same volumes as a user's own: one that changes makes the slices anew.
fn given_volumes(place: &Place) {
    let study = STUDY
        .replace("[brains.simulate]\nafrica = 3\nothers = 3\nseed = 5\n", "[brains]\nbrats = \"study/cohort\"\n")
        .replace("out = \"study\"", "out = \"given\"");
    let study = &study[..study.find("[tumours]").unwrap()];
    fs::write(place.path("given.toml"), study).unwrap();
    place.done("run given.toml");
    let record: GliomaRecord = read(&place.path("given/results.json"));
    assert!(record.brains.is_none() && record.variants.is_none() && record.simulated);
    assert_eq!(record.prepare.lesions, results(place).prepare.lesions);
    place.refused(3, "run given.toml --set brains.brats=nosuch --set out=x", "brains.brats names it");
    place.refused(2, "run given.toml --set brains.simulate.africa=2 --set out=x", "at once");
    place.refused(2, "run study.toml --set train.condition=none --set out=x", "train.condition");
    place.refused(2, "run study.toml --set train.base=embedded --set out=x", "train.base = \"embedded\"");
    assert!(!place.path("x").exists());
}

/// Fits of segmentations, and whole trainings: units like any other.
#[test]
#[ignore = "minutes; `make attack` runs it"]
fn fits_and_trainings_can_be_made_by_shards() {
    let study = STUDY.replace(", \"attention\", \"feature-quantisation\", \"top-k\", \"adain\", \"lecam\"", "");
    let (whole, parts) = (Place::new(&study), Place::new(&study));
    whole.done("run study.toml --before tumours");
    copy(&whole.path("study"), &parts.path("study"));
    whole.done("run study.toml");
    assert!(parts.done("plan study.toml --stages").starts_with("variants\ngenerate\ntumours\n"));
    for stage in ["variants", "tumours"] {
        parts.done(&format!("run study.toml --before {stage}"));
        parts.done(&format!("run study.toml --stage {stage} --shard 1/2"));
        parts.refused(5, &format!("merge study.toml --until {stage}"), "1 units of");
        parts.done(&format!("run study.toml --stage {stage} --shard 0/2"));
        parts.done(&format!("merge study.toml --until {stage}"));
    }
    parts.done("merge study.toml");
    fs::remove_dir_all(parts.path("study/units")).unwrap();
    let files = |place: &Place| {
        let mut files = outcome(&place.path("study"));
        // What variants are worth in equal time hangs on how long they took.
        files.retain(|name, _| ![".stages/variants.json", "results.json", "variants/record.json"].contains(&&**name));
        files
    };
    let (left, right) = (files(&whole), files(&parts));
    let differ: Vec<&String> = left.keys().chain(right.keys()).filter(|at| left.get(*at) != right.get(*at)).collect();
    assert!(differ.is_empty() && left.keys().any(|name| name.contains("relativistic-0/network-last")), "{differ:?}");
    let (left, right) = (results(&whole), results(&parts));
    assert_eq!(left.tumours, right.tumours);
    for (left, right) in left.variants.unwrap().variants.iter().zip(&right.variants.unwrap().variants) {
        assert_eq!(left.at_equal_images, right.at_equal_images);
        let points = |run: &VariantRun| run.points.iter().map(|at| (at.images, at.distance)).collect::<Vec<_>>();
        assert_eq!(points(&left.runs[0]), points(&right.runs[0]));
    }
}
