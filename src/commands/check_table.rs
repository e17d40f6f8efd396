//! `rimforge check-table`: can the numbers of a published table come from the test set that it states?

use std::collections::BTreeSet;

use clap::Args;

use super::console::Console;
use crate::problem::{Kind, Problem, Result};
use crate::statistics::stated_table::{Metric, Share, Stated, check, words};

/// Arguments of `rimforge check-table`.
#[derive(Args, Debug)]
pub struct CheckTableArgs {
    /// Items of the positive class in the test set.
    #[arg(long, value_name = "N")]
    positives: u64,

    /// All other items in it.
    #[arg(long, value_name = "N")]
    negatives: u64,

    /// Share of right answers, as stated: .79, 0.790 or 79%.
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    accuracy: Option<Share>,

    /// Share of real positives among those called so.
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    precision: Option<Share>,

    /// Share of the real positives that were called so (recall).
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    sensitivity: Option<Share>,

    /// Share of the real negatives that were called so.
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    specificity: Option<Share>,

    /// Harmonic mean of precision and sensitivity.
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    f1: Option<Share>,

    /// Decimals to which they are given; as many as typed unless told.
    #[arg(long, value_name = "N")]
    digits: Option<u32>,

    /// Runs on this test set that they are means over.
    #[arg(long, value_name = "N", default_value_t = 1)]
    runs: u64,
}

/// Prints which counts give the numbers, or come nearest.
///
/// # Errors
/// Numbers that make no sense; numbers that cannot come from the stated test set (exit code 5).
pub fn run(args: &CheckTableArgs, console: &Console) -> Result<()> {
    let typed = [
        (Metric::Accuracy, args.accuracy),
        (Metric::Precision, args.precision),
        (Metric::Sensitivity, args.sensitivity),
        (Metric::Specificity, args.specificity),
        (Metric::F1, args.f1),
    ];
    let typed: Vec<(Metric, Share)> = typed.into_iter().filter_map(|(metric, typed)| Some((metric, typed?))).collect();
    // "1" is a whole whatever the others' digits.
    let digits: BTreeSet<u32> = typed.iter().map(|(_, typed)| typed.digits).filter(|&digits| digits > 0).collect();
    if let (Some(least), Some(most), None) = (digits.first(), digits.last(), args.digits)
        && least < most
    {
        return Err(Problem::usage(format!("numbers of {least} and of {most} decimals"))
            .expected("each with as many as the table prints")
            .advice(format!(
                "type the zeros at their end (.950 for .95, if it is given to three decimals), or let all be as coarse \
                 as the coarsest: --digits {least}"
            )));
    }
    let most = digits.last().copied().unwrap_or(1);
    let stated = Stated {
        positives: args.positives,
        negatives: args.negatives,
        values: typed.iter().map(|(metric, typed)| (*metric, typed.value)).collect(),
        digits: args.digits.unwrap_or(most),
        runs: args.runs,
    };
    let checked = check(&stated)?;
    console.result(&checked, || words::in_words(&checked))?;
    if checked.possible {
        return Ok(());
    }
    Err(Problem::new(Kind::Gate, "the stated numbers cannot come from the stated test set")
        .expected(format!("numbers of {} positives and {} negatives", stated.positives, stated.negatives))
        .advice("ask for the counts themselves: another test set, another convention or a misprint would explain them"))
}
