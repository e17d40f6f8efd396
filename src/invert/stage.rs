//! The stage: a network and a data set in; codes of its images by one method, and what that and other methods are
//! worth, out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::Tensor;

use super::bench::{self, Bench, drawn, widened};
use super::config::InvertConfig;
use super::editing::{self, Change, Edit};
use super::embedding;
use super::inverted::{DrawnBy, Inverted};
use super::material::{Counts, Images, Material, Place};
use super::measure;
use super::method::{Embed, Method, Refine};
use super::rows::{Row, Trained, invert};
use super::sheet::Gallery;
use super::units;
use crate::data::Prepared;
use crate::engine::Lab;
use crate::feed::network_source::network_file;
use crate::feed::padding;
use crate::files::{self, Input, OutFolder, Owner};
use crate::meters::Meters;
use crate::name::Name;
use crate::nets::class::ClassChoice;
use crate::nets::inversion::Kernel;
use crate::nets::load_image_network;
use crate::problem::Result;
use crate::project::ProjectConfig;
use crate::project::feature_choice::named;
use crate::project::projector::Projector;
use crate::records::arithmetic::Arithmetic;
use crate::records::classes::Split;
use crate::records::invert::{
    EditTransfer, InversionRecord, InvertedCodes, InvertedImage, InvertedImages, InvertedMethod,
};
use crate::records::label::Padding;
use crate::records::spelling;
use crate::run_dir::InversionDir;
use crate::settings::Settings;
use crate::units::Ready;

/// What is inverted, and by what its pictures are measured.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// A network file, or the folder of a training run or an import.
    pub network: &'a Path,
    /// Its training side is learnt from and inverted, its validation side measured on.
    pub data: &'a Prepared,
    /// What edits are measured by.
    pub meters: &'a dyn Meters,
}

/// Knows the stage's folders; none is older than marks.
pub const OWNER: Owner = Owner::of("invert", |_| Ok(None));

/// Drawn images that an edit is measured on.
const DRAWN: i64 = 64;

/// Inverts, measures and draws; leaves `record.json`, codes, networks and sheets in `out`.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; what was finished stays and the rest goes on where it was. Settings that
/// make no sense, data that are not what the network draws, a fit that diverged, a failed read or write.
pub fn run_stage(inputs: Inputs<'_>, config: &InvertConfig, out: &Path, lab: &Lab<'_>) -> Result<InversionRecord> {
    run_with(inputs, config, (out, &Ready::NONE), lab)
}

/// As [`run_stage`], taking in what is ready ([`super::units`]).
///
/// # Errors
/// Those of [`run_stage`]; a unit that is not what it should be, or is missing where none is to be made.
pub fn run_with(
    inputs: Inputs<'_>,
    config: &InvertConfig,
    (out, ready): (&Path, &Ready),
    lab: &Lab<'_>,
) -> Result<InversionRecord> {
    config.check()?;
    let Inputs { network, data, meters } = inputs;
    let file = network_file(network)?;
    let mut claim = OutFolder::new(OWNER, out).apart_from([Input::of(&file), Input::of(data.root())]).claim()?;
    at_bench(inputs, config, &InversionDir::new(out), lab, |bench, material, padding| {
        let wanted = written(bench, material);
        let before: Vec<String> = claim.written().filter(|name| !wanted.contains(*name)).map(str::to_owned).collect();
        if !before.is_empty() {
            // Of other settings: what the record says of them goes first.
            bench.unpublish()?;
            claim.forget(|name| !wanted.contains(name))?;
        }
        claim.will_write(wanted.iter().map(String::as_str))?;
        units::take(bench, material, ready)?;
        Work { bench, material, meters, data, padding }.run()
    })
}

