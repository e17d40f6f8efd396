//! What the page shows of a reader study: table 1 of the paper.

use super::numbers::{interval, interval_percent, number, share, signed_interval};
use crate::files;
use crate::problem::Result;
use crate::records::Interval;
use crate::records::reading::{Agreement, ReadingRecord, Source, Task, TaskRecord};
use crate::records::study::StudyRecord;
use crate::run_dir::StudyDir;

/// Bytes of `reading.json`, at most.
const LARGEST: u64 = 64 << 20;

/// What the section shows.
pub struct Reading {
    /// "110 images: 33 real rim, ...".
    pub images: String,
    /// Titles of the two tasks.
    pub tasks: [String; 2],
    /// "rim".
    pub interest: String,
    /// Table 1: each reader's sources, then all readers'.
    pub rows: Vec<Row>,
    /// What follows from them, a reader a row.
    pub readers: Vec<ReaderRow>,
    /// Each two readers.
    pub pairs: Vec<PairRow>,
    /// What changed with denoising, a sentence a reader.
    pub denoising: Vec<String>,
    /// The images were drawn by another generator than this report's, or of other data.
    pub of_another: bool,
    /// As recorded.
    pub notes: Vec<String>,
}

/// One source, as one reader saw it.
pub struct Row {
    /// Name; empty in the rows below the first.
    pub reader: String,
    /// "synthetic rim".
    pub source: String,
    /// How many were called real, and of the class of interest.
    pub called: [String; 2],
}

/// One reader.
pub struct ReaderRow {
    /// Name.
    pub reader: String,
    /// "130 of 260".
    pub answered: String,
    /// Real or synthetic: share of right answers.
    pub origin: String,
    /// Class: share of right answers among images with an agreed label.
    pub class: String,
    /// The same against the known truth.
    pub truth: String,
    /// Agreement with himself in both tasks.
    pub again: [String; 2],
}

/// Two readers.
pub struct PairRow {
    /// "a and b".
    pub readers: String,
    /// Title of the task.
    pub task: String,
    /// Share of equal answers, and kappa.
    pub agreement: [String; 2],
}

const NONE: &str = "—";

/// Reads the results of the readers; `None` where nobody has read yet.
pub fn section(study: &StudyRecord, dir: &StudyDir) -> Result<Option<Reading>> {
    let path = dir.reading().results();
    let Some(text) = files::read_if_there(&path, LARGEST, "the results of a reader study")? else { return Ok(None) };
    let record: ReadingRecord = files::parse_json(&path, &text, "readable as results of a reader study")?;
    let drawn = record.network_sha256.as_ref();
    let further = study.further_generators.iter().map(|one| &one.synthesis.network_sha256);
    let mut own = [&study.synthesis.network_sha256].into_iter().chain(further);
    let of_another = drawn.is_some_and(|network| !own.any(|other| other == network))
        || study.synthesis.data_sha256.as_ref().is_some_and(|data| *data != record.data_sha256);
    Ok((!record.readers.is_empty()).then(|| shown(&record, of_another)))
}

fn shown(record: &ReadingRecord, of_another: bool) -> Reading {
    let interest = &record.interest;
    let all = (!record.together.is_empty()).then_some(("all readers", record.together.as_slice()));
    let each = record.readers.iter().map(|reader| (reader.name.as_str(), reader.tasks.as_slice()));
    let named: Vec<(&str, &[TaskRecord])> = each.chain(all).collect();
    let total: u64 = record.shown.iter().map(|count| count.images).sum();
    let parts = record.shown.iter().map(|count| format!("{} {}", count.images, count.source.described(interest)));
    Reading {
        images: format!("{total} images: {}", parts.collect::<Vec<_>>().join("; ")),
        tasks: Task::ALL.map(|task| task.title(interest)),
        interest: interest.to_string(),
        rows: named.iter().flat_map(|(reader, tasks)| rows(record, reader, tasks)).collect(),
        readers: record
            .readers
            .iter()
            .map(|reader| ReaderRow {
                reader: reader.name.clone(),
                answered: format!("{} of {}", reader.answered, reader.questions),
                origin: percent(of(&reader.tasks, Task::Origin).and_then(|task| task.accuracy.as_ref())),
                class: percent(of(&reader.tasks, Task::Class).and_then(|task| task.accuracy.as_ref())),
                truth: percent(of(&reader.tasks, Task::Class).and_then(|task| task.accuracy_to_truth.as_ref())),
                again: Task::ALL.map(|task| {
                    of(&reader.tasks, task).and_then(|task| task.again.as_ref()).map_or_else(|| NONE.into(), kappa)
                }),
            })
            .collect(),
        pairs: record
            .pairs
            .iter()
            .map(|pair| PairRow {
                readers: pair.readers.join(" and "),
                task: pair.task.title(interest),
                agreement: [interval_percent(&pair.agreement.same), kappa(&pair.agreement)],
            })
            .collect(),
        denoising: named.iter().filter_map(|(reader, tasks)| denoising(record, reader, tasks)).collect(),
        of_another,
        notes: record.notes.clone(),
    }
}

