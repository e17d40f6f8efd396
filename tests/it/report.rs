//! The report of a made-up study: one file, every picture inside, nothing empty, numbers as recorded.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use rimforge::name::Name;
use rimforge::records::classify::{ArmRecord, ClassifyRecord, DifferenceRecord, SeedScores, TestSetRecord};
use rimforge::records::cohort::{CohortRecord, Gate, TruthCounts};
use rimforge::records::perturbation::{Likeness, PerturbationRecord, PerturbationRow, Sheet};
use rimforge::records::prepare::{PrepareRecord, SplitCount};
use rimforge::records::projection::{FeatureChoice, FlagRate, ProjectedLesion, ProjectionRecord};
use rimforge::records::study::{ConditionalRecord, MultiContrastRecord, StageRun, StudyRecord};
use rimforge::records::synthesis::{MapContrast, RimContrastSummary, SynthesisRecord};
use rimforge::records::training::{TickRecord, TrainingRecord};
use rimforge::records::{Confusion, FileHash, Interval};
use rimforge::run_dir::StudyDir;
use rimforge::statistics::proportion::wilson;

use crate::reading::chromium::{Chromium, installed};

fn interval(value: f64) -> Interval {
    Interval { value, low: value - 0.05, high: value + 0.04, level: 0.95, n: 64, method: "bootstrap".into() }
}

fn arm(name: &str, shift: f64) -> ArmRecord {
    let metrics = [("auprc", 0.6), ("auroc", 0.92), ("accuracy", 0.95), ("precision", 0.5), ("sensitivity", 0.7)];
    let means: BTreeMap<String, Interval> =
        metrics.iter().map(|(name, value)| ((*name).to_owned(), interval(value + shift))).collect();
    let seed = |seed: u64| SeedScores {
        seed,
        threshold: 0.5,
        against_readers: metrics.iter().map(|(n, v)| ((*n).to_owned(), v + shift + 0.01 * seed as f64)).collect(),
        against_truth: metrics.iter().map(|(n, v)| ((*n).to_owned(), v + shift)).collect(),
        confusion: Confusion { true_positive: 11, false_positive: 9, true_negative: 300, false_negative: 4 },
        confusion_truth: None,
    };
    ArmRecord {
        name: name.into(),
        description: "what it is".into(),
        training_slices: vec![("real rim".into(), 200), ("synthetic".into(), 100)],
        per_seed: vec![seed(1), seed(2), seed(3)],
        against_readers: means.clone(),
        against_truth: means,
        extra_label_precision: Some(interval(0.5)),
        by_class: None,
    }
}

fn projected(role: &str, index: u64, after: f64) -> ProjectedLesion {
    ProjectedLesion {
        film: None,
        class: None,
        lesion_id: Name::of_known(&format!("sub-{index:03}_lesion-001")),
        patient: format!("sub-{index:03}"),
        slice: 12,
        role: role.into(),
        distance: 1.0,
        contrast_before: 10.0 + index as f64,
        contrast_after: after,
        w_distance: 1.2,
        rim_erased: false,
        rim_invented: index == 1,
        lesion_rms: 12.0,
        slice_rms: 9.0,
        figure: "figure.png".into(),
        image: "image.npy".into(),
        image_sha256: None,
        true_rim: (role == "ambiguous").then_some(index.is_multiple_of(2)),
    }
}

