//! A folder of images with four labels, from preparing to a classifier of four classes, through the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rand::{Rng, RngExt};
use rimforge::data::manifest::{Class, Split};
use rimforge::data::{Condition, Conditioned, Prepared};
use rimforge::records::classify::ClassifyRecord;
use rimforge::records::prepare::{ClassCount, PrepareRecord};
use rimforge::records::synthesis::SynthesisRecord;
use rimforge::seed::RunSeed;

const SIDE: u32 = 16;

/// Photographs of each lesion, and lesions of each class.
const PHOTOGRAPHS: u32 = 2;
const LESIONS: u32 = 12;

const CLASSES: [&str; 4] = ["cross", "disc", "ring", "stripes"];

/// A bright shape of random size and place on noise, 16 x 16 grey levels.
fn picture(class: &str, rng: &mut impl Rng) -> Vec<u8> {
    let radius = rng.random_range(3.5..5.0f32);
    let (cx, cy) = (rng.random_range(6.5..9.5f32), rng.random_range(6.5..9.5f32));
    let mut levels = Vec::new();
    for at in 0..SIDE * SIDE {
        let (x, y) = ((at % SIDE) as f32 - cx, (at / SIDE) as f32 - cy);
        let distance = x.hypot(y);
        let inside = match class {
            "cross" => x.abs() < 1.1 || y.abs() < 1.1,
            "disc" => distance < radius,
            "ring" => (distance - radius).abs() < 1.1,
            _ => (x as i32).rem_euclid(4) < 2,
        };
        let level = if inside { 170.0 } else { 80.0 } + rng.random_range(-40.0..40.0f32);
        levels.push(level as u8);
    }
    levels
}

fn write_png(path: &Path, levels: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), SIDE, SIDE);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(levels).unwrap();
}

struct Place(tempfile::TempDir);

