//! Fits of U-Nets on parallel threads, each kept in a file, so that a stopped comparison goes on where it was; as
//! `segment` and `tumours` do them.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::Device;

use crate::classify::on_threads::on_threads;
use crate::classify::runs::Workplace;
use crate::files;
use crate::name::Name;
use crate::nets::Network;
use crate::nets::network::Named;
use crate::nets::segmenters::{UNet, UNetConfig};
use crate::nets::weights::{read_tensors, write_tensors};
use crate::observer::Observer;
use crate::problem::{Kind, Result};
use crate::records::arithmetic::Arithmetic;
use crate::seed::RunSeed;
use crate::units::{Ready, Share, Unit};

/// A fit to be done, by its file and by what a finished one is known by.
#[derive(Clone, Debug)]
pub(crate) struct FitFile {
    /// Where it is kept.
    pub file: PathBuf,
    /// Hash of all that it depends on.
    pub key: String,
    /// Hash of all that the key knows but the pixels.
    pub settings: String,
}

/// Which fits are done, and where.
#[derive(Clone, Copy)]
pub(crate) enum Fits<'a> {
    /// All; those that are ready are taken in.
    All(&'a Ready),
    /// Those of these names, which are left as units.
    Units(&'a Share, &'a [Name]),
}

/// The unit of an arm's fit: "none-seed0".
pub(crate) fn unit(arm: &str, repetition: u64) -> Name {
    Name::of_known(&format!("{arm}-seed{repetition}"))
}

/// The names of those units that are a share's and to be made now.
///
/// # Errors
/// As [`Share::to_do`].
pub(crate) fn to_do(share: &Share, units: &[Unit]) -> Result<Vec<Name>> {
    Ok(share.to_do(units.to_vec())?.into_iter().map(|place| units[place].name.clone()).collect())
}

/// What all fits of a comparison share.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    /// Which are done.
    pub fits: Fits<'a>,
    /// What is being done, for the observer.
    pub title: &'static str,
    /// Of every fit.
    pub network: &'a UNetConfig,
    /// Steps of every fit.
    pub steps: u64,
    /// Files of the stage's folder that speak of all fits: they go before one is done anew.
    pub of_all: &'a [&'a str],
    /// Told of the steps.
    pub observer: &'a dyn Observer,
}

/// A fit file's own description.
#[derive(Serialize, Deserialize)]
struct Description {
    key: String,
    settings: String,
    /// Mean loss of every 10 steps.
    losses: Vec<f64>,
    computed_with: Arithmetic,
}

/// Does every fit with `fit`, which gives a network and its losses, or takes what an earlier call or a shard left, and
/// gives each network to `judge`; what came of it in the order of the fits, and how they were computed, each way once.
/// `handle` makes what each thread works with. Where only units are made, nothing is judged.
///
/// # Errors
/// What `fit` or `judge` say, a full disk, or fits to do beside those of another arithmetic, or where none is to be
/// made.
pub(crate) fn run<H: Send, T: Send>(
    fits: &[FitFile],
    shared: Shared<'_>,
    place: Workplace<'_>,
    handle: impl Fn() -> H,
    fit: impl Fn(&H, usize) -> Result<(UNet, Vec<f64>)> + Sync,
    judge: impl Fn(&H, &UNet) -> Result<T> + Sync,
) -> Result<Option<(Vec<T>, Vec<Arithmetic>)>> {
    let observer = shared.observer;
    let here = place.place.with_threads(1);
    let ready = match shared.fits {
        Fits::All(ready) => ready,
        Fits::Units(share, wanted) => {
            let places: Vec<usize> = (0..fits.len()).filter(|&at| wanted.contains(&fits[at].unit())).collect();
            observer.begin(shared.title, "steps", shared.steps * places.len() as u64);
            let job = |handle: &H, at: usize| {
                let file = &fits[places[at]];
                let (network, losses) = fit(handle, places[at])?;
                file.write(&network, losses, &here.arithmetic)?;
                share.leave(&file.unit(), place.out, [file.name_in(place.out)])
            };
            on_threads(places.len(), place, handle, job)?;
            observer.end();
            return Ok(None);
        }
    };
    observer.begin(shared.title, "steps", shared.steps * fits.len() as u64);
    let mut kept = fits.iter().map(|fit| finished(fit, shared, place)).collect::<Result<Vec<_>>>()?;
    if kept.iter().any(Option::is_none) && ready.is_any() {
        shared.of_all.iter().try_for_each(|name| files::remove(&place.out.join(name)))?;
        for (fit, kept) in fits.iter().zip(&mut kept).filter(|(_, kept)| kept.is_none()) {
            files::remove(&fit.file)?;
            if ready.take(&fit.unit(), place.out, &[fit.name_in(place.out)])? {
                *kept = finished(fit, shared, place)?;
            }
        }
        let missing = fits.iter().zip(&kept).filter(|(_, kept)| kept.is_none()).map(|(fit, _)| fit.unit());
        ready.require_none(&missing.collect::<Vec<_>>())?;
    }
    let mut computed: Vec<Arithmetic> = kept.iter().flatten().map(|(_, how)| how.clone()).collect();
    if kept.iter().any(Option::is_none) {
        for begun in Arithmetic::distinct(&computed) {
            if let Some(words) = here.go_on(&begun, place.out)? {
                observer.note(&format!("going on beside fits begun with {words}; the record says so"));
            }
        }
        computed.push(here.arithmetic.clone());
        // They speak of the fits that are about to be replaced; and whatever fails or is killed from here on, no fit of
        // other settings is left that could be taken for one of these.
        shared.of_all.iter().try_for_each(|name| files::remove(&place.out.join(name)))?;
        for (fit, _) in fits.iter().zip(&kept).filter(|(_, kept)| kept.is_none()) {
            files::remove(&fit.file)?;
        }
    }
    let kept: Vec<Mutex<Option<UNet>>> = kept.into_iter().map(|kept| Mutex::new(kept.map(|(net, _)| net))).collect();
    let job = |handle: &H, at: usize| {
        let kept = kept[at].lock().map_or(None, |mut kept| kept.take());
        let network = match kept {
            Some(network) => {
                observer.advance(shared.steps);
                network
            }
            None => {
                let (network, losses) = fit(handle, at)?;
                fits[at].write(&network, losses, &here.arithmetic)?;
                network
            }
        };
        judge(handle, &network)
    };
    let judged = on_threads(fits.len(), place, handle, job);
    observer.end();
    Ok(Some((judged?, Arithmetic::distinct(&computed))))
}

