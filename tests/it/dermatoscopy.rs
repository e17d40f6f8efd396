//! The dermatoscopy study from end to end on a few simulated photographs.

use std::fs;

use rimforge::files;
use rimforge::nets::{Generator, GeneratorConfig, weights};
use rimforge::records::dermatoscopy::DermatoscopyRecord;
use rimforge::records::edit::EditRecord;
use rimforge::records::label::{NetworkLabel, Provenance, Tuned};
use rimforge::seed::RunSeed;
use tch::Device;

use crate::place::{Place, read};

const STUDY: &str = r#"
kind = "dermatoscopy"
name = "tiny"
out = "study"

[engine]
device = "cpu"
threads = 1

[images.simulate]
lesions = 84
least = 12
seed = 5

[external.simulate]
lesions = 42
least = 6
seed = 6

[train]
kimg = 0.064
batch = 16

[train.net]
z_dim = 16
w_dim = 16
channel_base = 256
channel_max = 16

[second]
kimg = 0.032
batch = 16

[second.net]
z_dim = 16
w_dim = 16
channel_base = 256
channel_max = 16

[generate]
seeds = "0-139"

[invert]
encoder_steps = 4
pivotal_steps = 2
compared = 4
w_samples = 200
compare = ["encoder"]

[directions]
samples = 200
codes = 6
random = 20
count = 2
layers = ["all"]
methods = ["closed-form"]
shown = 2
threshold = "none"

[edit]
images = 70

[classify]
arms = ["none", "oversample", "classical", "synthetic-2k", "sa-2k", "sa-2k-filtered"]
seeds = 2
epochs = 1
maps = 1
"#;

#[test]
fn photographs_become_a_report_and_nothing_is_done_twice() {
    let place = Place::new(STUDY);
    // Whether a direction of a network that learnt nothing passes the null is chance: one is named instead.
    let accept = "--set edit.accept=['closed-form_all_01']";
    let said = place.done(&format!("run study.toml {accept}"));
    assert!(said.contains("SIMULATED") && said.contains("external test"), "{said}");
    let bytes = fs::read(place.path("study/results.json")).unwrap();
    let record: DermatoscopyRecord = read(&place.path("study/results.json"));
    assert!(record.simulated && record.prepare.simulated);
    let names = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"];
    assert_eq!(record.classify.classes.iter().map(|class| class.name()).collect::<Vec<_>>(), names);
    let edits = record.edits.as_ref().unwrap();
    assert_eq!((edits.directions.len(), edits.classes.len()), (1, 7));
    assert_eq!(edits.classes.iter().map(|class| class.images).sum::<u64>(), 70);
    // Edits are of the training side alone, and of their lesions' classes.
    let edits: EditRecord = read(&place.path("study/edited/record.json"));
    let data = rimforge::data::Prepared::open(place.path("study/data")).unwrap();
    for (edit, class) in edits.edits.iter().zip(&edits.image_classes) {
        let lesion = data.manifest().lesions.iter().find(|lesion| lesion.id == edit.lesion_id).unwrap();
        assert_eq!((lesion.split, lesion.class.name()), (rimforge::data::manifest::Split::Train, class.as_str()));
    }
    let second = record.directions.second.as_ref().unwrap();
    assert_eq!(second.sets.len(), 1);
    assert_ne!(second.network_sha256, record.directions.network_sha256);
    assert_eq!(record.classify.arms.len(), 6);
    assert_eq!(record.classify.external.as_ref().unwrap().arms.len(), 6);
    let page = fs::read_to_string(place.path("study/report/index.html")).unwrap();
    for says in
        ["SIMULATED", "Who is taken for what", "External test", "Atlas", "SA-2k, filtered", "left open", "mean |cos|"]
    {
        assert!(page.contains(says), "{says}");
    }
    // Pictures are text, too, and may spell anything.
    assert!(!page.contains(">NaN") && !page.contains(" NaN"));

    // Kept as it is; the report alone, too.
    place.done(&format!("run study.toml {accept}"));
    assert_eq!(fs::read(place.path("study/results.json")).unwrap(), bytes);
    fs::remove_file(place.path("study/report/index.html")).unwrap();
    place.done("report study");
    assert_eq!(fs::read_to_string(place.path("study/report/index.html")).unwrap(), page);
    // The stage alone gives what the study's gave.
    place.done(
        "edit --data study/data --network study/gan/network-best.safetensors --inverted study/inverted --directions \
         study/directions --accept closed-form_all_01 --images 7 --out alone --device cpu --threads 1",
    );
    let alone: EditRecord = read(&place.path("alone/record.json"));
    assert_eq!((alone.images.len(), alone.classes.len()), (7, 7));
    let nosuch = "edit --data study/data --network study/gan --inverted study/inverted --directions study/directions \
                  --accept nosuch --out x";
    place.refused(3, nosuch, "no direction nosuch");
    what_is_of_another_split_or_was_replaced_is_refused(&place);

    // That no direction is accepted is a result, too.
    let said = place.done("run study.toml --set directions.threshold=0.000001");
    assert!(said.contains("no direction is accepted"), "{said}");
    let record: DermatoscopyRecord = read(&place.path("study/results.json"));
    assert!(record.edits.is_none());
    assert_eq!(record.classify.arms.len(), 4);
    let page = fs::read_to_string(place.path("study/report/index.html")).unwrap();
    assert!(page.contains("No direction was accepted"));
}

