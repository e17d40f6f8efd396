//! `rimforge check-table` on the rows of the paper, on a row that can be, and on nonsense.

use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rimforge")).arg("check-table").args(arguments).output().unwrap()
}

/// A row of tables 3 and 4, which state 60 rims and 120 other lesions.
fn row(accuracy: &str, precision: &str, sensitivity: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let stated = ["--positives", "60", "--negatives", "120", "--accuracy", accuracy, "--precision", precision];
    let output = run(&[&stated[..], &["--sensitivity", sensitivity], more].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn rows_that_cannot_be_end_with_code_5_and_say_what_comes_nearest() {
    let (code, said, logged) = row(".79", ".93", ".85", &[]);
    assert_eq!(code, Some(5), "{said}{logged}");
    assert!(said.contains("No table of counts gives them, rounded or cut"), "{said}");
    assert!(
        said.contains("Nearest as stated, of the positive class: TP ") && said.contains("off by up to 0.088"),
        "{said}"
    );
    assert!(said.contains("stated are 33.3 %, which does not fit"), "{said}");
    assert!(said.contains("Nor are they means over any number of runs"), "{said}");
    assert!(logged.contains("cannot come from the stated test set") && logged.contains("what to do"), "{logged}");
    for row_of in [[".78", ".93", ".83"], [".84", ".92", ".91"], [".87", ".91", ".95"], [".85", ".92", ".92"]] {
        assert_eq!(row(row_of[0], row_of[1], row_of[2], &[]).0, Some(5), "{row_of:?}");
    }
}

#[test]
fn rows_that_can_be_say_with_which_convention() {
    let (code, said, logged) = row("83%", "92%", "83 %", &[]);
    assert_eq!(code, Some(0), "{said}{logged}");
    let fits = "1 table fits with the negatives as the positive class (rounded): TP 51, FN 9, FP 21, TN 99.";
    assert!(said.contains(fits), "{said}");
    let (code, said, _) = row(".93", ".93", ".85", &["--json"]);
    let found: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &found["possible"]), (Some(0), &Value::Bool(true)));
    assert_eq!(found["tried"][0]["convention"], "positive");
    assert_eq!(found["tried"][0]["tables"][0]["false_positive"], 4);
    assert_eq!(found["stated"]["digits"], 2);
}

#[test]
fn a_row_that_only_runs_explain_needs_them_to_be_named() {
    let (code, said, _) = row(".86", ".91", ".93", &[]);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("Means over several runs could give them, however unlikely, with the negatives"), "{said}");
    let (code, said, _) = row(".86", ".91", ".93", &["--runs", "20"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("As means over 20 runs with the negatives as the positive class: "), "{said}");
}

#[test]
fn nonsense_is_refused_with_code_2_and_a_large_set_is_not_slow() {
    for (arguments, says) in [
        (&["--positives", "60", "--negatives", "120"][..], "no stated number"),
        (&["--positives", "0", "--negatives", "120", "--f1", ".5"], "0 positives"),
        (&["--positives", "18446744073709551615", "--negatives", "18446744073709551615", "--f1", ".5"], "at most"),
        (&["--positives", "60", "--negatives", "120", "--accuracy", "79"], "accuracy 79; expected a share"),
        (&["--positives", "60", "--negatives", "120", "--accuracy", "nan"], "a share such as .79"),
        (&["--positives", "60", "--negatives", "120", "--accuracy", "-.5"], "a share such as .79"),
        (&["--positives", "6", "--negatives", "1", "--f1", ".5", "--digits", "0"], "0 digits"),
        (
            &["--positives", "43", "--negatives", "57", "--precision", ".854", "--sensitivity", ".95"],
            "numbers of 2 and of 3 decimals",
        ),
        (&["--positives", "6", "--negatives", "1", "--f1", ".5", "--runs", "0"], "0 runs"),
    ] {
        let output = run(arguments);
        let logged = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {logged}");
        assert!(logged.contains(says), "{arguments:?}: {logged}");
    }
    let begun = std::time::Instant::now();
    let large = ["--positives", "999", "--negatives", "999", "--accuracy", ".791", "--precision", ".931"];
    let output = run(&[&large[..], &["--sensitivity", ".851", "--specificity", ".990", "--f1", ".500"]].concat());
    assert_eq!(output.status.code(), Some(5));
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
