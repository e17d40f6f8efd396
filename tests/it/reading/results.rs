//! What comes out of readers who are machines: one who knows, one who always says yes.

use std::fs;

use rimforge::records::reading::{ReadingRecord, Source, Task};
use rimforge::run_dir::StudyDir;
use rimforge::seed::RunSeed;
use rimforge::serve::reading::config::{Asked, ReadConfig};
use rimforge::serve::reading::items::{Items, choose};
use rimforge::serve::reading::order::questions;
use serde_json::json;

use super::study::{QUESTIONS, SMALL, Study};

fn images(study: &Study) -> Items {
    let asked = Asked { items: Some(10), repeats: Some(3), ..Asked::default() };
    choose(&StudyDir::new(&study.root), &asked.over(&ReadConfig::default())).unwrap()
}

/// Answers all questions by `yes` of task and source.
fn read(study: &Study, reader: &str, yes: impl Fn(Task, Source) -> bool) {
    let items = images(study);
    let order = questions(&items.list, 3, RunSeed(1), &reader.parse().unwrap());
    let running = study.begin(&[&SMALL[..], &["--reader", reader]].concat());
    for (question, asked) in order.iter().enumerate() {
        let image = running.page.get(&format!("/api/image/{question}"));
        assert_eq!(image.body, items.pixels[asked.item], "each question shows its image");
        let state = running.page.get("/api/state").json();
        let title = if asked.task == Task::Origin { "Real or synthetic?" } else { "Rim or not?" };
        assert_eq!(state["now"]["title"], title);
        let answer = json!({
            "question": question, "yes": yes(asked.task, items.list[asked.item].source), "milliseconds": 1500,
        });
        assert_eq!(running.page.post("/api/answer", &answer).status, 200);
    }
    assert_eq!(running.page.post("/api/finish", &json!({})).status, 200);
    assert_eq!(running.ended().0, 0);
}

