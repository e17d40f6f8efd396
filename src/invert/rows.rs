//! One method on its images: embedded, refined, kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::Tensor;

use super::bench::{Bench, CHUNK, widened};
use super::embedding::{Codes, embed};
use super::encoding::{self, Fitted};
use super::fitting::{Course, Losses};
use super::inverted::{DrawnBy, Inverted, offsets_of};
use super::kept::{self, Note};
use super::material::{Images, Material};
use super::mending;
use super::method::{Embed, Method, Refine};
use super::opened::fits;
use super::tuning::{Pivots, tune};
use crate::files;
use crate::nets::inversion::{Encoder, Hypernetwork};
use crate::nets::layers::offset::Offset;
use crate::nets::network::Named;
use crate::nets::{Generator, Network, load_image_network, save_network};
use crate::problem::Result;
use crate::records::arithmetic::Arithmetic;
use crate::records::invert::TrainedNetwork;
use crate::records::label::{NetworkLabel, Tuned, UNKNOWN_DATA};
use crate::records::spelling;
use crate::run_dir::InversionDir;

/// What the asked methods need of networks, and what making took.
#[derive(Default)]
pub(super) struct Trained {
    /// Where a method embeds by it.
    pub encoder: Option<Fitted<Encoder>>,
    /// Where a method refines by it.
    pub hypernetwork: Option<Fitted<Hypernetwork>>,
    /// All that was trained, for the record.
    pub networks: Vec<TrainedNetwork>,
    /// How all of it was computed.
    pub computed_with: Vec<Arithmetic>,
    /// Seconds that were spent now, by what they were spent on.
    pub seconds: BTreeMap<String, f64>,
}

impl Trained {
    /// Trains, or reads back, what `methods` need.
    ///
    /// # Errors
    /// Those of the trainings.
    pub fn for_methods(bench: &Bench<'_>, methods: &[Method], material: &Material) -> Result<Self> {
        let mut all = Self::default();
        if methods.iter().any(|method| method.embed == Embed::Encoder) {
            let begun = (Instant::now(), files::is_there(&bench.dir.encoder())?);
            let fitted = encoding::encoder(bench, &material.learnt)?;
            all.note(("encoder", InversionDir::ENCODER), &fitted, begun);
            all.encoder = Some(fitted);
        }
        if let (Some(encoder), true) = (&all.encoder, methods.iter().any(|m| m.refine == Refine::Hypernetwork)) {
            let begun = (Instant::now(), files::is_there(&bench.dir.hypernetwork())?);
            let fitted = mending::hypernetwork(bench, &material.learnt, &encoder.network)?;
            all.note(("hypernetwork", InversionDir::HYPERNETWORK), &fitted, begun);
            all.hypernetwork = Some(fitted);
        }
        Ok(all)
    }

    fn note<N: Network>(&mut self, (name, file): (&str, &str), fitted: &Fitted<N>, begun: (Instant, bool)) {
        let Fitted { network, kept } = fitted;
        self.networks.push(TrainedNetwork {
            name: name.to_owned(),
            file: InversionDir::network_file(file),
            sha256: kept.sha256.clone(),
            parameters: network.parameter_count(),
            losses: kept.note.losses.clone(),
        });
        self.computed_with.push(kept.note.computed_with.clone());
        if !begun.1 {
            self.seconds.insert(format!("training of the {name}"), begun.0.elapsed().as_secs_f64());
        }
    }

    fn encoder(&self) -> Option<&Encoder> {
        self.encoder.as_ref().map(|fitted| &fitted.network)
    }
}

/// A method's images and their file.
pub(super) struct Row<'a> {
    /// Drawn from.
    pub inverted: Inverted<'a>,
    /// Of the file of codes.
    pub sha256: String,
}

