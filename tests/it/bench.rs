//! `rimforge bench` through the program: what it prints is what a reader of the numbers needs.

use std::process::Command;

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
fn mistakes_are_named() {
    for wrong in [["train", "--repetitions", "0"], ["project", "--batch", "0"]] {
        let (code, _, error) = bench(&wrong);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains(wrong[1]), "{error}");
    }
}