/// The test side of one split is the training side of another, and a file beside a record is not always the record's.
fn what_is_of_another_split_or_was_replaced_is_refused(place: &Place) {
    place.done("prepare --ham10000 study/cohort --classes labels --seed 77 --out other --test-fraction 0.3");
    let edit = |data: &str, inverted: &str, out: &str| {
        format!(
            "edit --data {data} --network study/gan/network-best.safetensors --inverted {inverted} --directions \
             study/directions --accept closed-form_all_01 --images 7 --out {out} --device cpu --threads 1"
        )
    };
    place.refused(5, &edit("other", "study/inverted", "x"), "inversions of data");
    let invert = "invert --data other --network study/gan/network-best.safetensors --out elsewhere --embed encoder \
                  --refine none --encoder-steps 1 --images 20 --compared 2 --device cpu --threads 1";
    place.done(invert);
    place.refused(5, &edit("other", "elsewhere", "x"), "directions of data");
    assert!(!place.path("x").exists());

    let classify = "classify --data study/data --edited alone --arms sa-2k --seeds 1 --epochs 1 --out c --device cpu";
    let record = place.path("alone/record.json");
    let own = fs::read_to_string(&record).unwrap();
    let edits: EditRecord = read(&record);
    let sha256 = edits.edited_sha256.unwrap();
    fs::write(&record, own.replace(&format!("\"edited_sha256\": \"{sha256}\""), "\"edited_sha256\": \"of another\""))
        .unwrap();
    place.refused(5, classify, "edits of data of another");
    let data = rimforge::data::Prepared::open(place.path("study/data")).unwrap();
    let tested = data.manifest().lesions.iter().find(|lesion| lesion.split == rimforge::data::manifest::Split::Test);
    fs::write(&record, own.replacen(edits.edits[0].lesion_id.as_str(), tested.unwrap().id.as_str(), 1)).unwrap();
    place.refused(5, classify, "an edit of ");
    fs::write(&record, own).unwrap();

    // Photographs of the data set's own lesions, which are others only where somebody says so.
    let manifest = place.path("other/manifest.json");
    let own = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, own.replacen("\"simulated\": true", "\"simulated\": false", 1)).unwrap();
    let external = "classify --data study/data --external other --arms none --seeds 1 --epochs 1 --out e --device cpu";
    place.refused(5, external, "lesions that the data set has, too");
    place.refused(5, &format!("{external} --external-apart"), "of the external test set is one of the data set's");
    fs::write(&manifest, own).unwrap();

    let record = place.path("study/inverted/record.json");
    let own = fs::read_to_string(&record).unwrap();
    let mut turned: serde_json::Value = serde_json::from_str(&own).unwrap();
    let methods = turned["methods"].as_array_mut().unwrap();
    methods.iter_mut().for_each(|method| method["codes"]["images"].as_array_mut().unwrap().reverse());
    fs::write(&record, turned.to_string()).unwrap();
    place.refused(3, &edit("study/data", "study/inverted", "x"), "in another order");
    let mut doubled: serde_json::Value = serde_json::from_str(&own).unwrap();
    for method in doubled["methods"].as_array_mut().unwrap() {
        method["codes"]["images"][1] = method["codes"]["images"][0].clone();
    }
    fs::write(&record, doubled.to_string()).unwrap();
    place.refused(3, &edit("study/data", "study/inverted", "x"), "twice among the record's images");
    // A generator that another was put in the place of, whose hash is the record's.
    let tuned = place.path("study/inverted/nets/tuned-encoder.safetensors");
    let kept = fs::read(&tuned).unwrap();
    let sizes =
        GeneratorConfig { z_dim: 8, w_dim: 8, channel_base: 64, channel_max: 8, ..GeneratorConfig::small(16, 3) };
    let other = Generator::new(&sizes, RunSeed(1), Device::Cpu).unwrap();
    let network_sha256 =
        serde_json::from_str::<serde_json::Value>(&own).unwrap()["network_sha256"].as_str().unwrap().into();
    let of_it = Provenance { tuned: Some(Tuned { images: 9, network_sha256 }), ..Provenance::default() };
    for (provenance, code, says) in
        [(Provenance::default(), 5, "tuned from another network, or from none"), (of_it, 3, "of other sizes")]
    {
        let label = NetworkLabel { provenance, ..NetworkLabel::default() };
        weights::save_network(&tuned, &other, None, label).unwrap();
        let mut changed: serde_json::Value = serde_json::from_str(&own).unwrap();
        for network in changed["networks"].as_array_mut().unwrap() {
            if network["file"] == "nets/tuned-encoder.safetensors" {
                network["sha256"] = files::sha256(&tuned).unwrap().into();
            }
        }
        fs::write(&record, changed.to_string()).unwrap();
        place.refused(code, &edit("study/data", "study/inverted", "x"), says);
    }
    fs::write(&tuned, kept).unwrap();
    fs::write(&record, own).unwrap();

    let found = place.path("study/directions/record.json");
    let own = fs::read_to_string(&found).unwrap();
    for (key, value, says) in [
        ("against", serde_json::json!("sideways"), "a gate against"),
        ("threshold", serde_json::json!(-1.0), "a gate at a distance of -1"),
    ] {
        let mut changed: serde_json::Value = serde_json::from_str(&own).unwrap();
        changed["gate"][key] = value;
        fs::write(&found, changed.to_string()).unwrap();
        place.refused(3, &edit("study/data", "study/inverted", "x"), says);
    }
    fs::write(&found, own).unwrap();

    for (file, says) in [
        ("study/directions/directions.safetensors", "as the record has it"),
        ("study/inverted/codes/encoder-then-pivotal-all.safetensors", "SHA-256"),
        ("study/inverted/nets/tuned-encoder.safetensors", "SHA-256"),
    ] {
        let path = place.path(file);
        let own = fs::read(&path).unwrap();
        let mut other = own.clone();
        *other.last_mut().unwrap() ^= 1;
        fs::write(&path, other).unwrap();
        place.refused(3, &edit("study/data", "study/inverted", "x"), says);
        fs::write(&path, own).unwrap();
    }
}

