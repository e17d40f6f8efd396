//! `rimforge bench` through the program: what it prints is what a reader of the numbers needs.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

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

/// `bench train` of two groups of images by so many processes, by rank.
fn together(processes: usize, more: &[&str]) -> Vec<Output> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let quick = ["bench", "train", "--batch", "8", "--precision", "float32", "--repetitions", "1"];
    let process = |rank: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        command.args(quick).args(["--device", "cpu", "--threads", "1"]).args(more);
        command.env("RANK", rank.to_string()).env("WORLD_SIZE", processes.to_string());
        command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", &port);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..processes).map(process).collect();
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

#[test]
fn processes_that_train_together_give_one_rate_and_what_they_lose_to_exchanges() {
    let found = |processes: usize, more: &[&str]| {
        let outputs = together(processes, &[more, &["--json"]].concat());
        for output in &outputs {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert!(outputs[1..].iter().all(|output| output.stdout.is_empty()), "{outputs:?}");
        serde_json::from_slice::<serde_json::Value>(&outputs[0].stdout).unwrap()
    };
    let share = |record: &serde_json::Value| record["exchange_share"].as_f64().unwrap();
    let two = found(2, &[]);
    assert_eq!((two["processes"].as_u64(), two["threads"].as_u64()), (Some(2), Some(1)), "{two}");
    assert_eq!(two["ways"][0]["replicas"], 2, "{two}");
    assert!(share(&two) > 0.0 && share(&two) < 1.0 && two["images_per_s"].as_f64().unwrap() > 0.0, "{two}");
    assert!(two["parts_ms"]["whether to stop"].as_f64().unwrap() > 0.0, "{two}");
    // A launcher's one process.
    let one = found(1, &[]);
    assert!(one["processes"] == 1 && one["ways"].as_array().unwrap().len() == 2, "{one}");
    assert!(share(&one) > 0.0, "two threads: {one}");
    let whole = found(1, &["--replicas", "1"]);
    assert!(share(&whole) == 0.0 && whole["parts_ms"].get("whether to stop").is_none(), "{whole}");

    let outputs = together(2, &[]);
    let table = String::from_utf8_lossy(&outputs[0].stdout);
    assert!(table.contains("2 processes of 1 thread\n") && table.contains("share of time in exchanges"), "{table}");
    for output in together(3, &[]) {
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && text.contains("1, 2 processes"), "{text}");
    }
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
