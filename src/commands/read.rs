//! `rimforge read STUDY`: a reader study in a browser of this machine, and what came out of it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::json;

use super::choices::choice;
use super::console::Console;
use crate::name::shown_path;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::reading::Source;
use crate::run_dir::StudyDir;
use crate::serve::limits::Limits;
use crate::serve::reading::config::Asked;
use crate::serve::reading::{Reading, reader_name, table};
use crate::serve::server::Server;

/// Arguments of `rimforge read`.
#[derive(Args, Debug)]
pub struct ReadArgs {
    /// Study folder with data/, synthetic/ and denoised/, e.g. out/demo; answers go into its folder reading/.
    study: PathBuf,
    /// Who answers. Each reader has an order and answers of his own.
    #[arg(long, value_name = "NAME", default_value = "reader-1")]
    reader: String,
    /// Images, each shown in both tasks; fixed once a reader study is begun, as are the next three [default: 110].
    #[arg(long, value_name = "N")]
    items: Option<usize>,
    /// Images that come a second time in each task, for a reader's agreement with himself [default: 20].
    #[arg(long, value_name = "N")]
    repeats: Option<usize>,
    /// Where images come from, separated by commas: real and synthetic alone are the published reader study [default:
    /// real,synthetic,other,contested,denoised].
    #[arg(long, value_parser = choice::<Source>(), value_delimiter = ',')]
    sources: Option<Vec<Source>>,
    /// Chooses the images and every order [default: 1].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Port of 127.0.0.1; any free one unless given.
    #[arg(long, value_name = "P", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Open the page with xdg-open; other users of this machine may then see its address in the list of processes.
    #[arg(long)]
    open: bool,
    /// Print what came out of the answers so far instead of asking for more.
    #[arg(long)]
    results: bool,
    /// True labels of a simulated cohort (derivatives/truth/truth.tsv) for --results, where they are not the study's.
    #[arg(long, value_name = "FILE", requires = "results")]
    truth: Option<PathBuf>,
}

/// Serves the page until the reader has finished, or prints the results.
///
/// # Errors
/// Nothing to show, answers that are another study's, damaged or locked, or no port; `Kind::Interrupted` where the
/// program is stopped before all is answered.
pub fn run(args: &ReadArgs, console: &Console) -> Result<()> {
    let &ReadArgs { items, repeats, seed, .. } = args;
    let asked = Asked { items, repeats, seed, sources: args.sources.clone() };
    let (dir, reader) = (StudyDir::new(&args.study), reader_name(&args.reader)?);
    if args.results {
        let record = Reading::begun(&dir, &asked)?.results(args.truth.as_deref())?;
        let place = shown_path(&dir.reading().results());
        return console.result(&record, || format!("{}record {place}\n", table::text(&record)));
    }
    let reading = Reading::open(&dir, &asked)?;
    let server = Server::bind(args.port, Limits::default())?;
    let observer = console.observer()?;
    let address = server.address();
    observer.note(&format!("{reader} answers at {address}"));
    observer.note("open that address in a browser of this machine; Ctrl-C ends the program, and every answer is kept");
    if args.open {
        open(&address, observer);
    }
    let [answered, questions] = reading.read(&reader, server, observer)?;
    if answered < questions && observer.stop_requested() {
        return Err(Problem::new(Kind::Interrupted, format!("{answered} of {questions} questions answered"))
            .advice("the same command goes on from there"));
    }
    let place = dir.reading().answers();
    let told = json!({
        "reader": reader, "answered": answered, "questions": questions, "answers": place.to_string_lossy(),
    });
    console.result(&told, || {
        format!("{reader}: {answered} of {questions} questions answered, kept in {}\n", shown_path(&place))
    })
}

/// A browser that cannot be opened is no error: the address is printed.
fn open(address: &str, observer: &dyn Observer) {
    let mut command = Command::new("xdg-open");
    command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.spawn() {
        observer.note(&format!("xdg-open cannot be started ({error}): open the address yourself"));
    }
}
