//! Tests and what goes with them: in the record of a comparison, and on the report's page, where each number stands
//! with its interval, each table with what it says, what is undefined in words; a study of before has none.

use assert_cmd::Command;
use rimforge::records::Interval;
use rimforge::records::classify::ClassifyRecord;
use rimforge::records::evidence::{
    AnswersRecord, AurocRecord, CalibrationRecord, ContrastRecord, DiscordantRecord, EqualCallsRecord, EvidenceRecord,
    InUseRecord, PowerRecord, VarianceShares,
};
use rimforge::run_dir::StudyDir;

use crate::classify::prepared;
use crate::report::{pictures, study};

fn interval(value: f64) -> Interval {
    Interval { value, low: value - 0.05, high: value + 0.04, level: 0.95, n: 9, method: "t over patients".into() }
}

/// What a made-up comparison found; one row a table, and one that is undefined where that can be.
pub fn evidence() -> EvidenceRecord {
    let against = || "truth".to_owned();
    let arm = || "ADA-GAN-LD".to_owned();
    let contrast = ContrastRecord {
        arm: arm(),
        metric: "auprc".into(),
        against: against(),
        primary: true,
        difference: interval(-0.048),
        shares: VarianceShares { patients: 0.8, generators: None, fits: Some(0.2) },
        p: Some(0.21),
        p_corrected: Some(0.21),
        detectable: Some(0.131),
    };
    let undefined =
        ContrastRecord { metric: "auroc".into(), primary: false, p: None, p_corrected: None, ..contrast.clone() };
    EvidenceRecord {
        contrasts: vec![contrast, undefined],
        auroc: vec![AurocRecord {
            arm: arm(),
            against: against(),
            auroc: interval(0.81),
            none: interval(0.83),
            difference: interval(-0.02),
            p: Some(0.0002),
            p_corrected: None,
        }],
        answers: vec![AnswersRecord {
            arm: arm(),
            against: against(),
            per_seed: vec![DiscordantRecord { seed: 0, arm_only: 9, none_only: 3, p: 0.146 }],
            p_by_patient: 0.25,
            p_corrected: 0.5,
        }],
        equal_calls: vec![EqualCallsRecord {
            arm: arm(),
            against: against(),
            calls: 21.0,
            none_calls: 15.3,
            sensitivity: Some(interval(0.01)),
            precision: None,
        }],
        calibration: vec![CalibrationRecord {
            arm: arm(),
            against: against(),
            shift: -0.33,
            slope: Some(interval(0.62)),
            intercept: Some(interval(-1.2)),
            brier: Some(interval(0.14)),
            brier_of_prevalence: 0.17,
        }],
        in_use: vec![InUseRecord {
            arm: arm(),
            against: against(),
            prevalence: 0.033,
            ppv: Some(interval(0.41)),
            npv: None,
        }],
        power: vec![PowerRecord {
            arm: arm(),
            against: against(),
            positives: 25,
            patients: 7,
            discordance: 0.16,
            effective: 19.4,
            detectable: None,
            needed_for_ten_points: Some(123.2),
        }],
        notes: vec!["Only 7 test patients have truly positive lesions".into()],
    }
}

fn page(evidence: Option<EvidenceRecord>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let dir = StudyDir::new(folder.path());
    pictures(&dir);
    let mut study = study();
    study.classify.evidence = evidence;
    std::fs::write(dir.results(), serde_json::to_string(&study).unwrap()).unwrap();
    std::fs::read_to_string(rimforge::report::write(&dir).unwrap()).unwrap()
}

#[test]
fn the_page_shows_every_table_with_what_it_says() {
    let page = page(Some(evidence())).replace("&#39;", "'").replace("&#60;", "<").replace("&lt;", "<");
    for text in [
        "Primary question, ADA-GAN-LD minus None, AUPRC, against the true label: −0.048 (−0.098 to −0.008), p = \
         0.210. A true difference of 0.131 is what such a test set finds with as many fits in 80 % of cases.",
        "<td>ADA-GAN-LD (primary)</td>",
        "<td>80 %</td><td>unknown</td><td>20 %</td><td>0.131</td>",
        "it says nothing about other training cohorts",
        "<td>< 0.001</td><td>—</td>",
        "seed 0: 9 : 3 (p = 0.146)",
        "<td>21.0</td><td>15.3</td><td>+0.010 (−0.040 to +0.050)</td><td>—</td>",
        "log-odds shifted by −0.33",
        "<td>0.62 (0.57 to 0.66)</td><td>−1.20 (−1.25 to −1.16)</td>",
        "Predictive values where 3.3 % of lesions are rims",
        "<td>25 in 7 patients</td><td>19.4</td><td>16 %</td><td>none</td><td>124</td>",
        "Only 7 test patients have truly positive lesions",
    ] {
        assert!(page.contains(text), "{text} is missing");
    }
    assert!(!page.contains("NaN"));
}

#[test]
fn a_study_of_before_has_no_such_section() {
    let page = page(None);
    assert!(!page.contains("<h3>Evidence</h3>") && !page.contains("Primary question"));
}

/// The program's comparison of two arms in two repetitions on 16 test patients; a question that it cannot answer is
/// refused before any work.
#[test]
fn a_comparison_leaves_its_evidence() {
    let folders = prepared();
    let run = |out: &str, more: &[&str]| {
        let mut command = Command::cargo_bin("rimforge").unwrap();
        command.args(["classify", "--device", "cpu", "--batch", "16", "--epochs", "4", "--seeds", "2", "--extra", "8"]);
        command.args(["--non-rims-per-rim", "1", "--arms", "none,ada-gan-ld", "--data"]).arg(folders.at("data"));
        command.arg("--denoised").arg(folders.at("denoised")).arg("--truth").arg(folders.at("truth.tsv"));
        command.arg("--out").arg(folders.at(out)).args(more).output().unwrap()
    };
    let output = run("out", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read(folders.at("out/record.json")).unwrap();
    let record: ClassifyRecord = serde_json::from_slice(&text).unwrap();
    let evidence = record.evidence.unwrap();
    let primary: Vec<_> = evidence.contrasts.iter().filter(|contrast| contrast.primary).collect();
    assert_eq!((primary.len(), evidence.contrasts.len()), (1, 6));
    assert_eq!((primary[0].metric.as_str(), primary[0].against.as_str()), ("auprc", "truth"));
    for contrast in &evidence.contrasts {
        let difference =
            record.differences.iter().find(|d| d.metric == contrast.metric && d.against == contrast.against);
        assert!((difference.unwrap().difference.value - contrast.difference.value).abs() < 1e-12, "{contrast:?}");
        let known = contrast.shares.patients + contrast.shares.fits.unwrap();
        assert!((known - 1.0).abs() < 1e-9 || known == 0.0, "{contrast:?}");
    }
    // 20 rims and 20 of 40 non-rims: half of them are seen.
    assert!((evidence.calibration[0].shift - 0.5_f64.ln()).abs() < 1e-12, "{:?}", evidence.calibration[0]);
    assert_eq!((evidence.power.len(), evidence.answers[0].per_seed.len(), evidence.in_use.len()), (2, 2, 4));
    let refused = run("other", &["--primary-arm", "affine"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("classify.primary.arm"));
}
