//! The dermatoscopy study from end to end on a few simulated photographs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rimforge::records::dermatoscopy::DermatoscopyRecord;
use rimforge::records::edit::EditRecord;

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

struct Place(tempfile::TempDir);

impl Place {
    fn new(study: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("study.toml"), study).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        command.current_dir(self.0.path()).args(arguments.split_whitespace()).output().unwrap()
    }

    fn done(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {said}");
        said
    }

    fn refused(&self, arguments: &str, says: &str) {
        self.refused_with(2, arguments, says);
    }

    fn refused_with(&self, code: i32, arguments: &str, says: &str) {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments}: {text}");
        assert!(text.contains(says) && !text.contains("panicked"), "{arguments}: {text}");
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

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
    assert_eq!((record.edits.directions.len(), record.edits.classes.len()), (1, 7));
    assert_eq!(record.edits.classes.iter().map(|class| class.images).sum::<u64>(), 70);
    // Edits are of the training side alone, and of their lesions' classes.
    let edits: EditRecord = read(&place.path("study/edited/record.json"));
    let data = rimforge::data::Prepared::open(place.path("study/data")).unwrap();
    for (edit, class) in edits.edits.iter().zip(&edits.image_classes) {
        let lesion = data.manifest().lesions.iter().find(|lesion| lesion.id == edit.lesion_id).unwrap();
        assert_eq!((lesion.split, lesion.class.name()), (rimforge::data::manifest::Split::Train, class.as_str()));
    }
    assert_eq!(record.classify.arms.len(), 6);
    assert_eq!(record.classify.external.as_ref().unwrap().arms.len(), 6);
    let page = fs::read_to_string(place.path("study/report/index.html")).unwrap();
    for says in ["SIMULATED", "Who is taken for what", "External test", "Atlas", "SA-2k, filtered", "left open"] {
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
    place.refused_with(3, nosuch, "no direction nosuch");
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
        ("train.kimgs=4", "did you mean `train.kimg`?"),
    ] {
        place.refused(&format!("run study.toml --set {set}"), says);
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
    place.refused("run study.toml --set generate.seeds='0-4'", "generate.seeds: 5 images, and \"synthetic-2k\"");
    place.refused("run study.toml --set edit.images=3", "edit.images: 3 images, and \"sa-2k\"");
    assert!(place.path("study/data").exists() && !place.path("study/gan").exists());
}