/// Inverts `images`, known as `which`, by a method: read back, or made.
///
/// # Errors
/// Stopped on request, a fit or descent that diverged, a failed read or write.
pub(super) fn invert<'a>(
    bench: &Bench<'a>,
    method: Method,
    material: &Material,
    (images, which): (&Images, &str),
    trained: &mut Trained,
) -> Result<Row<'a>> {
    let begun = Instant::now();
    let drawn_by = match method.refine {
        Refine::None | Refine::Hypernetwork => DrawnBy::One(bench.generator),
        Refine::PivotalAll => DrawnBy::Tuned(tuned_for_all(bench, method.embed, material, trained)?),
        Refine::PivotalEach => {
            let files = images.items.iter().map(|item| bench.dir.tuned_for(&method.stem(), &item.id)).collect();
            DrawnBy::Each { files, sizes: bench.generator.config().clone(), device: bench.device() }
        }
    };
    let ids: Vec<&str> = images.items.iter().map(|item| item.id.as_str()).collect();
    let key = bench.key("codes", &json!([bench.config.of_method(method), which, ids]));
    let path = bench.dir.root().join(InversionDir::codes(&method.stem()));
    let layers = bench.generator.synthesis.kernels().len();
    if let Some(kept) = kept::read(bench, &path, &key)? {
        let whole = match &drawn_by {
            DrawnBy::Each { files, .. } => {
                files.iter().map(|file| files::is_there(file)).collect::<Result<Vec<_>>>()?
            }
            _ => vec![],
        };
        let codes = Codes::from_tensors(&kept.tensors, bench.device());
        let offsets = offsets_of(&kept.tensors, layers, bench.device());
        let count = images.len() as i64;
        let parts = codes.zip(offsets).filter(|(codes, offsets)| fits(codes, offsets, count, bench.generator));
        if parts.is_none() {
            bench.observer.note(&format!("{}: no codes of its images; made again", path.display()));
        }
        if let (Some((codes, offsets)), true) = (parts, whole.iter().all(|there| *there)) {
            trained.computed_with.push(kept.note.computed_with);
            return Ok(Row { inverted: Inverted { codes, offsets, drawn_by }, sha256: kept.sha256 });
        }
    }
    bench.unpublish()?;
    let mut codes = embed(bench, method.embed, trained.encoder(), images, which)?;
    if method.refine != Refine::None {
        // What comes second is found with the network's own noise.
        codes.noise.clear();
    }
    let offsets = match (&trained.hypernetwork, method.refine) {
        (Some(fitted), Refine::Hypernetwork) => offsets(bench, &fitted.network, images, &codes.w),
        _ => vec![],
    };
    if let DrawnBy::Each { files, .. } = &drawn_by {
        tuned_for_each(bench, method, images, &codes.w, files)?;
    }
    let inverted = Inverted { codes, offsets, drawn_by };
    let kept = kept::write(&path, inverted.tensors(), Note::new(bench, &key, json!(ids), vec![]))?;
    trained.computed_with.push(kept.note.computed_with);
    let seconds = begun.elapsed().as_secs_f64() / images.len().max(1) as f64;
    trained.seconds.insert(format!("an image by {method}"), seconds);
    Ok(Row { inverted, sha256: kept.sha256 })
}

/// Offsets of all images.
fn offsets(bench: &Bench<'_>, network: &Hypernetwork, images: &Images, w: &Tensor) -> Vec<Offset> {
    let ws = widened(bench.generator, w);
    let parts: Vec<Vec<Offset>> = tch::no_grad(|| {
        let chunks = images.pixels.split(CHUNK, 0).into_iter().zip(ws.split(CHUNK, 0));
        let passes = bench.config.hyper_passes;
        chunks.map(|(images, ws)| network.passes(bench.generator, [&images, &ws], passes, |_| {}).0).collect()
    });
    let layers = parts.first().map_or(0, Vec::len);
    (0..layers).map(|layer| Offset::of_all(parts.iter().map(|part| &part[layer]))).collect()
}

/// What is known of a tuned generator beside its file, which others read as a network.
#[derive(Serialize, Deserialize)]
struct TunedNote {
    key: String,
    sha256: String,
    losses: Losses,
    computed_with: Arithmetic,
}

