//! What the asked arms need of what is handed over, and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::config::ClassifyConfig;
use super::extras::{Denoised, Extras};
use super::labelled::{self, Kind};
use super::projected::{self, Wanted};
use super::source::{Given, Source};
use super::stage::Inputs;
use super::{arms, drawn, generators};
use crate::observer::Observer;
use crate::problem::Result;

/// Reads what the asked arms need and nothing else, the truth aside.
pub(super) fn extras(
    inputs: Inputs<'_>,
    config: &ClassifyConfig,
    device: tch::Device,
    notes: &mut Vec<String>,
    observer: &dyn Observer,
) -> Result<Extras> {
    let data = inputs.data;
    let mut extras = Extras::default();
    let needed = arms::sources(&config.arms);
    let asked =
        |given: Given| inputs.of(given).filter(|_| needed.iter().any(|source| source.asks_for().contains(&given)));
    if asked(Given::Network).is_some() {
        for path in inputs.network {
            extras.networks.extend(generators::network(path, data, device, config.trust_origin)?.noted(notes));
        }
    }
    let read = |given, folders| if asked(given).is_some() { folders } else { &[][..] };
    let kinds = [
        ("synthetic lesions", "generate", read(Given::Synthetic, inputs.synthetic)),
        ("projections", "project", read(Given::Denoised, inputs.denoised)),
    ];
    notes.extend(generators::told_apart(&extras.networks, kinds)?);
    let drawn = |folder: &Path| drawn::synthetic(folder, data, config.trust_origin, observer);
    let interest = data.classes().interest().unwrap_or_default();
    let projected = |folder: &Path, wanted: (Wanted, bool)| projected::projected(folder, data, wanted, config);
    let of_interest = |source: &Source| source.asks_for().contains(&Given::Synthetic) && !source.is_of_every_class();
    let labelled = |folder: &Path, kind| labelled::read(folder, data, kind, config.trust_origin, observer);
    let synthetic = inputs.synthetic.iter();
    if needed.contains(&Source::DrawnByClass) {
        let read = synthetic.clone().map(|folder| Ok(labelled(folder, Kind::Drawn)?.noted(notes)));
        extras.drawn_by_class = read.collect::<Result<_>>()?;
    }
    extras.edited =
        asked(Given::Edited).map(|folder| labelled(folder, Kind::Edited)).transpose()?.map(|read| read.noted(notes));
    if needed.iter().any(of_interest) {
        extras.synthetic = synthetic.map(|folder| Ok(drawn(folder)?.noted(notes))).collect::<Result<_>>()?;
    }
    extras.conditional = asked(Given::Conditional).map(drawn).transpose()?.map(|read| read.noted(notes));
    // The contested arms take the slices that were projected, so that they and the denoised arms differ in nothing
    // else.
    if needed.iter().any(|source| source.of_contested()) {
        let learnt = asked(Given::Denoised).is_some();
        let read = |folder: &PathBuf| Ok(projected(folder, (Wanted::Contested, learnt))?.noted(notes));
        extras.denoised = inputs.denoised.iter().map(read).collect::<Result<_>>()?;
        projected::require_same_slices(&extras.denoised, inputs.denoised, data)?;
    }
    let of = |folder: Option<&Path>, wanted, notes: &mut Vec<String>| -> Result<Option<Vec<Denoised>>> {
        Ok(folder.map(|folder| projected(folder, wanted)).transpose()?.map(|read| read.noted(notes)))
    };
    extras.projected_interest = of(asked(Given::ProjectedInterest), (Wanted::OfClass(interest), true), notes)?;
    let others = (Wanted::OfClass(1 - interest.min(1)), false);
    extras.projected_others = of(asked(Given::ProjectedOthers), others, notes)?;
    let judged = |folder: &Path| projected::two_sided(folder, data, config.trust_origin);
    extras.two_sided = asked(Given::TwoSided).map(judged).transpose()?.map(|read| read.noted(notes));
    if let (Some(judged), Some(denoised)) = (&extras.two_sided, extras.denoised.first()) {
        notes.extend(projected::judged_on_others(judged, denoised));
    }
    // What is said of each generator's material may be the same.
    let mut said = BTreeSet::new();
    notes.retain(|note| said.insert(note.clone()));
    if let (Some(folder), Some(network)) = (asked(Given::ProjectedInterest), extras.networks.first()) {
        let shape = network.generator.config();
        let size = (shape.num_ws() * shape.w_dim) as usize;
        extras.latents = Some(projected::latents(folder, data, interest, (size, &network.sha256))?);
    }
    Ok(extras)
}