/// Does `work` with everything that a run or a share of one needs, in `dir`.
///
/// # Errors
/// Data that are not what the network draws, no such feature net, a failed read; those of `work`.
pub(super) fn at_bench<T>(
    inputs: Inputs<'_>,
    config: &InvertConfig,
    dir: &InversionDir,
    lab: &Lab<'_>,
    work: impl FnOnce(&Bench<'_>, &Material, Padding) -> Result<T>,
) -> Result<T> {
    let Inputs { network, data, .. } = inputs;
    let file = network_file(network)?;
    lab.engine.set_deterministic(true)?;
    let saved = load_image_network(&file, lab.engine.device)?;
    if config.methods().iter().any(|method| method.refine == Refine::Hypernetwork) {
        // Before anything is fitted.
        Kernel::of(&saved.generator).map_err(|problem| problem.at(&file))?;
    }
    let conditional = saved.generator.config().c_dim > 0;
    let condition = conditional.then(|| ClassChoice::Name("estimate".to_owned()));
    // Its clouds of single classes are not used.
    let opening = ProjectConfig { w_samples: 2, condition, ..ProjectConfig::default() };
    let projector = Projector::open(&file, &opening, lab.engine.device, lab.engine.graphs)?;
    projector.source.require_of(projector.generator.config().channels, data)?;
    projector.source.notes_beside(data).iter().for_each(|note| lab.observer.note(note));
    let features = named(&projector, &config.features, projector.usual_features())?;
    let padding = projector.source.padding;
    let place = Place { padding: &padding, device: projector.device, seed: lab.seed };
    let counts = Counts { images: config.images, compared: config.compared };
    let material = Material::load(data, projector.generator.config().c_dim, counts, place)?;
    let bench = Bench {
        generator: &projector.generator,
        cloud: bench::cloud(&projector.generator, config.w_samples as i64),
        features: features.net.as_ref(),
        config,
        seed: lab.seed,
        place: &lab.engine.place,
        dir,
        observer: lab.observer,
        identity: json!([saved.sha256, data.sha256(), features.identity]),
        graphs: lab.engine.graphs,
        file: &saved,
        data_sha256: data.sha256(),
    };
    work(&bench, &material, padding)
}

/// Names of all that may be written.
fn written(bench: &Bench<'_>, material: &Material) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = [InversionDir::RECORD, InversionDir::TIMES].map(str::to_owned).into();
    let mut put = |name: String| {
        names.insert(name);
    };
    InversionDir::SHEETS.iter().for_each(|side| put(InversionDir::sheet(side).to_string()));
    let net = |file: &str| InversionDir::network_file(file).to_string();
    let underway = |name: &str| format!("underway/{name}.safetensors");
    for method in bench.config.methods() {
        put(InversionDir::codes(&method.stem()).to_string());
        let embed = spelling::name(&method.embed);
        if method.embed == Embed::Encoder {
            put(net(InversionDir::ENCODER));
            put(underway("encoder"));
        }
        let chosen = method == bench.config.method();
        let all: Vec<usize> = (0..material.inverted.len()).collect();
        let places = if chosen { &all } else { &material.compared };
        let images: Vec<&Name> = places.iter().map(|&at| &material.inverted.items[at].id).collect();
        let mut lists = vec![(if chosen { "inverted" } else { "compared" }, images.len())];
        match method.refine {
            Refine::None => {}
            Refine::Hypernetwork => {
                put(net(InversionDir::HYPERNETWORK));
                put(underway("hypernetwork"));
            }
            Refine::PivotalAll => {
                put(net(&format!("tuned-{embed}.safetensors")));
                put(net(&format!("tuned-{embed}.json")));
                put(underway(&format!("tuned-{embed}")));
                lists.push(("training", material.learnt.len()));
            }
            Refine::PivotalEach => {
                put(underway(&format!("tuned-{}", method.stem())));
                images.iter().for_each(|id| put(format!("tuned/{}/{id}.safetensors", method.stem())));
            }
        }
        if method.embed != Embed::Encoder {
            let space = if method.embed == Embed::WDescent { "w" } else { "w-plus" };
            for (which, count) in lists {
                put(format!("embedded/{space}-{which}.safetensors"));
                let batches = count.div_ceil(bench.config.batch as usize);
                (0..batches).for_each(|number| put(underway(&format!("{space}-{which}-{number:04}"))));
            }
        }
    }
    names
}

/// All that the stage works with.
struct Work<'a> {
    bench: &'a Bench<'a>,
    material: &'a Material,
    meters: &'a dyn Meters,
    data: &'a Prepared,
    padding: Padding,
}