impl Place {
    /// `pictures/CLASS/LESION-PHOTOGRAPH.png` with `lesions.tsv`, which says which lesion a photograph shows; six of
    /// them are in the folder "ambiguous".
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.draw("pictures", 3);
        place
    }

    /// The pictures in the folder `folder`, and `lesions.tsv` for them.
    fn draw(&self, folder: &str, seed: u64) {
        let mut rng = RunSeed(seed).stream("pictures", 0);
        let mut table = String::from("file\tpatient\n");
        let contested = [("ambiguous", 3)];
        for (class, lesions) in CLASSES.map(|class| (class, LESIONS)).into_iter().chain(contested) {
            for (lesion, photograph) in (0..lesions * PHOTOGRAPHS).map(|at| (at / PHOTOGRAPHS, at % PHOTOGRAPHS)) {
                let name = format!("{class}/{lesion:02}-{photograph}.png");
                write_png(&self.path(folder).join(&name), &picture(class, &mut rng));
                table.push_str(&format!("{name}\t{class} {lesion:02}\n"));
            }
        }
        fs::write(self.path("lesions.tsv"), table).unwrap();
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
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && !text.contains("panicked"), "{arguments}: {text}");
        assert!(text.contains(says), "{arguments}: {text}");
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn four_labels_become_four_classes_that_are_learned_and_scored_each_against_the_rest() {
    let place = Place::new();
    let prepare = "prepare --images pictures --patients lesions.tsv --out data --test-fraction 0.25";
    place.refused(prepare, "which of the labels ambiguous, cross, disc, ring, stripes is the class of interest?");
    place.refused(&format!("{prepare} --classes labels --rim-label ring"), "each label is a class of its own");
    let said = place.done(&format!("{prepare} --classes labels"));
    assert!(said.contains("cross  disc  ring  stripes  ambiguous"), "{said}");

    let record: PrepareRecord = read(&place.path("data/record.json"));
    let test = &record.counts[2];
    let items: u64 = test.classes.iter().map(|count| count.items).sum();
    assert_eq!((test.split.as_str(), test.rim, items), ("test", 0, test.patients * u64::from(PHOTOGRAPHS)));
    assert!(record.kappa.is_none());
    let data = Prepared::open(place.path("data")).unwrap();
    let classes = data.classes();
    assert_eq!((classes.listed().as_str(), &classes.of_interest), ("cross, disc, ring, stripes", &None));
    for lesion in &data.manifest().lesions {
        assert_eq!((lesion.reader1, lesion.label.as_deref()), (None, Some(lesion.class.name())));
        assert!(lesion.patient.starts_with(lesion.class.name()));
    }
    for side in [Split::Train, Split::Validation, Split::Test] {
        let here = |class: &&Class| data.manifest().lesions.iter().any(|l| l.split == side && l.class == **class);
        assert!(classes.names.iter().all(|class| here(&class)), "{side:?}");
    }
    // A conditional generator has the data set's classes, an unconditional one learns all of them; neither what is
    // contested.
    let chosen = Conditioned::choose(&data, Condition::Labels, 2.0, RunSeed(0)).unwrap();
    assert_eq!((chosen.names.join(" "), chosen.interest), ("cross disc ring stripes".to_owned(), None));
    assert_eq!(chosen.slices.len(), data.training_of_interest().len());
    assert!(chosen.slices.entries().zip(&chosen.classes).all(|((_, l), &at)| l.class == classes.names[at]));
    let problem = Conditioned::choose(&data, Condition::Readers, 2.0, RunSeed(0)).unwrap_err().to_string();
    assert!(problem.contains("condition = \"labels\""), "{problem}");

    let classify = "classify --data data --device cpu --threads 1 --batch 16 --epochs 60 --seeds 2 --out";
    place.refused(&format!("{classify} x"), "arm Ambiguous is about a class of interest");
    place.refused(&format!("{classify} x --arms ada-gan"), "arms from none, class-weight, oversample");
    place.refused(&format!("{classify} x --arms none --truth lesions.tsv"), "without a class of interest");
    place.refused("project --network gan --data data --device cpu --out x", "a class of interest");
    let said = place.done(&format!("{classify} out --arms none,class-weight,oversample"));
    assert!(said.contains("Oversample: is (down), answered") && said.contains("macro_auprc"), "{said}");

    let record: ClassifyRecord = read(&place.path("out/record.json"));
    assert_eq!(record.classes, CLASSES.map(Class::new));
    let expected = |class: &Class| ClassCount { class: class.clone(), items: data.test().of_class(class).len() as u64 };
    assert_eq!(record.test.classes, classes.names.iter().map(expected).collect::<Vec<_>>());
    assert_eq!(record.test.ambiguous, data.test().of_class(&Class::AMBIGUOUS).len() as u64);
    for arm in &record.arms {
        let found = arm.by_class.as_ref().unwrap();
        let balanced = &found.overall["balanced_accuracy"];
        assert!(balanced.value > 0.7 && balanced.low > 0.4, "{}: {balanced:?}", arm.name);
        assert!(found.overall["macro_auroc"].value > 0.9, "{}: {found:?}", arm.name);
        for seed in &found.per_seed {
            let rows: Vec<u64> = seed.confusion.iter().map(|row| row.iter().sum()).collect();
            assert_eq!(rows, record.test.classes.iter().map(|count| count.items).collect::<Vec<_>>());
            let recalls = seed.confusion.iter().enumerate().map(|(at, row)| row[at] as f64 / rows[at] as f64);
            approx::assert_abs_diff_eq!(recalls.sum::<f64>() / 4.0, seed.overall["balanced_accuracy"], epsilon = 1e-12);
        }
    }
    assert_eq!((record.extra_rims, record.rims_per_batch, record.test.rims), (0, 0, 0));
    assert_eq!(record.differences.len(), 2 * 3);
    assert!(place.path("out/cam.png").exists());

    // Finished fits are read, not done again, and give the same bytes.
    let written = || fs::metadata(place.path("out/fits/oversample-seed1.safetensors")).unwrap().modified().unwrap();
    let (before, bytes) = (written(), fs::read(place.path("out/record.json")).unwrap());
    place.done(&format!("{classify} out --arms none,class-weight,oversample"));
    assert_eq!(written(), before);
    assert!(fs::read(place.path("out/record.json")).unwrap() == bytes, "the second record differs");

    // Shuffled labels teach nothing.
    place.done(&format!("{classify} shuffled --arms none --control shuffle-labels"));
    let shuffled: ClassifyRecord = read(&place.path("shuffled/record.json"));
    let auroc = &shuffled.arms[0].by_class.as_ref().unwrap().overall["macro_auroc"];
    assert!(auroc.value < 0.8, "{auroc:?}");
}