fn of(tasks: &[TaskRecord], task: Task) -> Option<&TaskRecord> {
    tasks.iter().find(|record| record.task == task)
}

fn rows(record: &ReadingRecord, reader: &str, tasks: &[TaskRecord]) -> Vec<Row> {
    let cell = |source: Source, task: Task| {
        let called = of(tasks, task).and_then(|task| task.called.iter().find(|called| called.source == source));
        called.map_or_else(|| NONE.to_owned(), |called| share(called.yes, &called.share))
    };
    let row = |(at, source): (usize, Source)| Row {
        reader: if at == 0 { reader.to_owned() } else { String::new() },
        source: source.described(&record.interest),
        called: Task::ALL.map(|task| cell(source, task)),
    };
    record.shown.iter().map(|count| count.source).enumerate().map(row).collect()
}

fn percent(found: Option<&Interval>) -> String {
    found.map_or_else(|| NONE.into(), interval_percent)
}

fn kappa(found: &Agreement) -> String {
    match (&found.kappa_interval, found.kappa) {
        (Some(kappa), _) => interval(kappa, 2),
        (None, Some(kappa)) => format!("{} (too few images for an interval)", number(kappa, 2)),
        (None, None) => NONE.into(),
    }
}

fn denoising(record: &ReadingRecord, reader: &str, tasks: &[TaskRecord]) -> Option<String> {
    let found = of(tasks, Task::Class)?.denoising.as_ref()?;
    let of = found.both + found.original_only + found.denoised_only + found.neither;
    let difference = found.difference.as_ref().map_or_else(|| NONE.into(), |gain| signed_interval(gain, 2));
    Some(format!(
        "{reader}: of {of} contested images seen both ways, {} were called {} only once denoised and {} only as measured; \
         difference of the shares {difference}, exact McNemar p {}.",
        found.denoised_only,
        record.interest,
        found.original_only,
        number(found.p, 3)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::classes::Class;
    use crate::records::reading::{Called, ReaderRecord, SourceCount};
    use crate::statistics::proportion::wilson;

    #[test]
    fn table_one_has_a_row_a_source_and_says_what_is_missing() {
        let called = Called { source: Source::Synthetic, yes: 17, share: wilson(17, 55).unwrap() };
        let task = TaskRecord {
            task: Task::Origin,
            answered: 110,
            called: vec![called],
            accuracy: wilson(68, 110),
            accuracy_to_truth: None,
            again: None,
            denoising: None,
            median_seconds: Some(3.0),
        };
        let reader = ReaderRecord { name: "a".into(), answered: 130, questions: 260, withdrawn: 0, tasks: vec![task] };
        let count = |source| SourceCount { source, images: 55 };
        let record = ReadingRecord {
            simulated: true,
            interest: Class::RIM,
            seed: 1,
            repeats: 20,
            list_sha256: "ab".into(),
            data_sha256: "cd".into(),
            network_sha256: None,
            shown: vec![count(Source::Real), count(Source::Synthetic)],
            readers: vec![reader],
            together: vec![],
            pairs: vec![],
            notes: vec![],
        };
        let page = shown(&record, false);
        assert_eq!(page.images, "110 images: 55 real rim; 55 synthetic rim");
        assert_eq!(page.rows.len(), 2);
        assert_eq!(
            (page.rows[0].reader.as_str(), page.rows[0].called.clone()),
            ("a", [NONE.to_owned(), NONE.to_owned()])
        );
        // The published share .31 of 55 and its interval.
        assert_eq!(page.rows[1].called[0], "17/55 = 31 % (20 to 44)");
        assert_eq!((page.readers[0].origin.as_str(), page.readers[0].class.as_str()), ("62 % (52 to 70)", NONE));
    }
}
