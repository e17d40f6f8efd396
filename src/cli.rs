//! The command line's shape; no work happens here.

use std::ffi::OsString;
use std::io::IsTerminal;

use clap::{Parser, Subcommand};

use crate::commands::console::{Console, print};
use crate::commands::{
    bench, bids_app, check_table, classify, completions, config, directions, doctor, edit, evaluate, explain, export,
    generate, import, invert, man, merge, perturb, plan, prepare, project, read, report, residuals, review, run,
    segment, simulate, train, tumours, two_sided, variants,
};
use crate::name::shown;
use crate::problem::{Kind, Result};

/// From a cohort of contested lesions to classifiers trained with synthetic and denoised ones, and the evidence.
///
/// Exit codes: 0 done; 1 internal error; 2 usage; 3 unusable input; 4 the machine (disk, libtorch, folder in use); 5 a
/// check did not pass (a gate, stated numbers that cannot be, units that a merge lacks, a training that diverged,
/// images of other data among what would be learnt from); 130 stopped on request. A reader that closes the pipe
/// (`| head`) is no error: what is left to print is dropped, the work is finished, and the exit code is the work's.
#[derive(Parser, Debug)]
#[command(name = "rimforge", version, about, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// More detail on standard error: -v what is read, kept, begun and done, and causes of errors; -vv each step.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Print the result as JSON on standard output, and nothing else there.
    #[arg(long, global = true)]
    pub json: bool,
}

/// The subcommands, in the order of the experiment.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the whole experiment of a study; stages that are done are kept.
    Run(run::RunArgs),
    /// List the units of a study, and which are done: what `run --shard` makes, and what is made as a whole.
    Plan(plan::PlanArgs),
    /// Put what shards made in place, and nothing else: a unit that is missing is named.
    Merge(merge::MergeArgs),
    /// Write a simulated cohort in BIDS, or check one.
    Simulate(simulate::SimulateArgs),
    /// Cut a cohort, a folder or zip of images or photographs of skin into float32 patches with a patient-wise split.
    Prepare(prepare::PrepareArgs),
    /// Train StyleGAN2-ADA on the training rims.
    Train(train::TrainArgs),
    /// Train variants of the network at equal budget and compare them: distance curves over seeds, classes as asked.
    Variants(variants::VariantsArgs),
    /// Draw lesions from a trained network.
    Generate(generate::GenerateArgs),
    /// Project lesions into a network's latent space ("denoise" their label).
    Project(project::ProjectArgs),
    /// Spoil known lesions, project them back, and measure what returns.
    Perturb(perturb::PerturbArgs),
    /// Find codes of images for editing, by encoder or descent, mend the network for them, and measure it.
    Invert(invert::InvertArgs),
    /// Compare lesions projected as of one class and as of the other: a probability for the contested.
    TwoSided(two_sided::TwoSidedArgs),
    /// Project healthy, lesioned and spoiled images; say how far to trust it, and whether residuals tell lesions.
    Residuals(residuals::ResidualsArgs),
    /// Find directions of a network's latent space, and name each by what it moves.
    Directions(directions::DirectionsArgs),
    /// Edit inverted training images along accepted directions, each as of its class.
    Edit(edit::EditArgs),
    /// Read a published StyleGAN2-ADA pickle without running it.
    Import(import::ImportArgs),
    /// Write a network as a PyTorch state dict with the module names of StyleGAN2-ADA, or data for other programs.
    Export(export::ExportArgs),
    /// Train one classifier per augmentation arm and compare.
    Classify(classify::ClassifyArgs),
    /// Measure how far images lie from held-out real ones, and what a network is like.
    Evaluate(evaluate::EvaluateArgs),
    /// Ask what the classifiers of a comparison look at, and whether it is the rim.
    Explain(explain::ExplainArgs),
    /// Learn masks of rims, one network per arm, and measure them on held-out lesions.
    Segment(segment::SegmentArgs),
    /// Learn regions of gliomas with and without drawn pairs of a rare population; measure them on held-out patients.
    Tumours(tumours::TumoursArgs),
    /// Let people judge blinded images of a study in a browser: real or synthetic, rim or not.
    Read(read::ReadArgs),
    /// Let people accept or reject directions in a browser; every decision is a line of a log.
    Review(review::ReviewArgs),
    /// Write the HTML report of a study folder.
    Report(report::ReportArgs),
    /// Ask whether the numbers of a published table can come from its test set.
    CheckTable(check_table::CheckTableArgs),
    /// Do the study of rim lesions as a BIDS App is called: BIDS_DIR OUTPUT_DIR participant|group.
    #[command(version)]
    BidsApp(bids_app::BidsAppArgs),
    /// Show the settings of a study as they will be used.
    Config(config::ConfigArgs),
    /// Measure this machine: images a second beside its convolution rate.
    Bench(bench::BenchArgs),
    /// Show what was found on this machine: libtorch, CPU features, threads, GPU.
    Doctor(doctor::DoctorArgs),
    /// Print a script by which a shell completes commands and options.
    Completions(completions::CompletionsArgs),
    /// Print the manual page of the program or of a command.
    Man(man::ManArgs),
}

