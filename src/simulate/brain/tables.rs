//! The table of what generated each case.

use super::case::{GRID, Head};
use super::plan::{Case, Population};
use super::tumour::{CORE, ENHANCING, Grade, OEDEMA};

/// Its columns.
pub(super) const COLUMNS: [&str; 24] = [
    "case",
    "population",
    "scanner",
    "stored",
    "noise",
    "shading",
    "gain",
    "grade",
    "brain_ml",
    "csf_ml",
    "grey_ml",
    "white_ml",
    "cortex_mm",
    "ventricles",
    "asked_ml",
    "core_ml",
    "oedema_ml",
    "enhancing_ml",
    "days",
    "in_white_mm2_per_day",
    "rho_per_day",
    "lambda_per_day",
    "sigma",
    "contrast_mm",
];

/// A case's row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told(Vec<String>);

impl Told {
    /// Of a case and what it became.
    pub(super) fn of(case: &Case, head: &Head) -> Self {
        let ml = GRID.voxel_mm().iter().product::<f64>() / 1000.0;
        let sum = |shares: &[f32]| shares.iter().map(|&share| f64::from(share)).sum::<f64>() * ml;
        let labelled = |label: u8| head.tumour.labels.iter().filter(|&&own| own == label).count() as f64 * ml;
        let (brain, growth) = (&head.brain, &case.tumour.growth);
        let grade = match case.tumour.grade {
            Grade::Enhancing => "enhancing",
            Grade::Dark => "dark",
            Grade::Infiltrating => "infiltrating",
        };
        let words = [&case.id, case.population.key(), case.examination.scanner.key(), case.stored.key()];
        let of_scanner = [case.examination.noise, case.examination.shading, case.examination.gain];
        let numbers = [
            brain.brain.iter().filter(|&&inside| inside).count() as f64 * ml,
            sum(&brain.csf),
            sum(&brain.grey),
            sum(&brain.white),
            case.person.cortex_mm,
            case.person.ventricles,
            case.tumour.whole_mm3 / 1000.0,
            labelled(CORE),
            labelled(OEDEMA),
            labelled(ENHANCING),
            head.tumour.days,
            growth.in_white,
            growth.rho,
            growth.lambda,
            growth.sigma,
            case.tumour.millimolar,
        ];
        let plain = |number: f64| format!("{number:.4}");
        let cells = words.map(str::to_owned).into_iter().chain(of_scanner.map(plain));
        Self(cells.chain([grade.to_owned()]).chain(numbers.map(plain)).collect())
    }
}

/// The table.
pub(super) fn cases(rows: &[Told]) -> String {
    let lines = rows.iter().map(|row| row.0.join("\t"));
    [COLUMNS.join("\t")].into_iter().chain(lines).map(|line| line + "\n").collect()
}

/// A case as the table has it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) population: Population,
    pub(super) scanner: String,
    pub(super) grey_ml: f64,
    pub(super) white_ml: f64,
}

/// Reads what [`cases`] wrote.
///
/// # Errors
/// In words: another header, a cell that is none of the program's.
pub(super) fn read(text: &str) -> Result<Vec<Row>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(COLUMNS.join("\t").as_str()) {
        return Err("another header than the program's".into());
    }
    let at = |name: &str| COLUMNS.iter().position(|column| *column == name).unwrap_or_default();
    let row = |(number, line): (usize, &str)| {
        let cells: Vec<&str> = line.split('\t').collect();
        let number_of = |name: &str| cells.get(at(name)).and_then(|cell| cell.parse::<f64>().ok());
        let population =
            [Population::Africa, Population::Others].into_iter().find(|one| cells.get(1) == Some(&one.key()));
        match (population, number_of("grey_ml"), number_of("white_ml")) {
            (Some(population), Some(grey_ml), Some(white_ml)) if cells.len() == COLUMNS.len() => {
                Ok(Row { id: cells[0].into(), population, scanner: cells[2].into(), grey_ml, white_ml })
            }
            _ => Err(format!("line {}: no case", number + 2)),
        }
    };
    lines.enumerate().map(row).collect()
}
