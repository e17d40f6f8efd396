//! `rimforge review DIR`: people look at directions in a browser of this machine and say which may be used.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::choices::choice;
use super::console::{Console, noted};
use crate::name::shown_path;
use crate::problem::{Kind, Problem, Result};
use crate::records::review::{Agreement, ReviewRecord};
use crate::run_dir::ReviewDir;
use crate::serve::limits::Limits;
use crate::serve::review::together::Consensus;
use crate::serve::review::{Review, reviewer_name};
use crate::serve::server::Server;

/// Arguments of `rimforge review`.
#[derive(Args, Debug)]
pub struct ReviewArgs {
    /// The --out folder of `rimforge directions`; decisions go into its folder review/.
    directions: PathBuf,
    /// Who decides. Each reviewer has an order and a log of their own.
    #[arg(long, value_name = "NAME", default_value = "reviewer-1")]
    reviewer: String,
    /// Show what was measured beside the picture; without it a reviewer sees the picture alone.
    #[arg(long)]
    scores: bool,
    /// Port of 127.0.0.1; any free one unless given.
    #[arg(long, value_name = "P", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Decide without a person: by random directions and the gate. Every line of the log says so.
    #[arg(long, conflicts_with_all = ["scores", "port"])]
    auto: bool,
    /// Print what all decisions so far come to, and leave it in review/summary.
    #[arg(long, conflicts_with_all = ["auto", "scores", "port"])]
    summary: bool,
    /// With --summary: whose acceptance a direction needs: all, majority or any.
    #[arg(long, value_name = "RULE", requires = "summary", value_parser = choice::<Consensus>())]
    consensus: Option<Consensus>,
}

/// Serves the page until the reviewer has finished, decides by the gate, or prints what was decided.
///
/// # Errors
/// No directions, a damaged log or one that another process holds, no port; `Kind::Interrupted` where the program is
/// stopped before all is decided.
pub fn run(args: &ReviewArgs, console: &Console) -> Result<()> {
    let reviewer = reviewer_name(&args.reviewer)?;
    let review = Review::open(&args.directions)?;
    let dir = ReviewDir::of(&args.directions);
    if args.summary {
        let record = review.summary(args.consensus.unwrap_or_default())?;
        return console.result(&record, || format!("{}record in {}\n", table(&record), shown_path(&dir.summary())));
    }
    let observer = console.observer()?;
    if args.auto {
        let [accepted, all] = review.decide_by_gate(observer)?;
        let told = json!({"by": "gate", "accepted": accepted, "directions": all});
        return console.result(&told, || {
            format!("decided without a person, by chance and the gate: {accepted} of {all} directions accepted\n")
        });
    }
    let server = Server::bind(args.port, Limits::default())?;
    observer.note(&format!("{reviewer} answers at {}", server.address()));
    observer
        .note("open that address in a browser of this machine; Ctrl-C ends the program, and every decision is kept");
    let [decided, questions] = review.read(&reviewer, args.scores, server, observer)?;
    if decided < questions && observer.stop_requested() {
        return Err(Problem::new(Kind::Interrupted, format!("{decided} of {questions} pictures decided"))
            .advice("the same command goes on from there"));
    }
    let place = dir.reviewer(&reviewer).join(ReviewDir::DECISIONS);
    let told = json!({
        "reviewer": reviewer, "decided": decided, "questions": questions, "decisions": place.to_string_lossy(),
    });
    console.result(&told, || {
        format!("{reviewer}: {decided} of {questions} pictures decided, kept in {}\n", shown_path(&place))
    })
}

/// What the record says, for a terminal.
fn table(record: &ReviewRecord) -> String {
    let mut text = if record.simulated { "SIMULATED. ".to_owned() } else { String::new() };
    text += &format!(
        "{} of {} directions accepted ({})\n",
        record.accepted.len(),
        record.directions.len(),
        record.consensus
    );
    for one in &record.reviewers {
        let [accepted, rejected, unsure] = one.verdicts;
        let again =
            one.again.as_ref().map_or_else(String::new, |again| format!("; with themselves: {}", agreed(again)));
        text += &format!("  {}: {accepted} accepted, {rejected} rejected, {unsure} unsure{again}\n", one.name);
    }
    for pair in &record.pairs {
        let [one, other] = &pair.reviewers;
        text += &format!("  {one} and {other}: {}\n", agreed(&pair.agreement));
    }
    for one in record.directions.iter().filter(|one| one.accepted) {
        text += &format!("accepted  {:<26} {}\n", one.id, one.name);
    }
    text.push_str(&noted(&record.notes));
    text
}

fn agreed(agreement: &Agreement) -> String {
    let kappa = match (agreement.kappa, &agreement.interval) {
        (Some(kappa), Some(interval)) => format!("kappa {kappa:.2} [{:.2}, {:.2}]", interval.low, interval.high),
        (Some(kappa), None) => format!("kappa {kappa:.2}"),
        (None, _) => "kappa undefined".into(),
    };
    format!("{} of {} alike, {kappa}", agreement.alike, agreement.pictures)
}