/// What a made-up study found.
pub fn study() -> StudyRecord {
    let tick = |tick: u64| TickRecord {
        frechet_all_classes: None,
        tick,
        images: tick * 1000,
        loss_g: 1.0,
        loss_d: 1.2,
        r1: Some(0.1),
        path_length: None,
        ada_p: 0.02 * tick as f64,
        ada_rt: 0.3,
        frechet: tick.is_multiple_of(2).then_some(40.0 / (1.0 + tick as f64)),
    };
    StudyRecord {
        name: "made-up <study>".into(),
        rimforge_version: "0.1.0".into(),
        libtorch_version: "2.11.0".into(),
        device: "Cpu".into(),
        threads: 2,
        seed: 1,
        simulated: true,
        settings: "seed = 1\n".into(),
        stages: vec![StageRun { stage: "prepare".into(), folder: "data".into(), seconds: 1.5, key: "ab".into() }],
        cohort: CohortRecord {
            simulated: true,
            preset: Some("demo".into()),
            seed: Some(1),
            patients: 256,
            lesions: 8157,
            agreed_rims: 260,
            ambiguous: 177,
            non_rims: 7720,
            reader1_rims: 349,
            reader2_rims: 348,
            kappa: 0.7347,
            rims_per_patient: vec![(0, 164), (1, 35), (2, 18), (3, 20), (4, 19)],
            truth: Some(TruthCounts { rims: 399, agreed_true: 248, ambiguous_true: 88, missed_by_both: 63 }),
            gates: vec![Gate {
                name: "rim minus non-rim mean".into(),
                unit: "ppb".into(),
                value: 4.2,
                low: 2.0,
                high: 8.0,
                passed: true,
                source: "Zhang 2019".into(),
            }],
            gallery: Some("gallery.png".into()),
        },
        prepare: PrepareRecord {
            windows: vec![],
            simulated: true,
            contrasts: vec!["chimap".into()],
            patients: 256,
            lesions: 8157,
            slices: 30000,
            kappa: Some(0.7347),
            kappa_interval: Some(interval(0.7347)),
            notes: Vec::new(),
            counts: vec![SplitCount {
                split: "train".into(),
                patients: 180,
                rim: 200,
                ambiguous: 120,
                non_rim: 5000,
                classes: vec![],
            }],
            patients_on_two_sides: 0,
            pixel_hashes_on_two_sides: 0,
            non_finite_voxels: 0,
            patient_figure: None,
            lesion_figure: None,
            inputs: vec![FileHash { path: "sub-001".into(), sha256: "cd".into() }],
            seed: 1,
        },
        training: TrainingRecord {
            precision_choice: None,
            replicas: 1,
            computed_with: vec![],
            classes: vec![],
            precision: "float32".into(),
            network: "64x64, 1 channel".into(),
            generator_parameters: 1_234_567,
            discriminator_parameters: 7_654_321,
            train_lesions: 200,
            train_slices: 900,
            images: 10_000,
            batch: 32,
            seed: 1,
            seconds: 100.0,
            images_per_s: 100.0,
            final_ada_p: 0.2,
            best_images: 8000,
            best_frechet: Some(4.4),
            frechet_features: "random VGG-like features".into(),
            frechet_real_floor: Some(2.0),
            base: None,
            rollbacks: Vec::new(),
            curve: (1..=10).map(tick).collect(),
            network_sha256: "ef".into(),
        },
        timing: Vec::new(),
        synthesis: SynthesisRecord {
            contrasts: vec![],
            class_name: None,
            channels: vec!["chimap".into()],
            map_contrast: None,
            network_sha256: "ef".into(),
            data_sha256: None,
            learnt_from: None,
            ancestor_data: vec![],
            count: 100,
            first_seed: 0,
            last_seed: 99,
            truncation: 1.0,
            class: None,
            noise: "const".into(),
            images: vec![],
            image_classes: vec![],
            synthetic_grid: "grid.png".into(),
            grid_images: 100,
            real_grid: Some("real.png".into()),
            rim_contrast: Some(RimContrastSummary {
                synthetic_median: 22.0,
                synthetic_quartiles: (15.0, 30.0),
                real_median: 24.0,
                real_quartiles: (16.0, 33.0),
                non_rim_median: Some(9.0),
                non_rim_quartiles: Some((5.0, 13.0)),
                synthetic_with_rim: 0.47,
                non_rims_with_rim: Some(0.06),
            }),
        },
        projection: ProjectionRecord {
            patient_data: Some(false),
            contrasts: vec![],
            settings_sha256: None,
            latents_sha256: None,
            computed_with: vec![],
            space: "w".into(),
            network_sha256: "ef".into(),
            data_sha256: None,
            ancestor_data: vec![],
            projected_sha256: None,
            features: "multi-scale pixels".into(),
            steps: 1000,
            seed: 1,
            rim_measure: None,
            curve: vec![],
            without_core: 2,
            flag_rates: vec![FlagRate {
                role: "ambiguous".into(),
                flag: "rim invented".into(),
                flagged: 1,
                share: wilson(1, 6).unwrap(),
            }],
            true_among_ambiguous: wilson(3, 6),
            images: Vec::new(),
            lesions: (1..=6)
                .map(|i| projected("ambiguous", i, 21.0))
                .chain((7..=9).map(|i| projected("rim", i, 16.0)))
                .chain((10..=12).map(|i| projected("non-rim", i, 9.0)))
                .collect(),
            feature_choice: vec![FeatureChoice {
                features: "multi-scale pixels".into(),
                contrast_kept: 0.9,
                quartiles: (0.8, 1.0),
                lesions: 12,
                seconds: 33.0,
                chosen: true,
            }],
        },
        perturbation: None,
        evaluation: None,
        explanation: None,
        segmentation: None,
        two_sided: None,
        further_generators: vec![],
        conditional: None,
        multi_contrast: None,
        classify: ClassifyRecord {
            data_sha256: None,
            generators: 1,
            weights: vec![],
            made: vec![],
            external: None,
            evidence: None,
            fits: vec![],
            computed_with: vec![],
            pooling: "A lesion's score is the mean of its slices' logits.".into(),
            optimiser_steps: 500,
            batch: 64,
            seeds: vec![1, 2, 3],
            threshold_rule: "largest F1 on the validation patients.".into(),
            test: TestSetRecord {
                patients: 64,
                lesions: 324,
                rims: 15,
                ambiguous: 9,
                non_rims: 300,
                prevalence: 0.046,
                true_prevalence: Some(0.06),
                classes: vec![],
            },
            arms: vec![arm("None", 0.0), arm("ADA-GAN", 0.02), arm("ADA-GAN-LD", 0.03)],
            differences: vec![DifferenceRecord {
                arm: "ADA-GAN-LD".into(),
                metric: "auprc".into(),
                against: "readers".into(),
                difference: interval(0.03),
            }],
            parameters: 98_765,
            extra_rims: 100,
            rims_per_batch: 16,
            control: None,
            notes: vec!["a note on the arms".into()],
            classes: vec![],
        },
    }
}

