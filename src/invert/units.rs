//! The units of an inversion: networks that are trained or tuned once, images that are embedded together by descent,
//! images for each of which a generator is tuned.
//!
//! Each is a few of the files that the stage keeps in its folder and knows by their keys ([`super::kept`]); whoever
//! does the whole stage finds them there. Some need others: a shard takes these where somebody has left them, and else
//! makes and leaves them, whoever's they are. Batches are cut from the whole list of images.

use std::path::Path;

use super::bench::Bench;
use super::embedding;
use super::material::{Images, Material};
use super::method::{Embed, Method, Refine};
use super::rows::{Trained, tuned_for_all, tuned_for_each};
use super::stage::{Inputs, at_bench};
use super::{InvertConfig, encoding};
use crate::engine::Lab;
use crate::files;
use crate::name::Name;
use crate::problem::Result;
use crate::records::spelling;
use crate::run_dir::InversionDir;
use crate::settings::Settings;
use crate::units::{Ready, Share, Unit};

/// A unit.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// The encoder.
    Encoder,
    /// The hypernetwork, which learns behind the encoder.
    Hypernetwork,
    /// A batch of the images of a list, embedded by descent.
    Descents { embed: Embed, which: &'static str, number: usize },
    /// The generator tuned on all training images behind an embedding.
    TunedForAll(Embed),
    /// Generators tuned each on one image of a batch of the list that a method is asked for.
    TunedForEach { method: Method, which: &'static str, number: usize },
}

/// All of them, in an order in which they can be made.
fn parts(config: &InvertConfig, material: &Material) -> Vec<Part> {
    let methods = config.methods();
    let mut parts = vec![];
    if methods.iter().any(|method| method.embed == Embed::Encoder) {
        parts.push(Part::Encoder);
    }
    if methods.iter().any(|method| method.refine == Refine::Hypernetwork) {
        parts.push(Part::Hypernetwork);
    }
    let numbers = |which| 0..list(material, which).len().div_ceil(config.batch as usize);
    let lists = methods.iter().enumerate().flat_map(|(at, &method)| {
        let learns = (method.refine == Refine::PivotalAll).then_some("training");
        [Some(asked(at)), learns].into_iter().flatten().map(move |which| (method, which))
    });
    for (Method { embed, .. }, which) in lists.filter(|(method, _)| method.embed != Embed::Encoder) {
        let batches = numbers(which).map(|number| Part::Descents { embed, which, number });
        // Two methods may begin alike.
        let new: Vec<Part> = batches.filter(|batch| !parts.contains(batch)).collect();
        parts.extend(new);
    }
    for (at, &method) in methods.iter().enumerate() {
        match method.refine {
            Refine::PivotalAll => parts.push(Part::TunedForAll(method.embed)),
            Refine::PivotalEach => {
                let which = asked(at);
                parts.extend(numbers(which).map(|number| Part::TunedForEach { method, which, number }));
            }
            Refine::None | Refine::Hypernetwork => {}
        }
    }
    parts
}

/// The list that the method at this place is asked for: the first, which is the chosen one, inverts all.
pub(super) fn asked(at: usize) -> &'static str {
    if at == 0 { "inverted" } else { "compared" }
}

fn list(material: &Material, which: &str) -> Images {
    match which {
        "training" => material.learnt.of(&(0..material.learnt.len()).collect::<Vec<_>>()),
        "inverted" => material.inverted.of(&(0..material.inverted.len()).collect::<Vec<_>>()),
        _ => material.inverted.of(&material.compared),
    }
}

impl Part {
    fn name(&self) -> Name {
        Name::of_known(&match self {
            Self::Encoder => "encoder".to_owned(),
            Self::Hypernetwork => "hypernetwork".to_owned(),
            Self::Descents { embed, which, number } => embedding::batch_name(*embed, which, *number),
            Self::TunedForAll(embed) => format!("tuned-{}", spelling::name(embed)),
            Self::TunedForEach { method, number, .. } => format!("{}-{number:04}", method.stem()),
        })
    }

    fn unit(&self, config: &InvertConfig, material: &Material) -> Unit {
        let items = self.images(config, material).map_or_else(Vec::new, |images| images.items);
        Unit { name: self.name(), items: items.iter().map(|item| item.id.to_string()).collect() }
    }

    /// The images of a batch.
    fn images(&self, config: &InvertConfig, material: &Material) -> Option<Images> {
        let (Self::Descents { which, number, .. } | Self::TunedForEach { which, number, .. }) = self else {
            return None;
        };
        let (all, size) = (list(material, which), config.batch as usize);
        Some(all.of(&(number * size..all.len().min((number + 1) * size)).collect::<Vec<_>>()))
    }

    /// Its files, relative to the stage's folder.
    fn files(&self, config: &InvertConfig, material: &Material) -> Vec<String> {
        let net = |file: &str| InversionDir::network_file(file).to_string();
        match self {
            Self::Encoder => vec![net(InversionDir::ENCODER)],
            Self::Hypernetwork => vec![net(InversionDir::HYPERNETWORK)],
            Self::Descents { .. } => vec![format!("underway/{}.safetensors", self.name())],
            Self::TunedForAll(embed) => {
                let name = spelling::name(embed);
                let codes = format!("embedded/{}.safetensors", embedding::list_name(*embed, "training"));
                // The note says that the network is whole.
                let tuned = [net(&format!("tuned-{name}.safetensors")), net(&format!("tuned-{name}.json"))];
                (*embed != Embed::Encoder).then_some(codes).into_iter().chain(tuned).collect()
            }
            Self::TunedForEach { method, .. } => {
                let items = self.images(config, material).map_or_else(Vec::new, |images| images.items);
                items.iter().map(|item| format!("tuned/{}/{}.safetensors", method.stem(), item.id)).collect()
            }
        }
    }

