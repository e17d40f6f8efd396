//! The command line's shape; no work happens here.

use clap::{Parser, Subcommand};

use crate::commands::{
    bench, classify, config, doctor, export, generate, import, perturb, prepare, project, report, run, simulate, train,
};

/// From a cohort of contested lesions to classifiers trained with synthetic and denoised ones, and the evidence.
///
/// Exit codes: 0 done; 1 internal error; 2 usage; 3 unusable input; 4 the machine (disk, libtorch, folder in use);
/// 5 a gate did not pass; 130 stopped on request.
#[derive(Parser, Debug)]
#[command(name = "rimforge", version, about, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// More detail on standard error (-v information, -vv debugging).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the whole experiment of a study; stages that are done are kept.
    Run(run::RunArgs),
    /// Write a simulated cohort in BIDS, or check one.
    Simulate(simulate::SimulateArgs),
    /// Cut a cohort, a folder of PNGs or a zip into float32 patches with a patient-wise split.
    Prepare(prepare::PrepareArgs),
    /// Train StyleGAN2-ADA on the training rims.
    Train(train::TrainArgs),
    /// Draw lesions from a trained network.
    Generate(generate::GenerateArgs),
    /// Project lesions into a network's latent space ("denoise" their label).
    Project(project::ProjectArgs),
    /// Spoil known lesions, project them back, and measure what returns.
    Perturb(perturb::PerturbArgs),
    /// Read a published StyleGAN2-ADA pickle without running it.
    Import(import::ImportArgs),
    /// Write a network as a PyTorch state dict with the module names of StyleGAN2-ADA.
    Export(export::ExportArgs),
    /// Train one classifier per augmentation arm and compare.
    Classify(classify::ClassifyArgs),
    /// Write the HTML report of a study folder.
    Report(report::ReportArgs),
    /// Show the settings of a study as they will be used.
    Config(config::ConfigArgs),
    /// Measure this machine: images a second beside its convolution rate.
    Bench(bench::BenchArgs),
    /// Show what was found on this machine: libtorch, CPU features, threads, GPU.
    Doctor(doctor::DoctorArgs),
}

impl Cli {
    pub fn run(&self) -> crate::problem::Result<()> {
        match &self.command {
            Command::Run(args) => run::run(args),
            Command::Simulate(args) => simulate::run(args),
            Command::Prepare(args) => prepare::run(args),
            Command::Train(args) => train::run(args),
            Command::Generate(args) => generate::run(args),
            Command::Project(args) => project::run(args),
            Command::Perturb(args) => perturb::run(args),
            Command::Import(args) => import::run(args),
            Command::Export(args) => export::run(args),
            Command::Classify(args) => classify::run(args),
            Command::Report(args) => report::run(args),
            Command::Config(args) => config::run(args),
            Command::Bench(args) => bench::run(args),
            Command::Doctor(args) => doctor::run(args),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        super::Cli::command().debug_assert();
    }
}