fn picture(path: &Path) {
    let folder = path.parent().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, 192, 64);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&[90; 192 * 64]).unwrap();
}

/// A study folder with its report, and the report's text.
pub fn written() -> (tempfile::TempDir, String) {
    written_of(&study())
}

fn written_of(study: &StudyRecord) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let dir = StudyDir::new(folder.path());
    pictures(&dir);
    std::fs::write(dir.results(), serde_json::to_string(study).unwrap()).unwrap();
    let page = std::fs::read_to_string(rimforge::report::write(&dir).unwrap()).unwrap();
    (folder, page)
}

/// The pictures that [`study`] names.
pub fn pictures(dir: &StudyDir) {
    for path in [
        dir.cohort().join("gallery.png"),
        dir.synthetic().join("grid.png"),
        dir.synthetic().join("real.png"),
        dir.denoised().join("figure.png"),
    ] {
        picture(&path);
    }
}

#[test]
fn the_page_is_one_file_that_says_what_it_shows() {
    let (_folder, page) = written();
    assert!(page.contains("SIMULATED") && !page.contains("PATIENT DATA"));
    assert!(page.contains("made-up &lt;study&gt;") || page.contains("made-up &#60;study&#62;"), "names are escaped");
    assert!(!page.contains("src=\"http") && !page.contains("<script") && !page.contains("<link"));
    let pictures = page.matches("<img ").count();
    assert_eq!(pictures, page.matches("<img src=\"data:image/png;base64,").count());
    assert_eq!(pictures, 3 + 6, "gallery, two grids, six denoised lesions");
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}

#[test]
fn what_runs_beside_the_main_path_has_its_figures() {
    let folder = tempfile::tempdir().unwrap();
    let dir = StudyDir::new(folder.path());
    let main = study();
    let mut training = main.training.clone();
    training.classes = ["non-rim", "rim"].map(str::to_owned).into();
    for tick in &mut training.curve {
        tick.frechet_all_classes = tick.frechet;
    }
    let mut drawn = main.synthesis.clone();
    (drawn.class_name, drawn.real_grid) = (Some("rim".into()), None);
    let map = MapContrast { synthetic: (31.0, 38.0, 48.0), real: (27.0, 33.0, 42.0), synthetic_with_map: 0.99 };
    let joint = SynthesisRecord {
        channels: ["chimap", "rim"].map(str::to_owned).into(),
        map_contrast: Some(map),
        ..drawn.clone()
    };
    let mut prepare = main.prepare.clone();
    prepare.contrasts = ["chimap", "rim", "flair"].map(str::to_owned).into();
    let like = |ssim| Likeness { ssim, mse: 0.01, lesion_rms: 14.1, contrast: 16.0 };
    let row = PerturbationRow {
        role: "rim".into(),
        corruption: "blur".into(),
        strength: "sd 1.5 pixels".into(),
        lesions: 4,
        corrupted: like(0.86),
        projected: like(0.59),
        contrast_kept: Some(0.26),
    };
    let perturbation = PerturbationRecord {
        computed_with: vec![],
        network_sha256: "ef".into(),
        features: "discriminator features".into(),
        steps: 200,
        seed: 1,
        unit: "ppb".into(),
        present: 17.7,
        absent: 1.4,
        cases: vec![],
        summary: vec![row],
        erased: Some(interval(0.25)),
        hallucinated: None,
        sheets: vec![Sheet { file: "sheets/a.png".into(), caption: "a held-out rim".into() }],
    };
    let record = StudyRecord {
        perturbation: Some(perturbation),
        conditional: Some(ConditionalRecord { training: training.clone(), synthesis: drawn }),
        multi_contrast: Some(MultiContrastRecord {
            prepare,
            training,
            synthesis: joint,
            projection: Some(main.projection.clone()),
        }),
        ..main
    };
    for path in [
        dir.cohort().join("gallery.png"),
        dir.synthetic().join("grid.png"),
        dir.synthetic().join("real.png"),
        dir.denoised().join("figure.png"),
        dir.perturbed().join("sheets/a.png"),
        dir.conditional_synthetic().join("grid.png"),
        dir.multi_contrast_synthetic().join("grid.png"),
        dir.multi_contrast_denoised().join("figure.png"),
    ] {
        picture(&path);
    }
    std::fs::write(dir.results(), serde_json::to_string(&record).unwrap()).unwrap();
    let page = std::fs::read_to_string(rimforge::report::write(&dir).unwrap()).unwrap();
    for text in [
        "How far to trust a projection",
        "0.86 → 0.59",
        "blur, sd 1.5 pixels",
        "Held-out rims lost: 25 % (20 to 29)",
        "conditional, both classes",
        "class rim of the conditional generator",
        "5. Several contrasts at once",
        "QSM, rim probability, FLAIR",
        "synthetic 38.0 (31.0 to 48.0) ppb, real 33.0",
        "6. Does it help a classifier?",
    ] {
        assert!(page.contains(text), "{text} is missing");
    }
    assert_eq!(page.matches("<img ").count(), 3 + 6 + 1 + 1 + 1 + 4);
}