#[test]
fn settings_that_cannot_be_are_refused_before_anything_is_written() {
    let place = Place::new(STUDY);
    for (set, says) in [
        ("prepare.classes=interest", "prepare.classes"),
        ("train.condition=none", "train.condition"),
        ("generate.class=mel", "generate.class"),
        ("generate.formats=['png']", "generate.formats"),
        ("classify.arms=['none','ada-gan']", "\"ada-gan\" in classify.arms"),
        ("external.simulate.seed=5", "[external]"),
        ("images.ham10000=x", "at once under [images]"),
        ("edit.longest=4", "edit.longest"),
        ("second.condition=none", "second.condition"),
        ("second.kimg=0", "kimg"),
        ("train.kimgs=4", "did you mean `train.kimg`?"),
    ] {
        place.refused(2, &format!("run study.toml --set {set}"), says);
        assert!(!place.path("study").exists(), "{set}");
    }
    let shown = place.done("config show study.toml");
    assert!(shown.contains("condition = \"labels\"") && shown.contains("class = \"each\""), "{shown}");
    fs::write(place.path("shown.toml"), &shown).unwrap();
    assert_eq!(place.done("config show shown.toml"), shown);
}

#[test]
fn an_arm_that_wants_more_than_will_be_drawn_is_told_before_training() {
    let place = Place::new(STUDY);
    place.refused(2, "run study.toml --set generate.seeds='0-4'", "generate.seeds: 5 images, and \"synthetic-2k\"");
    place.refused(2, "run study.toml --set edit.images=3", "edit.images: 3 images, and \"sa-2k\"");
    assert!(place.path("study/data").exists() && !place.path("study/gan").exists());
}