impl Work<'_> {
    fn run(&self) -> Result<InversionRecord> {
        let &Self { bench, material, data, .. } = self;
        let methods = bench.config.methods();
        let mut trained = Trained::for_methods(bench, &methods, material)?;
        let compared = material.inverted.of(&material.compared);
        let edits = editing::principal(&bench.cloud, bench.config.edits as usize, bench.generator.synthesis.num_ws());
        let (mut rows, mut shown) = (Vec::new(), Vec::new());
        for (at, &method) in methods.iter().enumerate() {
            // The first is the chosen one, and has all images.
            let (images, which, places): (&Images, _, Vec<i64>) = match at {
                0 => (&material.inverted, units::asked(at), material.compared.iter().map(|&at| at as i64).collect()),
                _ => (&compared, units::asked(at), (0..compared.len() as i64).collect()),
            };
            let row = invert(bench, method, material, (images, which), &mut trained)?;
            let drawn = row.inverted.draw(&places, None)?;
            bench.observer.status(&method.to_string());
            let rows_of = Rows { row: &row, places: &places, compared: &compared, drawn: &drawn };
            rows.push(self.measured(method, images, &rows_of, &edits, &trained)?);
            shown.push((method, drawn));
        }
        let simulated = data.manifest().simulated;
        let look = crate::feed::pictures::Look::of(data.contrasts());
        let sheets =
            Gallery { images: &compared, drawn: &shown, padding: &self.padding, look, simulated }.write(bench)?;
        let num_ws = bench.generator.synthesis.num_ws();
        let count = |split: Split| material.inverted.items.iter().filter(|item| item.split == split).count() as u64;
        let record = InversionRecord {
            simulated,
            network_sha256: bench.file.sha256.clone(),
            data_sha256: data.sha256().to_owned(),
            seed: bench.seed.0,
            range: "-1..1".to_owned(),
            features: bench.features.name().to_owned(),
            method: bench.config.method().to_string(),
            images: InvertedImages {
                learnt: material.learnt.len() as u64,
                training: count(Split::Train),
                validation: count(Split::Validation),
                compared: compared.items.iter().filter(|item| item.split == Split::Train).count() as u64,
            },
            methods: rows,
            networks: trained.networks,
            edit_lengths: edits.iter().map(|edit| edit.step * (num_ws as f64).sqrt()).collect(),
            sheets,
            notes: notes(&methods, count(Split::Validation)),
            computed_with: Arithmetic::distinct(&trained.computed_with),
        };
        times(bench, trained.seconds)?;
        let path = bench.dir.record();
        if files::read_note::<InversionRecord>(&path)?.is_some_and(|before| before != record) {
            files::remove(&path)?;
        }
        files::write_json(&path, &record)?;
        Ok(record)
    }

    fn measured(
        &self,
        method: Method,
        images: &Images,
        rows: &Rows<'_>,
        edits: &[Edit],
        trained: &Trained,
    ) -> Result<InvertedMethod> {
        let bench = self.bench;
        let inverted = &rows.row.inverted;
        let worth = measure::worth(bench, rows, &self.padding)?;
        let sides = [Split::Train, Split::Validation];
        let sides = sides.iter().filter_map(|&split| measure::side(bench, &rows.compared.items, &worth, split));
        let mut sides: Vec<_> = sides.collect();
        // A descent for each edited image is as long as the one before: it is done for one edit.
        let asked = if method.embed == Embed::Encoder { edits.len() } else { edits.len().min(1) };
        let mut apart: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut transfers = Vec::new();
        for (at, edit) in edits.iter().enumerate() {
            let edited = inverted.draw(rows.places, Some(&edit.shift(bench.generator.synthesis.num_ws())))?;
            transfers.extend(self.transfer(edit, rows.drawn, &edited)?);
            if at < asked {
                for (item, apart_by) in
                    rows.compared.items.iter().zip(self.inconsistency(method, rows, edit, edited, trained)?)
                {
                    apart.entry(spelling::name(&item.split)).or_default().push(apart_by);
                }
            }
        }
        for side in &mut sides {
            side.inconsistency = apart.remove(&side.side).and_then(editing::trimmed_mean);
        }
        let image =
            |item: &super::material::Item| InvertedImage { id: item.id.clone(), side: spelling::name(&item.split) };
        let tuned_sha256 = match &inverted.drawn_by {
            DrawnBy::Each { files, .. } => files.iter().map(files::sha256).collect::<Result<_>>()?,
            _ => vec![],
        };
        let tuned = || InversionDir::network_file(&format!("tuned-{}.safetensors", spelling::name(&method.embed)));
        Ok(InvertedMethod {
            key: method.to_string(),
            about: method.about(),
            sides,
            edits: transfers,
            bytes_of_an_image: inverted.bytes_of_an_image(),
            codes: InvertedCodes {
                file: InversionDir::codes(&method.stem()),
                sha256: rows.row.sha256.clone(),
                images: images.items.iter().map(image).collect(),
                generator: (method.refine == Refine::PivotalAll).then(tuned),
                tuned_sha256,
            },
        })
    }

    /// What an edit does to drawn and to inverted images; `None` where the meters do not take such images.
    fn transfer(&self, edit: &Edit, before: &Tensor, after: &Tensor) -> Result<Option<EditTransfer>> {
        let bench = self.bench;
        if !self.meters.takes(self.data.image_shape()) {
            return Ok(None);
        }
        let w = bench.cloud.samples().narrow(0, 0, DRAWN.min(bench.cloud.samples().size()[0])).unsqueeze(1);
        let shift = edit.shift(bench.generator.synthesis.num_ws());
        let made = |w: &Tensor| {
            let chunks: Vec<Tensor> =
                tch::no_grad(|| w.split(bench::CHUNK, 0).iter().map(|w| drawn(bench.generator, w)).collect());
            self.factors(&Tensor::cat(&chunks, 0))
        };
        let (drawn_before, drawn_after) = (made(&w)?, made(&(widened(bench.generator, &w) + shift))?);
        let (before, after) = (self.factors(before)?, self.factors(after)?);
        let names: Vec<&str> = self.meters.factors().iter().map(|factor| factor.name).collect();
        let drawn = Change { before: &drawn_before, after: &drawn_after };
        Ok(editing::transfer(&edit.name, &names, drawn, Change { before: &before, after: &after }))
    }

    fn factors(&self, images: &Tensor) -> Result<Vec<Vec<f64>>> {
        editing::factors(self.meters, &padding::crop(&self.padding, images))
    }

    /// Latent consistency of each compared image under an edit.
    fn inconsistency(
        &self,
        method: Method,
        rows: &Rows<'_>,
        edit: &Edit,
        edited: Tensor,
        trained: &Trained,
    ) -> Result<Vec<f64>> {
        let bench = self.bench;
        let images = Images { items: rows.compared.items.clone(), pixels: edited };
        let encoder = trained.encoder.as_ref().map(|fitted| &fitted.network);
        let again = embedding::again(bench, method.embed, encoder, &images)?;
        let places = Tensor::from_slice(rows.places).to_device(bench.device());
        let ws = widened(bench.generator, &rows.row.inverted.codes.w.index_select(0, &places));
        let shift = edit.shift(bench.generator.synthesis.num_ws());
        editing::inconsistency(&ws, &widened(bench.generator, &again.w), &shift)
    }
}