#[test]
fn numbers_stand_with_their_intervals() {
    let (_folder, page) = written();
    for text in [
        "0.735",
        "0.62 (0.57 to 0.66)",
        "+0.030 (−0.020 to +0.070)",
        "TP 11, FP 9, TN 300, FN 4",
        "3/6 = 50 % (19 to 81)",
        "1/6 = 17 % (3 to 56)",
        "a note on the arms",
    ] {
        assert!(page.contains(text), "{text} is missing");
    }
}

/// arms = ["ada-gan", "none"] of the settings: what is said of real lesions is said of the None arm.
#[test]
fn arms_are_known_by_their_names_not_by_their_places() {
    let mut study = study();
    study.classify.arms = vec![arm("ADA-GAN", 0.02), arm("None", 0.0)];
    let of = |arm: &str, value| DifferenceRecord {
        arm: arm.into(),
        difference: interval(value),
        ..study.classify.differences[0].clone()
    };
    study.classify.differences = vec![of("FOLDED", 0.2), of("ADA-GAN+LD", 0.04)];
    let (_folder, page) = written_of(&study);
    assert!(page.contains("<b>0.60 (0.55 to 0.64)</b><span>AUPRC, real lesions only</span>"), "the None arm's AUPRC");
    let summary = "change of AUPRC from real lesions alone, against the readers' agreed label: ";
    let at = page.replace("&#39;", "'").find(summary).map(|at| at + summary.len()).expect("a sentence on denoising");
    assert!(page.replace("&#39;", "'")[at..].starts_with("ADA-GAN+LD +0.040 (−0.010 to +0.080).</p>"));

    study.classify.arms.pop();
    let (_folder, page) = written_of(&study);
    assert!(!page.contains("real lesions only"), "without a None arm nothing is said of it");
}

#[test]
fn a_study_without_results_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let error = rimforge::report::write(&StudyDir::new(folder.path())).unwrap_err().to_string();
    assert!(error.contains("results.json") && error.contains("rimforge run"), "{error}");
}

/// On a desk's screen and on a phone's nothing hangs over the side but what scrolls by itself, and every picture is
/// there.
#[test]
fn a_browser_shows_all_of_the_page() {
    let Some(program) = installed() else {
        let _ = writeln!(std::io::stderr(), "skipped: no Chromium is installed to look at the report");
        return;
    };
    let (folder, _) = written();
    let page = StudyDir::new(folder.path()).report();
    assert!(fs::metadata(&page).unwrap().len() < 6_000_000);
    let mut chromium = Chromium::start(&program, 1280, 900);
    for width in [1280, 390] {
        chromium.size(width, 900);
        chromium.open(&format!("file://{}", page.display()));
        chromium.wait("document.readyState === 'complete' && document.querySelectorAll('h2').length > 3");
        let wide = chromium.value("document.documentElement.scrollWidth");
        assert!(wide.as_f64().unwrap() <= f64::from(width), "{wide} pixels at {width}");
        let pictures = "[...document.images].filter((image) => !(image.complete && image.naturalWidth > 0)).length";
        assert_eq!(chromium.value(pictures), 0, "pictures that are not there");
        assert!(chromium.value("document.images.length").as_u64().unwrap() > 2);
    }
    assert!(chromium.complaints.is_empty(), "{:?}", chromium.complaints);
}
