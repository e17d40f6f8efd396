//! `rimforge classify`: one classifier per augmentation arm, compared on test lesions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use super::console::{Console, noted};
use super::engine_args::EngineArgs;
use super::numbers::bracketed;
use super::options::{Options, SeedArgs};
use super::primary_args::PrimaryArgs;
use crate::classify::augment::Augment;
use crate::classify::config::{Additions, ClassifyConfig, Control, NetworkChoice, Pooling, ThresholdRule, Width};
use crate::classify::{Arm, Inputs, run_stage};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::name::shown_path;
use crate::nets::classifiers::densenet::Stem;
use crate::problem::Result;
use crate::records::Interval;
use crate::records::classify::{ArmRecord, ClassifyRecord};
use crate::run_dir::RECORD;
use crate::settings::Settings;

mod by_class;
mod weights;

/// Arguments of `rimforge classify`.
#[derive(Args, Debug)]
pub struct ClassifyArgs {
    /// Prepared data set (`rimforge prepare`).
    #[arg(long)]
    data: PathBuf,
    /// Folder of synthetic slices (`rimforge generate`); needed by the ADA-GAN and ADA-GAN+LD arms. May be given for
    /// each of several generators: repetitions take them in turn.
    #[arg(long)]
    synthetic: Vec<PathBuf>,
    /// Folder of a conditional generator's rims (`rimforge generate --class rim`); needed by the ADA-cGAN arm.
    #[arg(long)]
    conditional: Option<PathBuf>,
    /// Folder of projected contested lesions (`rimforge project`); needed by the ADA-GAN-LD and ADA-GAN+LD arms. As
    /// often as --synthetic, in the same order.
    #[arg(long)]
    denoised: Vec<PathBuf>,
    /// Folder of projected agreed rims of the training side; needed by the latent-smote and source-matched arms.
    #[arg(long)]
    projected_rims: Option<PathBuf>,
    /// The same of agreed non-rims; needed by the projected-non-rims and source-matched arms.
    #[arg(long)]
    projected_non_rims: Option<PathBuf>,
    /// Generator that lesions were projected into; needed by the random-latents, generator-mean and latent-smote arms.
    /// As often as --denoised.
    #[arg(long)]
    network: Vec<PathBuf>,
    /// Folder of `rimforge two-sided`; needed by the two-sided and two-sided-image arms.
    #[arg(long)]
    two_sided: Option<PathBuf>,
    /// Folder of edited training lesions (`rimforge edit`); needed by the sa arms.
    #[arg(long)]
    edited: Option<PathBuf>,
    /// True labels of a simulated cohort (derivatives/truth/truth.tsv); read for scoring and the oracle arm only.
    #[arg(long)]
    truth: Option<PathBuf>,
    /// Another prepared data set with the same channels and classes, on which every fit is scored, too; all its sides.
    #[arg(long, value_name = "DIR")]
    external: Option<PathBuf>,
    /// Folder for the fits, the record and the figure; the same command goes on where it was stopped.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<ClassifyConfig, Typed>,
    /// Leave out projections whose rim was erased.
    #[arg(long)]
    accepted_only: bool,
    /// Take slices of a network whose earlier or own training data are others or unknown: that no test lesion was among
    /// them is then your word, and the record says so.
    #[arg(long)]
    trust_origin: bool,
    /// Lesions of --external that are called as some of the data set's are others all the same.
    #[arg(long, requires = "external")]
    external_apart: bool,
    #[command(flatten)]
    primary: PrimaryArgs,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "classify-settings")]
struct Typed {
    /// Arms, separated by commas.
    #[arg(long, value_parser = choice::<Arm>(), value_delimiter = ',')]
    arms: Option<Vec<Arm>>,
    /// Repetitions of every arm.
    #[arg(long)]
    seeds: Option<u64>,
    /// Passes over the None arm's slices; every arm takes as many steps.
    #[arg(long)]
    epochs: Option<u64>,
    /// Slices in a batch.
    #[arg(long)]
    batch: Option<u64>,
    /// Rims that each arm adds.
    #[arg(long)]
    extra: Option<u64>,
    /// Training non-rims per agreed rim.
    #[arg(long)]
    non_rims_per_rim: Option<f64>,
    /// Channels of the classifier.
    #[arg(long, value_parser = choice::<Width>())]
    width: Option<Width>,
    /// Which network tells classes apart.
    #[arg(long = "classifier", value_parser = choice::<NetworkChoice>())]
    #[serde(rename = "network", skip_serializing_if = "Option::is_none")]
    classifier: Option<NetworkChoice>,
    /// How a DenseNet takes images; small (stride 1, no pooling) below 128 pixels unless said otherwise.
    #[arg(long, value_parser = choice::<Stem>())]
    stem: Option<Stem>,
    /// File of torchvision's weights that a published DenseNet starts from.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// How slice scores become a lesion's.
    #[arg(long, value_parser = choice::<Pooling>())]
    pooling: Option<Pooling>,
    /// How the threshold is chosen on the validation lesions.
    #[arg(long, value_parser = choice::<ThresholdRule>())]
    threshold: Option<ThresholdRule>,
    /// Where what an arm adds stands.
    #[arg(long, value_parser = choice::<Additions>())]
    additions: Option<Additions>,
    /// Weight of the loss of what an arm adds on top.
    #[arg(long)]
    extra_weight: Option<f64>,
    /// Weights at which all arms that add are fitted once more, separated by commas.
    #[arg(long, value_delimiter = ',')]
    extra_weights: Option<Vec<f64>>,
    /// How slices are changed each time that a fit sees them.
    #[arg(long, value_parser = choice::<Augment>())]
    augment: Option<Augment>,
    /// A run whose outcome is known, to test the machinery.
    #[arg(long, value_parser = choice::<Control>())]
    control: Option<Control>,
}

