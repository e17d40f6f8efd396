//! `rimforge import`: a published StyleGAN2-ADA pickle as a network of ours, without running it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::console::Console;
use crate::data::intensity::default_contrast;
use crate::files::{self, Input, OutFolder, Owner};
use crate::name::shown_path;
use crate::nets::weights::{NetworkDescription, write_network};
use crate::observer::Silent;
use crate::pickle::{ImportedNetwork, read_network};
use crate::problem::{Problem, Result};
use crate::records::label::{Contrast, Imported, NetworkLabel, Provenance, SUSCEPTIBILITY, Window};
use crate::run_dir::ImportDir;

/// Arguments of `rimforge import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// Network pickle of StyleGAN2-ADA (PyTorch version). It is read as data; nothing in it is run.
    #[arg(value_name = "NET.pkl")]
    pickle: PathBuf,
    /// Folder for network.safetensors and manifest.json.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What -1 and 1 of the network's range mean in the unit of the contrast (chimap: ppb), so that NIfTI can be
    /// written; once for each channel. A pickle does not say.
    #[arg(long, value_name = "[NAME:]LOW,HIGH", allow_hyphen_values = true)]
    window: Vec<String>,
    /// Leave out the discriminator, which only `project --features discriminator` and further training use.
    #[arg(long)]
    without_discriminator: bool,
}

/// Knows the command's folders.
const OWNER: Owner = Owner::of("import", unmarked);

/// A folder of a version before there were marks: with a manifest whose network has the hash that it says.
fn unmarked(folder: &Path) -> Result<Option<Vec<String>>> {
    let holds = files::holds_what_its_manifest_says(folder, ImportDir::MANIFEST, "network")?;
    Ok(holds.then(|| [ImportDir::NETWORK, ImportDir::MANIFEST].map(str::to_owned).to_vec()))
}

/// Reads the pickle, writes the network and its manifest; prints the manifest as JSON, or a summary.
///
/// # Errors
/// An `--out` that is not this command's, a pickle that is no such network, windows that do not fit its channels, or a
/// failed write.
pub fn run(args: &ImportArgs, console: &Console) -> Result<()> {
    let contrasts = args.window.iter().map(|text| parse_window(text)).collect::<Result<Vec<_>>>()?;
    let folder = OutFolder::new(OWNER, &args.out).apart_from([Input::of(&args.pickle)]);
    folder.check()?;
    let network = read_network(&args.pickle, !args.without_discriminator)?;
    let channels = network.generator.channels;
    if !contrasts.is_empty() && contrasts.len() as i64 != channels {
        return Err(Problem::usage(format!("{} windows for {channels} channels", contrasts.len()))
            .expected("one --window for each channel"));
    }
    let dir = ImportDir::new(&args.out);
    let mut claim = folder.claim()?;
    let making = ImportDir::new(claim.staging()?);
    let name = args.pickle.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let imported = Imported {
        file: name,
        format: "StyleGAN2-ADA pickle".into(),
        network: "G_ema".into(),
        sha256: network.sha256.clone(),
    };
    let provenance = Provenance {
        rimforge: Some(env!("CARGO_PKG_VERSION").to_owned()),
        imported: Some(imported.clone()),
        ..Provenance::default()
    };
    let label = NetworkLabel { contrasts, provenance };
    let [known, _] = label.to_json()?;
    let no_window = label.contrasts.is_empty();
    let (generator, discriminator) = (network.generator.clone(), network.discriminator.clone());
    let description = NetworkDescription { generator, discriminator, label };
    let sha256 = write_network(making.network(), &description, &network.tensors)?;
    let shapes: serde_json::Map<_, _> =
        network.tensors.iter().map(|(name, tensor)| (name.clone(), json!(tensor.size()))).collect();
    let manifest = json!({
        "rimforge": env!("CARGO_PKG_VERSION"),
        "source": imported,
        "network": {"file": ImportDir::NETWORK, "sha256": sha256},
        "generator": network.generator,
        "discriminator": network.discriminator,
        "fp16_resolutions": network.fp16_resolutions,
        "channels": known,
        "tensors": shapes,
    });
    files::write_json(making.manifest(), &manifest)?;
    claim.publish(vec![ImportDir::NETWORK.into()], &[ImportDir::MANIFEST], &Silent)?;
    console.result(&manifest, || format!("{}{}\n", summary(&network, no_window), shown_path(&dir.network())))
}

fn summary(network: &ImportedNetwork, no_window: bool) -> String {
    let config = &network.generator;
    let classes = match config.c_dim {
        0 => "unconditional".to_owned(),
        count => format!("{count} classes (generate --class 0 to {})", count - 1),
    };
    let mut text = format!(
        "generator of {} x {} pixels, {} channel{}, {classes}; discriminator {}\n",
        config.resolution,
        config.resolution,
        config.channels,
        if config.channels == 1 { "" } else { "s" },
        if network.discriminator.is_some() { "included" } else { "not included" },
    );
    if network.fp16_resolutions > 0 {
        let resolutions = network.fp16_resolutions;
        text += &format!("set to fp16 at {resolutions} resolutions on a GPU; computed in float32 here\n");
    }
    if no_window {
        text += "no intensity window: images come as PNG and npy (-1..1); --window LOW,HIGH adds NIfTI\n";
    }
    text
}

/// "-100,150" or "flair:0,2.5".
fn parse_window(text: &str) -> Result<Contrast> {
    let wrong =
        || Problem::usage(format!("--window {text}")).expected("LOW,HIGH or NAME:LOW,HIGH, e.g. chimap:-80,120");
    let (name, range) = text.split_once(':').unwrap_or((SUSCEPTIBILITY, text));
    let (low, high) = range.split_once(',').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
    let named = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !named {
        return Err(wrong());
    }
    Ok(Contrast { window: Window::new(number(low)?, number(high)?)?, ..default_contrast(name) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Kind;

    #[test]
    fn a_window_names_its_contrast_or_is_a_susceptibility() {
        let plain = parse_window("-100,150").unwrap();
        assert_eq!((plain.name.as_str(), plain.unit.as_str(), plain.window.low), ("chimap", "ppb", -100.0));
        assert_eq!(parse_window("flair:0, 2.5").unwrap().window.high, 2.5);
        for wrong in ["", "5", "5,1", "a,b", "x/y:0,1", ":0,1", "nan,1"] {
            assert_eq!(parse_window(wrong).unwrap_err().kind(), Kind::Usage, "{wrong}");
        }
    }
}
