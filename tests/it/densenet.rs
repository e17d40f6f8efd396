//! DenseNets as classifiers, through the program: a small one fitted, kept and known again; files of weights that are
//! refused before anything is fitted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::RngExt;
use rimforge::classify::fit_files::open_fit;
use rimforge::records::classify::ClassifyRecord;
use rimforge::seed::RunSeed;

const SIDE: u32 = 16;

struct Place(tempfile::TempDir);

impl Place {
    /// `pictures/CLASS/NUMBER.png`: RGB of a colour each class, with noise.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let mut rng = RunSeed(5).stream("pictures", 0);
        for (class, colour) in [("bcc", [200u8, 90, 90]), ("mel", [60, 50, 40]), ("nv", [150, 110, 80])] {
            for number in 0..12 {
                let noisy = |level: u8, rng: &mut _| level.saturating_add_signed(RngExt::random_range(rng, -35..35));
                let levels: Vec<u8> =
                    (0..SIDE * SIDE).flat_map(|_| colour.map(|level| noisy(level, &mut rng))).collect();
                let path = place.path(&format!("pictures/{class}/{number}.png"));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), SIDE, SIDE);
                encoder.set_color(png::ColorType::Rgb);
                encoder.set_depth(png::BitDepth::Eight);
                encoder.write_header().unwrap().write_image_data(&levels).unwrap();
            }
        }
        place.done("prepare --images pictures --classes labels --out data");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &str) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        let output = command.current_dir(self.0.path()).args(arguments.split_whitespace()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{said}");
        (output.status.code(), said)
    }

    fn done(&self, arguments: &str) -> String {
        let (code, said) = self.run(arguments);
        assert_eq!(code, Some(0), "{said}");
        said
    }

    fn refused(&self, arguments: &str, code: i32, says: &str) {
        let (found, said) = self.run(arguments);
        assert!(found == Some(code) && said.contains(says), "{arguments}: {found:?} {said}");
    }

    fn record(&self, out: &str) -> ClassifyRecord {
        serde_json::from_slice(&fs::read(self.path(out).join("record.json")).unwrap()).unwrap()
    }
}

const CLASSIFY: &str = "classify --data data --device cpu --threads 1 --batch 12 --epochs 6 --seeds 1";

#[test]
fn a_small_densenet_is_fitted_and_known_again() {
    let place = Place::new();
    let command = format!("{CLASSIFY} --arms none,oversample --classifier densenet-small --out out");
    place.done(&command);
    let record = place.record("out");
    let note = "classifier: a small DenseNet, stem for small images (stride 1, no pooling), weights drawn";
    assert!(record.notes.iter().any(|said| said == note), "{:?}", record.notes);
    for arm in &record.arms {
        let found = arm.by_class.as_ref().unwrap();
        // So few steps rank the classes; running moments lag behind, and answers with them.
        assert!(found.overall["macro_auroc"].value > 0.9, "{found:?}");
        for class in &found.classes {
            let recall = class.recall.as_ref().unwrap();
            assert_eq!((recall.value, recall.method.as_str()), (class.metrics["sensitivity"].value, "Wilson"));
            assert!(recall.low < recall.high, "{recall:?}");
        }
    }
    let fit = place.path("out/fits/none-seed0.safetensors");
    let network = open_fit(&fit, tch::Device::Cpu).unwrap().network;
    assert_eq!((network.classes(), network.channels(), network.parameter_count()), (3, 3, record.parameters));
    let kept = |path: &Path| fs::read(path).unwrap();
    let before = (kept(&fit), kept(&place.path("out/record.json")));
    place.done(&command);
    assert_eq!(before, (kept(&fit), kept(&place.path("out/record.json"))));
    // Another network is another fit, and the usual one says nothing of itself.
    place.done(&format!("{CLASSIFY} --arms none --out other"));
    let usual = place.record("other");
    assert!(usual.parameters != record.parameters && !usual.notes.iter().any(|said| said.contains("classifier:")));
}

#[test]
fn what_a_network_cannot_start_from_is_named_before_a_fit() {
    let place = Place::new();
    let tiny = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/densenet")).unwrap();
    let tiny = tiny.map(|entry| entry.unwrap().path()).next().unwrap();
    fs::copy(&tiny, place.path(tiny.file_name().unwrap().to_str().unwrap())).unwrap();
    fs::copy(&tiny, place.path("densenet121-a639ec97.pth")).unwrap();
    let tiny = tiny.file_name().unwrap().to_str().unwrap();
    let large = format!("{CLASSIFY} --arms none --out out --classifier densenet-121");
    for (arguments, code, says) in [
        (format!("{CLASSIFY} --out out --stem full"), 2, "a DenseNet in classify.network"),
        (format!("{CLASSIFY} --out out --weights {tiny}"), 2, "whose weights are published"),
        (
            format!("{CLASSIFY} --out out --classifier densenet-small --weights {tiny}"),
            2,
            "whose weights are published",
        ),
        (format!("{large} --stem full"), 2, "square ones of at least 32: DenseNet-121 takes no others"),
        (format!("{large} --weights nothing.pth"), 3, "nothing.pth"),
        (format!("{large} --weights densenet121-a639ec97.pth"), 3, "expected a639ec97..., as its name says"),
        (format!("{large} --weights {tiny}"), 3, "expected weights of the network in classify.network"),
    ] {
        place.refused(&arguments, code, says);
        assert!(!place.path("out/record.json").exists());
    }
}