/// The generator that is tuned on all training images.
///
/// # Errors
/// Stopped on request, a loss that is not a number, a failed read or write.
pub(super) fn tuned_for_all(
    bench: &Bench<'_>,
    by: Embed,
    material: &Material,
    trained: &mut Trained,
) -> Result<Generator> {
    let name = spelling::name(&by);
    let (path, note_path) = (bench.dir.tuned(&name), bench.dir.tuned_note(&name));
    let key = bench.key("tuned", &bench.config.of_tuning(by));
    let known = files::read_note::<TunedNote>(&note_path)?.filter(|note| note.key == key);
    let kept = match known {
        Some(note) if files::is_there(&path)? => {
            let network = load_image_network(&path, bench.device());
            network.ok().filter(|network| network.sha256 == note.sha256).map(|network| (network.generator, note))
        }
        _ => None,
    };
    let (generator, note) = match kept {
        Some(kept) => kept,
        None => {
            bench.unpublish()?;
            files::remove(&note_path)?;
            let begun = Instant::now();
            let codes = embed(bench, by, trained.encoder(), &material.learnt, "training")?;
            let course = Course {
                whose: "the generator".into(),
                steps: bench.config.pivotal_steps,
                rate: bench.config.pivotal_rate,
                falls: false,
                key: key.clone(),
                underway: bench.dir.underway(&format!("tuned-{name}")),
            };
            let pivots = Pivots { w: &codes.w, images: &material.learnt.pixels, purpose: "tuning batch" };
            let (generator, losses) = tune(bench, &course, &pivots)?;
            let label = label(bench, material.learnt.len() as u64);
            let sha256 = save_network(&path, &generator, bench.file.discriminator.as_ref(), label)?;
            let note = TunedNote { key, sha256, losses, computed_with: bench.place.arithmetic.clone() };
            files::write_json(&note_path, &note)?;
            files::remove(&course.underway)?;
            trained.seconds.insert(format!("tuning behind {name}"), begun.elapsed().as_secs_f64());
            (generator, note)
        }
    };
    for (_, tensor) in generator.parameters() {
        let _ = tensor.set_requires_grad(false);
    }
    let title = format!("generator tuned behind {name}");
    if trained.networks.iter().all(|network| network.name != title) {
        trained.networks.push(TrainedNetwork {
            name: title,
            file: InversionDir::network_file(&format!("tuned-{name}.safetensors")),
            sha256: note.sha256,
            parameters: generator.parameter_count(),
            losses: note.losses,
        });
    }
    trained.computed_with.push(note.computed_with);
    Ok(generator)
}

/// What a tuned network's file says: the network's label, and what it was tuned on.
fn label(bench: &Bench<'_>, images: u64) -> NetworkLabel {
    let mut label = bench.file.description.label.clone();
    let provenance = &mut label.provenance;
    let own = Some(bench.data_sha256.to_owned());
    if provenance.data_sha256 != own {
        // It knows both now.
        let before = provenance.data_sha256.take().unwrap_or_else(|| UNKNOWN_DATA.to_owned());
        if !provenance.ancestor_data.contains(&before) {
            provenance.ancestor_data.push(before);
        }
        provenance.data_sha256 = own;
    }
    provenance.frechet = None;
    provenance.tuned = Some(Tuned { images, network_sha256: bench.file.sha256.clone() });
    label
}

/// A generator for each image in its own file; those that are there of the same key stay.
///
/// # Errors
/// As [`tuned_for_all`].
pub(super) fn tuned_for_each(
    bench: &Bench<'_>,
    method: Method,
    images: &Images,
    w: &Tensor,
    files: &[PathBuf],
) -> Result<()> {
    for ((at, item), file) in (0i64..).zip(&images.items).zip(files) {
        let key = bench.key("tuned for one", &json!([bench.config.of_tuning(method.embed), item.id]));
        if kept::read(bench, file, &key)?.is_some() {
            continue;
        }
        let course = Course {
            whose: format!("the generator of {}", item.id),
            steps: bench.config.pivotal_steps,
            rate: bench.config.pivotal_rate,
            falls: false,
            key: key.clone(),
            underway: bench.dir.underway(&format!("tuned-{}", method.stem())),
        };
        let purpose = format!("tuning on {}", item.id);
        let (own, image) = (w.narrow(0, at, 1), images.pixels.narrow(0, at, 1));
        let (generator, losses) = tune(bench, &course, &Pivots { w: &own, images: &image, purpose: &purpose })?;
        let tensors: Named =
            generator.tensors().into_iter().map(|(name, tensor)| (format!("G.{name}"), tensor)).collect();
        kept::write(file, tensors, Note::new(bench, &key, json!(item.id), losses))?;
        files::remove(&course.underway)?;
    }
    Ok(())
}