/// A method's images and those that it is compared on.
pub(super) struct Rows<'a> {
    row: &'a Row<'a>,
    /// Of the compared images among its own.
    pub places: &'a [i64],
    /// In that order.
    pub compared: &'a Images,
    /// What is drawn of them.
    pub drawn: &'a Tensor,
}

impl Rows<'_> {
    /// Codes and what draws them.
    pub fn inverted(&self) -> &Inverted<'_> {
        &self.row.inverted
    }
}

fn notes(methods: &[Method], validation: u64) -> Vec<String> {
    let mut notes = vec![
        "Encoder, hypernetwork and the generator tuned on all images learn from training images alone; a descent and a \
         generator tuned on each image are fitted to the very image that they are measured on."
            .to_owned(),
    ];
    if methods.iter().any(|method| method.embed != Embed::Encoder) {
        notes.push("Latent consistency of descents is measured with the first edit alone.".to_owned());
    }
    if validation == 0 {
        notes.push("No validation images: how a method does on what it never saw is not known.".to_owned());
    }
    notes
}

/// Seconds of what was made now, over those that an earlier run noted of the rest.
fn times(bench: &Bench<'_>, now: BTreeMap<String, f64>) -> Result<()> {
    let path = bench.dir.root().join(InversionDir::TIMES);
    let mut all = files::read_note::<Times>(&path)?.unwrap_or_default();
    all.seconds.extend(now);
    files::write_json(path, &all)
}

/// What the work took on the machine that did it.
#[derive(Default, Serialize, Deserialize)]
struct Times {
    /// Of each part.
    seconds: BTreeMap<String, f64>,
}