impl ClassifyArgs {
    fn config(&self) -> Result<ClassifyConfig> {
        let &Self { accepted_only, trust_origin, external_apart, .. } = self;
        let primary = self.primary.question();
        Ok(ClassifyConfig { accepted_only, trust_origin, external_apart, primary, ..self.settings.config()? })
    }
}

/// Trains, scores, and prints the table.
///
/// # Errors
/// Settings that make no sense, no usable folder of an arm, or a stage that fails or is stopped.
pub fn run(args: &ClassifyArgs, console: &Console) -> Result<()> {
    let config = args.config()?;
    config.check()?;
    let engine = args.engine.start()?;
    let data = Prepared::open(&args.data)?;
    let external = args.external.as_ref().map(Prepared::open).transpose()?;
    let inputs = Inputs {
        data: &data,
        synthetic: &args.synthetic,
        conditional: args.conditional.as_deref(),
        denoised: &args.denoised,
        projected_interest: args.projected_rims.as_deref(),
        projected_others: args.projected_non_rims.as_deref(),
        network: &args.network,
        two_sided: args.two_sided.as_deref(),
        edited: args.edited.as_deref(),
        truth: args.truth.as_deref(),
        external: external.as_ref(),
    };
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    console.result(&record, || {
        let table = table(&record, data.manifest().simulated);
        format!("{table}\nrecord {}\n", shown_path(&args.out.join(RECORD)))
    })
}

/// The arms' table with intervals, for a terminal.
pub fn table(record: &ClassifyRecord, simulated: bool) -> String {
    if !record.classes.is_empty() {
        return by_class::table(record, simulated);
    }
    const SHOWN: [&str; 5] = ["auprc", "auroc", "precision", "sensitivity", "accuracy"];
    let cell = |interval: Option<&Interval>| bracketed(interval, 2);
    let rows = |title: &str, of: &dyn Fn(&ArmRecord) -> &BTreeMap<String, Interval>| -> String {
        let mut text = format!("\n{title}\n{:<22}", "arm");
        SHOWN.iter().for_each(|metric| text.push_str(&format!("{metric:<19}")));
        for arm in &record.arms {
            text.push_str(&format!("\n{:<22}", arm.name));
            SHOWN.iter().for_each(|metric| text.push_str(&format!("{:<19}", cell(of(arm).get(*metric)))));
        }
        text + "\n"
    };
    let test = &record.test;
    let simulated = if simulated { "SIMULATED. " } else { "" };
    let mut text = format!(
        "{simulated}{} test lesions of {} patients: {} rims ({:.1} %), {} contested, {} non-rims; {} steps of {} slices \
         ({} rims), {} seeds\n",
        test.lesions,
        test.patients,
        test.rims,
        100.0 * test.prevalence,
        test.ambiguous,
        test.non_rims,
        record.optimiser_steps,
        record.batch,
        record.rims_per_batch,
        record.seeds.len()
    );
    text.push_str(&rows("against the readers' agreed label", &|arm| &arm.against_readers));
    if record.arms.iter().any(|arm| !arm.against_truth.is_empty()) {
        text.push_str(&rows("against the true label", &|arm| &arm.against_truth));
    }
    text.push_str(&weights::table(record));
    text.push_str("\nin brackets: 95 % intervals over test patients; seeds are averaged\n");
    text.push_str(&noted(&record.notes));
    text
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    fn config(more: &[&str]) -> ClassifyConfig {
        parsed::<ClassifyArgs>(&[&["--data", "d", "--out", "o"], more].concat()).unwrap().config().unwrap()
    }

    #[test]
    fn options_set_settings() {
        assert_eq!(config(&[]), ClassifyConfig::default());
        let some = config(&["--arms", "none,ada-gan+ld", "--pooling", "top-half", "--epochs", "2", "--accepted-only"]);
        assert!(!some.trust_origin && config(&["--trust-origin"]).trust_origin);
        assert_eq!((some.arms, some.pooling), (vec![Arm::None, Arm::AdaGanPlusLd], Pooling::TopHalf));
        assert_eq!((some.epochs, some.accepted_only), (2, true));
    }
}