impl Cli {
    /// What was typed. Where that is no command, why not is said on standard error; help and version are printed.
    ///
    /// # Errors
    /// The exit code: nothing is to be run.
    pub fn typed() -> std::result::Result<Self, u8> {
        let typed: Vec<OsString> = std::env::args_os().collect();
        Self::try_parse_from(&typed).map_err(|error| say(error, &typed))
    }

    /// What the command talks to, as the flags want it, its log included. One a process.
    pub fn console(&self) -> Console {
        let console = Console::new(self.json);
        console.log(self.verbose);
        console
    }

    /// Runs the subcommand and prints its result.
    ///
    /// # Errors
    /// Whatever went wrong; its kind is the exit code.
    pub fn run(&self, console: &Console) -> Result<()> {
        match &self.command {
            Command::Run(args) => run::run(args, console),
            Command::Plan(args) => plan::run(args, console),
            Command::Merge(args) => merge::run(args, console),
            Command::Simulate(args) => simulate::run(args, console),
            Command::Prepare(args) => prepare::run(args, console),
            Command::Train(args) => train::run(args, console),
            Command::Variants(args) => variants::run(args, console),
            Command::Generate(args) => generate::run(args, console),
            Command::Project(args) => project::run(args, console),
            Command::Perturb(args) => perturb::run(args, console),
            Command::Invert(args) => invert::run(args, console),
            Command::TwoSided(args) => two_sided::run(args, console),
            Command::Residuals(args) => residuals::run(args, console),
            Command::Directions(args) => directions::run(args, console),
            Command::Edit(args) => edit::run(args, console),
            Command::Import(args) => import::run(args, console),
            Command::Export(args) => export::run(args, console),
            Command::Classify(args) => classify::run(args, console),
            Command::Evaluate(args) => evaluate::run(args, console),
            Command::Explain(args) => explain::run(args, console),
            Command::Segment(args) => segment::run(args, console),
            Command::Tumours(args) => tumours::run(args, console),
            Command::Read(args) => read::run(args, console),
            Command::Review(args) => review::run(args, console),
            Command::Report(args) => report::run(args, console),
            Command::CheckTable(args) => check_table::run(args, console),
            Command::BidsApp(args) => bids_app::run(args, console),
            Command::Config(args) => config::run(args, console),
            Command::Bench(args) => bench::run(args, console),
            Command::Doctor(args) => doctor::run(args, console),
            Command::Completions(args) => completions::run(args),
            Command::Man(args) => man::run(args),
        }
    }
}

/// Prints what clap has to say, and gives the exit code.
fn say(error: clap::Error, typed: &[OsString]) -> u8 {
    if !error.use_stderr() {
        let text = error.render();
        let text = if std::io::stdout().is_terminal() { text.ansi().to_string() } else { text.to_string() };
        return match print(&text) {
            Ok(()) => 0,
            Err(problem) => {
                Console::new(false).problem(&problem, false);
                problem.kind() as u8
            }
        };
    }
    // It quotes what was typed: where that could steer a terminal, the same fault is told of the escaped words.
    let escaped: Vec<OsString> = typed.iter().map(escaped).collect();
    let error = if escaped == typed { error } else { Cli::try_parse_from(&escaped).err().unwrap_or(error) };
    // There is no place left to say that standard error is closed.
    let _ = error.print();
    Kind::Usage as u8
}

/// A word as a person may be shown it; one that is no text stays what it is.
fn escaped(word: &OsString) -> OsString {
    word.to_str().map_or_else(|| word.clone(), |text| shown(text).into_owned().into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// A command and all below it, built, so that global options are known to each.
    fn all(command: &clap::Command) -> Vec<&clap::Command> {
        [command].into_iter().chain(command.get_subcommands().flat_map(all)).collect()
    }

    #[test]
    fn every_option_of_every_command_says_what_it_is() {
        let mut cli = Cli::command();
        cli.build();
        for command in all(&cli).into_iter().filter(|command| command.get_name() != "help") {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
            }
        }
    }
}