    /// Whether it, or what is made of it, lies in the stage's folder.
    fn is_there(&self, bench: &Bench<'_>, material: &Material) -> Result<bool> {
        if let Self::Descents { embed, which, .. } = self
            && files::is_there(&bench.dir.embedded(&embedding::list_name(*embed, which)))?
        {
            return Ok(true);
        }
        for name in self.files(bench.config, material) {
            if !files::is_there(&bench.dir.root().join(name))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes away a batch of descents that an earlier merge took in, where all of its list came together since.
    fn clear_way(&self, bench: &Bench<'_>) -> Result<()> {
        match self {
            Self::Descents { embed, which, .. }
                if files::is_there(&bench.dir.embedded(&embedding::list_name(*embed, which)))? =>
            {
                files::remove(&bench.dir.underway(self.name().as_str()))
            }
            _ => Ok(()),
        }
    }

    /// What it is made of.
    fn needs(&self, config: &InvertConfig, material: &Material) -> Vec<Self> {
        match *self {
            Self::Encoder | Self::Descents { .. } => vec![],
            Self::Hypernetwork | Self::TunedForAll(Embed::Encoder) => vec![Self::Encoder],
            Self::TunedForAll(embed) => {
                let batches = material.learnt.len().div_ceil(config.batch as usize);
                (0..batches).map(|number| Self::Descents { embed, which: "training", number }).collect()
            }
            Self::TunedForEach { method, which, number } => match method.embed {
                Embed::Encoder => vec![Self::Encoder],
                embed => vec![Self::Descents { embed, which, number }],
            },
        }
    }

    /// Makes its files in the bench's folder, where those lie that it needs.
    fn make(&self, bench: &Bench<'_>, material: &Material) -> Result<()> {
        let learnt = &material.learnt;
        match *self {
            Self::Encoder => encoding::encoder(bench, learnt).map(drop),
            Self::Hypernetwork => {
                let encoder = encoding::encoder(bench, learnt)?;
                super::mending::hypernetwork(bench, learnt, &encoder.network).map(drop)
            }
            Self::Descents { embed, which, number } => {
                embedding::batch(bench, embed, (&list(material, which), which), number).map(drop)
            }
            Self::TunedForAll(embed) => {
                let mut trained = Trained::for_methods(bench, &[Method { embed, refine: Refine::None }], material)?;
                tuned_for_all(bench, embed, material, &mut trained).map(drop)
            }
            Self::TunedForEach { method, which, number } => {
                let Some(images) = self.images(bench.config, material) else { return Ok(()) };
                let all = list(material, which);
                let w = match method.embed {
                    Embed::Encoder => {
                        let encoder = encoding::encoder(bench, learnt)?.network;
                        let codes = embedding::embed(bench, method.embed, Some(&encoder), &all, which)?;
                        codes.w.narrow(0, (number as u64 * bench.config.batch) as i64, images.len() as i64)
                    }
                    embed => embedding::batch(bench, embed, (&all, which), number)?.w,
                };
                let files: Vec<_> =
                    images.items.iter().map(|item| bench.dir.tuned_for(&method.stem(), &item.id)).collect();
                tuned_for_each(bench, method, &images, &w, &files)
            }
        }
    }
}

/// Puts the units in place that are ready and whose files are not there.
///
/// # Errors
/// A unit that is not what it should be, or is missing where none is to be made.
pub(super) fn take(bench: &Bench<'_>, material: &Material, ready: &Ready) -> Result<()> {
    if !ready.is_any() {
        return Ok(());
    }
    let mut missing = vec![];
    // From the last on: a generator tuned on all images comes with the codes that were found for it batch by batch.
    for part in parts(bench.config, material).into_iter().rev() {
        if part.is_there(bench, material)? {
            part.clear_way(bench)?;
            continue;
        }
        // What the record says is not whole.
        bench.unpublish()?;
        if !ready.take(&part.name(), bench.dir.root(), &part.files(bench.config, material))? {
            missing.push(part.name());
        }
    }
    missing.reverse();
    ready.require_none(&missing)
}

/// Makes a share of the units of [`super::stage::run_with`].
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished units stay. Otherwise as [`super::run_stage`].
pub fn run_share(inputs: Inputs<'_>, config: &InvertConfig, share: &Share, lab: &Lab<'_>) -> Result<()> {
    config.check()?;
    let workplace = share.workplace()?;
    at_bench(inputs, config, &InversionDir::new(workplace.path()), lab, |bench, material, _| {
        let parts = parts(config, material);
        let to_do = share.to_do(parts.iter().map(|part| part.unit(config, material)).collect())?;
        let making = Making { bench, material, share, root: workplace.path() };
        to_do.into_iter().try_for_each(|place| making.make(&parts[place]))
    })
}

/// Makes units in a folder of its own.
struct Making<'a> {
    bench: &'a Bench<'a>,
    material: &'a Material,
    share: &'a Share,
    root: &'a Path,
}

impl Making<'_> {
    /// Makes a unit and leaves it, and before it what it needs and nobody has left.
    fn make(&self, part: &Part) -> Result<()> {
        let &Self { bench, material, share, root } = self;
        for need in part.needs(bench.config, material) {
            if !need.is_there(bench, material)? && !share.take(&need.name(), root)? {
                self.make(&need)?;
            }
        }
        part.make(bench, material)?;
        share.leave(&part.name(), root, part.files(bench.config, material))
    }
}
