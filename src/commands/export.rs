//! `rimforge export`: a network of ours as a PyTorch state dict under the reference's module names; `rimforge export
//! FORM`: what [`super::export_forms`] has.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use tch::Device;

use super::console::Console;
use super::export_forms::{self, Form};
use crate::feed::network_source::network_file;
use crate::files::{self, Input, OutFolder, Owner};
use crate::name::shown_path;
use crate::nets::load_image_network;
use crate::observer::Silent;
use crate::pickle::state_dict::{check_known, discriminator_arguments, generator_arguments, write_state_dict};
use crate::problem::{Problem, Result};
use crate::run_dir::ExportDir;

/// Arguments of `rimforge export`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ExportArgs {
    #[command(subcommand)]
    form: Option<Form>,
    /// A network file, or the folder of a training run or an import.
    #[arg(long, value_name = "FILE|DIR", required = true)]
    network: Option<PathBuf>,
    /// Folder for state_dict.pt (torch.load with weights_only reads it) and manifest.json (sizes; what made it).
    #[arg(long, value_name = "DIR", required = true)]
    out: Option<PathBuf>,
}

/// Knows the command's folders.
const OWNER: Owner = Owner::of("export", unmarked);

/// A folder of a version before there were marks: with a manifest whose state dict has the hash that it says.
fn unmarked(folder: &Path) -> Result<Option<Vec<String>>> {
    let holds = files::holds_what_its_manifest_says(folder, ExportDir::MANIFEST, "state_dict")?;
    Ok(holds.then(|| [ExportDir::STATE_DICT, ExportDir::MANIFEST].map(str::to_owned).to_vec()))
}

/// Writes the form that was asked for, or the state dict.
///
/// # Errors
/// Those of the form; an `--out` that is not this command's, no usable network, or a failed write.
pub fn run(args: &ExportArgs, console: &Console) -> Result<()> {
    match (&args.form, &args.network, &args.out) {
        (Some(form), ..) => export_forms::run(form, console),
        (None, Some(network), Some(out)) => state_dict(network, out, console),
        _ => Err(Problem::usage("neither a form nor --network with --out")),
    }
}

/// Writes the state dict and its manifest; prints the manifest as JSON, or where the state dict is.
fn state_dict(network: &Path, out: &Path, console: &Console) -> Result<()> {
    let file = network_file(network)?;
    let folder = OutFolder::new(OWNER, out).apart_from([Input::of(&file)]);
    folder.check()?;
    let network = load_image_network(&file, Device::Cpu)?;
    check_known(&network).map_err(|problem| problem.at(&file))?;
    let mut claim = folder.claim()?;
    let dir = ExportDir::new(out);
    let making = ExportDir::new(claim.staging()?);
    let sha256 = write_state_dict(making.state_dict(), &network)?;
    let description = &network.description;
    let mut networks = serde_json::Map::new();
    let generator = json!({"class_name": "Generator", "init_kwargs": generator_arguments(&description.generator)});
    networks.insert("G_ema".into(), generator);
    if let Some(config) = &description.discriminator {
        let discriminator = json!({"class_name": "Discriminator", "init_kwargs": discriminator_arguments(config)});
        networks.insert("D".into(), discriminator);
    }
    let [channels, provenance] = description.label.to_json()?;
    let manifest = json!({
        "rimforge": env!("CARGO_PKG_VERSION"),
        "state_dict": {"file": ExportDir::STATE_DICT, "sha256": sha256},
        "networks": networks,
        "source": {"sha256": network.sha256, "channels": channels, "provenance": provenance},
    });
    files::write_json(making.manifest(), &manifest)?;
    claim.publish(vec![ExportDir::STATE_DICT.into()], &[ExportDir::MANIFEST], &Silent)?;
    console.result(&manifest, || format!("{}\n", shown_path(&dir.state_dict())))
}