#[test]
fn each_class_is_drawn_in_turn_and_arms_add_each_image_to_its_own() {
    let place = Place::new();
    place.done("prepare --images pictures --patients lesions.tsv --out data --test-fraction 0.25 --classes labels");
    place.done("train --data data --out gan --condition labels --kimg 0.064 --batch 16 --device cpu --threads 1");
    let draw = "generate --network gan --device cpu --threads 1 --seeds";
    place.refused(&format!("{draw} 0-3 --class each --mix 0:1 --out x"), "one class");
    place.done(&format!("{draw} 0-99 --class each --out drawn"));
    place.done(&format!("{draw} 6 --class ring --out ring"));
    // Seed 6 of four classes is of the third, as if it alone had been asked for.
    let image = |folder: &str| fs::read(place.path(folder).join("seed0006.npy")).unwrap();
    assert_eq!(image("drawn"), image("ring"));
    let record: SynthesisRecord = read(&place.path("drawn/record.json"));
    assert_eq!((record.class, record.image_classes.len()), (None, 200));
    let classes: Vec<&str> = record.image_classes.iter().step_by(2).map(String::as_str).collect();
    assert_eq!((classes[..5].to_vec(), classes.len()), (vec!["cross", "disc", "ring", "stripes", "cross"], 100));

    let classify = "classify --data data --device cpu --threads 1 --batch 16 --epochs 3 --seeds 1";
    place.refused(&format!("{classify} --arms none,synthetic-2k --out x"), "no synthetic lesions to add");
    place.refused(&format!("{classify} --arms none,sa-2k --synthetic drawn --out x"), "no edited lesions to add");
    place.refused(&format!("{classify} --arms none,synthetic-2k --synthetic ring --out x"), "no class for each image");
    let arms = "none,classical,synthetic-2k,synthetic-12k,synthetic-only";
    place.done(&format!("{classify} --augment none --arms {arms} --synthetic drawn --out out"));
    let record: ClassifyRecord = read(&place.path("out/record.json"));
    let of = |name: &str| record.arms.iter().find(|arm| arm.name == name).unwrap();
    let count = |name: &str, made: bool| -> u64 {
        let slices = of(name).training_slices.iter();
        slices.filter(|(origin, _)| origin.starts_with("synthetic") == made).map(|(_, count)| count).sum()
    };
    let real = count("None", false);
    let lesions = Prepared::open(place.path("data")).unwrap().training_of_interest().by_lesion().len() as f64;
    assert_eq!(count("Synthetic 2k", true), (0.2 * lesions).round() as u64);
    assert_eq!((count("Synthetic 2k", false), count("Synthetic only", false)), (real, 0));
    assert_eq!(count("Synthetic only", true), count("Synthetic 12k", true));
    // A record that was tampered with, and too few.
    let path = place.path("drawn/record.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"disc\"", "\"dice\"", 1)).unwrap();
    place.refused(&format!("{classify} --arms none,synthetic-2k --synthetic drawn --out x"), "an image of class dice");
    fs::write(&path, text).unwrap();
    place.done(&format!("{draw} 0-9 --class each --out few"));
    place.refused(&format!("{classify} --arms none,synthetic-12k --synthetic few --out x"), "draw more");
}

#[test]
fn another_data_set_is_scored_whole_and_must_be_another() {
    let place = Place::new();
    let prepare = |from: &str, out: &str| {
        place.done(&format!("prepare --images {from} --patients lesions.tsv --out {out} --classes labels --seed 2"))
    };
    prepare("pictures", "data");
    place.draw("others", 4);
    prepare("others", "other-data");
    let classify =
        "classify --data data --device cpu --threads 1 --batch 16 --epochs 30 --seeds 2 --arms none,oversample";
    place.refused(&format!("{classify} --external data --out x"), "its own external test set");
    // Their files are called alike, and only a person knows that they are others.
    place.refused(&format!("{classify} --external other-data --out x"), "lesions that the data set has, too");
    let classify = format!("{classify} --external-apart");
    let said = place.done(&format!("{classify} --external other-data --out out"));
    assert!(said.contains("external test: 24 cross, 24 disc, 24 ring, 24 stripes"), "{said}");
    let bytes = fs::read(place.path("out/record.json")).unwrap();
    let record: ClassifyRecord = read(&place.path("out/record.json"));
    let external = record.external.unwrap();
    // All sides, contested ones aside; none of its images was learnt from.
    assert_eq!((external.test.lesions, external.test.ambiguous, external.arms.len()), (102, 6, 2));
    let balanced = &external.arms[0].by_class.overall["balanced_accuracy"];
    assert!(balanced.value > 0.7 && balanced.low > 0.5, "{balanced:?}");
    assert_eq!(external.differences.len(), 3);
    // Kept fits give the same record again.
    place.done(&format!("{classify} --external other-data --out out"));
    assert_eq!(fs::read(place.path("out/record.json")).unwrap(), bytes);
    // One image of the training side, mirrored by hand, among the others.
    let data = Prepared::open(place.path("data")).unwrap();
    let known = data.training_of_interest();
    let lesion = known.entry(0).1;
    let levels: Vec<u8> = known.image(0).unwrap().pixels.iter().map(|v| ((v + 1.0) * 127.5).round() as u8).collect();
    let mirrored: Vec<u8> = levels.chunks(SIDE as usize).flat_map(|row| row.iter().rev().copied()).collect();
    let name = format!("others/{}/00-0.png", lesion.class);
    write_png(&place.path(&name), &mirrored);
    prepare("others", "leaking");
    place.refused(&format!("{classify} --external leaking --out x"), "is one of the data set's");
}