#[test]
fn the_results_are_those_of_the_answers_and_stand_in_the_report() {
    let study = Study::new();
    assert!(study.refused(&["--results"]).1.contains("no answers yet"));
    assert!(!study.root.join("reading").exists(), "asking makes nothing");
    read(&study, "knows", |task, source| match task {
        Task::Origin => source.is_measured(),
        Task::Class => matches!(source, Source::Real | Source::Denoised),
    });
    read(&study, "says yes", |_, _| true);
    let record: ReadingRecord = serde_json::from_value(study.results()).unwrap();
    assert!(record.simulated && record.notes.is_empty(), "{:?}", record.notes);
    let shown: Vec<(Source, u64)> = record.shown.iter().map(|count| (count.source, count.images)).collect();
    let due = [3, 3, 2, 1, 1];
    assert_eq!(shown, Source::ALL.into_iter().zip(due).collect::<Vec<_>>());
    assert_eq!(
        record.readers.iter().map(|reader| (reader.name.as_str(), reader.answered)).collect::<Vec<_>>(),
        [("knows", QUESTIONS), ("says yes", QUESTIONS)]
    );
    let task = |reader: usize, task: usize| &record.readers[reader].tasks[task];
    for at in 0..2 {
        assert_eq!(task(0, at).accuracy.as_ref().unwrap().value, 1.0);
        assert!(task(1, at).called.iter().all(|called| called.share.value == 1.0));
        for reader in 0..2 {
            let again = task(reader, at).again.as_ref().unwrap();
            assert_eq!((again.same.value, again.same.n), (1.0, 3), "the same image, the same answer");
        }
        let kappa = task(1, at).again.as_ref().unwrap().kappa;
        assert_eq!(kappa, None, "of one and the same answer there is no kappa");
    }
    assert_eq!(task(1, 0).accuracy.as_ref().unwrap().value, 0.6, "six of ten were measured");
    let gained = task(0, 1).denoising.as_ref().unwrap();
    assert_eq!((gained.denoised_only, gained.neither, gained.both, gained.original_only), (1, 0, 0, 0));
    assert_eq!((record.together.len(), record.pairs.len()), (2, 2));
    assert_eq!(record.pairs[0].agreement.kappa, Some(0.0), "who always says yes agrees by chance alone");
    let text = String::from_utf8(study.run(&["--results"]).stdout).unwrap();
    for line in [
        "SIMULATED. images: 3 real rim; 3 synthetic rim",
        "Real or synthetic? (10 images",
        "all readers together",
        "knows and says yes, Rim or not?",
        "called rim",
        "% [",
        "kappa undefined",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // The same record in the folder, and in the page of a study that has it.
    let kept: ReadingRecord =
        serde_json::from_slice(&fs::read(study.root.join("reading/reading.json")).unwrap()).unwrap();
    assert_eq!(kept, record);
    let dir = StudyDir::new(study.root.with_file_name("reported"));
    crate::report::pictures(&dir);
    fs::write(dir.results(), serde_json::to_string(&crate::report::study()).unwrap()).unwrap();
    let without = fs::read_to_string(rimforge::report::write(&dir).unwrap()).unwrap();
    assert!(!without.contains("Reader study"));
    fs::create_dir(dir.reading().root()).unwrap();
    fs::copy(study.root.join("reading/reading.json"), dir.reading().results()).unwrap();
    let page = fs::read_to_string(rimforge::report::write(&dir).unwrap()).unwrap();
    for part in
        [">Reader study</h2>", "of another generator", "synthetic rim", "3/3 = 100 % (44 to 100)", "knows and says yes"]
    {
        assert!(page.contains(part), "{part}");
    }
}

/// A cohort's truth is read by scoring, and by nothing before.
#[test]
fn the_truth_of_a_simulated_cohort_is_scored_against() {
    let study = Study::new();
    // In a table of a cohort the numbers of lesions begin at 1.
    for record in ["data/manifest.json", "denoised/record.json"] {
        let path = study.root.join(record);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("_lesion-000\"", "_lesion-003\"")).unwrap();
    }
    // So that the projections are of the set as it is now.
    let record = study.root.join("denoised/record.json");
    let text = fs::read_to_string(&record).unwrap();
    let before = serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let now = rimforge::data::Prepared::open(study.root.join("data")).unwrap().sha256().to_owned();
    fs::write(&record, text.replace(before["projected_sha256"].as_str().unwrap(), &now)).unwrap();
    read(&study, "a", |_, source| source == Source::Real);
    let results = study.results();
    assert!(results["readers"][0]["tasks"][1].get("accuracy_to_truth").is_none(), "{results}");
    // Every lesion truly a rim: three of the six measured images were called one.
    let mut table = "participant_id\tlesion_id\ttrue_rim\n".to_owned();
    for patient in 0..10 {
        (1..4).for_each(|lesion| table += &format!("sub-{patient:03}\t{lesion}\t1\n"));
    }
    let path = study.root.with_file_name("truth.tsv");
    fs::write(&path, table).unwrap();
    let output = study.run(&["--results", "--json", "--truth", path.to_str().unwrap()]);
    let record: ReadingRecord = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let found = record.readers[0].tasks[1].accuracy_to_truth.as_ref().unwrap();
    assert_eq!((found.value, found.n), (0.5, 6));
}

#[test]
fn the_published_reader_study_is_two_sources_in_equal_parts() {
    let study = Study::new();
    let asked = ["--sources", "synthetic,real", "--items", "6", "--repeats", "0"];
    let running = study.begin(&asked);
    assert_eq!(running.page.get("/api/state").json()["questions"], 12);
    running.signal("INT");
    assert_eq!(running.ended().0, 130);
    assert_eq!(
        study.results()["shown"],
        json!([{"source": "real", "images": 3}, {"source": "synthetic", "images": 3}])
    );
}