impl FitFile {
    /// The unit that it is alone, named as its file.
    fn unit(&self) -> Name {
        Name::of_known(&self.file.file_stem().unwrap_or_default().to_string_lossy())
    }

    /// Relative to the stage's folder.
    fn name_in(&self, out: &Path) -> String {
        self.file.strip_prefix(out).unwrap_or(&self.file).to_string_lossy().into_owned()
    }

    fn write(&self, network: &UNet, losses: Vec<f64>, arithmetic: &Arithmetic) -> Result<()> {
        let (key, settings, computed_with) = (self.key.clone(), self.settings.clone(), arithmetic.clone());
        let description = Description { key, settings, losses, computed_with };
        let tensors: Named = network.tensors();
        write_tensors(&self.file, &tensors, &json!(description).to_string())?;
        tracing::info!("{}: fitted", self.file.display());
        Ok(())
    }
}

/// The network of a finished fit, and how it was computed.
fn finished(fit: &FitFile, shared: Shared<'_>, place: Workplace<'_>) -> Result<Option<(UNet, Arithmetic)>> {
    if !files::is_there(&fit.file)? {
        return Ok(None);
    }
    let again = |why: &str| {
        shared.observer.note(&format!("{}: {why}; fitted again", fit.file.display()));
        Ok(None)
    };
    let file = match read_tensors(&fit.file) {
        Ok(file) => file,
        // No permission, a disk that fails: that says nothing about the fit.
        Err(problem) if problem.kind() == Kind::Environment => return Err(problem),
        Err(problem) => return again(&problem.to_string()),
    };
    let Ok(description) = serde_json::from_str::<Description>(&file.description) else {
        return again("of another version");
    };
    if description.key != fit.key {
        // The key hashes pixels, and the last bits of some are made with the instructions at hand.
        if description.settings == fit.settings {
            place.place.with_threads(1).go_on(&description.computed_with, &fit.file)?;
        }
        return again("of other settings or data");
    }
    let mut network = UNet::new(shared.network, RunSeed(0), place.device);
    match network.load(&file.tensors) {
        Ok(()) => Ok(Some((network, description.computed_with))),
        Err(problem) => again(&problem.to_string()),
    }
}

/// The network that [`run`] left in `file`.
///
/// # Errors
/// No such file, or one of another network.
pub(crate) fn load(file: &Path, network: &UNetConfig, device: Device) -> Result<UNet> {
    let mut unet = UNet::new(network, RunSeed(0), device);
    unet.load(&read_tensors(file)?.tensors).map_err(|problem| problem.at(file))?;
    Ok(unet)
}
