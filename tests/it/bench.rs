//! `rimforge bench` through the program: what it prints is what a reader of the numbers needs.

use std::process::Command;

use crate::cohort_files::CohortFiles;

fn bench(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rimforge")).arg("bench").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn training_is_given_beside_the_convolution_rate() {
    let quick = ["train", "--batch", "4", "--repetitions", "1", "--device", "cpu", "--threads", "1", "--json"];
    let (code, text, error) = bench(&quick);
    assert_eq!(code, Some(0), "{error}");
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    let number = |key: &str| found[key].as_f64().unwrap_or_else(|| panic!("no {key} in {text}"));
    for phase in ["Gmain", "Gpl", "Dmain", "Dr1"] {
        assert!(found["parts_ms"][phase].as_f64().unwrap() > 0.0, "{text}");
    }
    assert!(number("peak_bytes") > 1e7);
    // 1.15 GFLOP an image, by the table of the networks' layers.
    let share = number("images_per_s") * 1.15 / number("conv_fp32_gflops");
    assert!((number("share_of_conv_rate") - share).abs() < 1e-9 * share, "{text}");
}

#[test]
fn the_classifier_and_a_cohort_are_timed() {
    let (code, text, error) = bench(&["classify", "--repetitions", "1", "--device", "cpu", "--json"]);
    assert_eq!(code, Some(0), "{error}");
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(found["images_per_s"].as_f64().unwrap() > 0.0 && found["net"] == "small", "{text}");
    let cohort = CohortFiles::new(8);
    let folder = cohort.root.to_str().unwrap();
    let (code, text, error) =
        bench(&["prepare", "--cohort", folder, "--repetitions", "1", "--device", "cpu", "--json"]);
    assert_eq!(code, Some(0), "{error}");
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    let part = |name: &str| found["parts_ms"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {text}"));
    assert!(part("whole") > 0.0 && part("inflating its files alone") > 0.0);
}

#[test]
fn mistakes_are_named() {
    for wrong in [["train", "--repetitions", "0"], ["project", "--batch", "0"]] {
        let (code, _, error) = bench(&wrong);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains(wrong[1]), "{error}");
    }
}
