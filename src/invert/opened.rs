//! A folder of inversions opened for editing: codes by image, drawn again with or without an edit.

use std::collections::HashSet;
use std::path::Path;

use tch::{Device, Tensor};

use super::bench::widened;
use super::editing::Edit;
use super::embedding::Codes;
use super::inverted::{DrawnBy, Inverted, offsets_of};
use super::kept::Note;
use super::method::{Method, Refine};
use crate::feed::network_source::{NetworkImages, network_file};
use crate::feed::padding;
use crate::files;
use crate::name::{Name, shown};
use crate::nets::layers::offset::Offset;
use crate::nets::weights::read_tensors;
use crate::nets::{Generator, Network, load_image_network};
use crate::problem::{Kind, Problem, Result};
use crate::records::invert::{InversionRecord, InvertedCodes, InvertedImage};
use crate::records::label::Padding;
use crate::run_dir::InversionDir;

/// Longest record: of a million images.
const MOST_BYTES: u64 = 256 << 20;

/// The inversions of one method.
pub struct Inversion {
    inverted: Inverted<'static>,
    /// Shapes of the synthesis, and its w of codes, are those of the network.
    like: Generator,
    padding: Padding,
    images: Vec<InvertedImage>,
    method: Method,
    data_sha256: String,
}

impl Inversion {
    /// Opens what `invert` left in `folder` for `network` by `method`; by the folder's own where that is `None`.
    ///
    /// # Errors
    /// No record, another network, a method that the folder does not have, or a file that is not the record's.
    pub fn open(folder: &Path, network: &Path, method: Option<Method>, device: Device) -> Result<Self> {
        let path = InversionDir::new(folder).record();
        let text = files::read(&path, MOST_BYTES, "the record of `rimforge invert`")
            .map_err(|problem| problem.advice("run `rimforge invert` first, and give its --out folder"))?;
        let record: InversionRecord = files::parse_json(&path, &text, "a record of `rimforge invert`")?;
        let wrong = |found: String| Problem::input(&path, found);
        let name = method.map_or(record.method.clone(), |method| method.to_string());
        let method: Method = name.parse().map_err(&wrong)?;
        let Some(row) = record.methods.iter().find(|row| row.key == name) else {
            let known: Vec<&str> = record.methods.iter().map(|row| row.key.as_str()).collect();
            return Err(wrong(format!("no inversion by {}", shown(&name))).expected(known.join(", ")));
        };
        let saved = load_image_network(network_file(network)?, device)?;
        if saved.sha256 != record.network_sha256 {
            return Err(wrong(format!("inversions of the network {}", shown(&record.network_sha256)))
                .expected(saved.sha256)
                .advice("give the network that was inverted"));
        }
        let source = NetworkImages::of(&saved.description);
        let like = saved.generator;
        let inverted = opened(folder, method, (&record, &row.codes), &like)?;
        Ok(Self {
            inverted,
            like,
            padding: source.padding,
            images: row.codes.images.clone(),
            method,
            data_sha256: record.data_sha256,
        })
    }

    /// The images, in the order of their rows.
    pub fn images(&self) -> &[InvertedImage] {
        &self.images
    }

    /// Manifest of the data set whose images they are.
    pub fn data_sha256(&self) -> &str {
        &self.data_sha256
    }

    /// How they were inverted.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Codes of all images, \[N, num_ws, w_dim\].
    pub fn ws(&self) -> Tensor {
        widened(&self.like, &self.inverted.codes.w).contiguous()
    }

    /// The images at `rows` \[M, C, H, W\] in the network's range, after an edit where one is given.
    ///
    /// # Errors
    /// A tuned generator's file that cannot be read.
    pub fn draw(&self, rows: &[i64], edit: Option<&Edit>) -> Result<Tensor> {
        let shift = edit.map(|edit| edit.shift(self.like.synthesis.num_ws()));
        self.draw_moved(rows, shift.as_ref())
    }

    /// The same, each code moved by its own of `shifts` \[M, num_ws, w_dim\] where those are given.
    ///
    /// # Errors
    /// A tuned generator's file that cannot be read.
    pub fn draw_moved(&self, rows: &[i64], shifts: Option<&Tensor>) -> Result<Tensor> {
        Ok(padding::crop(&self.padding, &self.inverted.draw(rows, shifts)?))
    }
}

fn opened(
    folder: &Path,
    method: Method,
    (record, codes): (&InversionRecord, &InvertedCodes),
    like: &Generator,
) -> Result<Inverted<'static>> {
    let path = folder.join(&codes.file);
    let file = read_tensors(&path)?;
    require_hash(&path, &file.sha256, &codes.sha256)?;
    require_order(&path, &file.description, &codes.images)?;
    let layers = like.synthesis.kernels().len();
    let parts = Codes::from_tensors(&file.tensors, like.device()).zip(offsets_of(&file.tensors, layers, like.device()));
    let Some((found, offsets)) = parts.filter(|(found, offsets)| fits(found, offsets, codes.images.len() as i64, like))
    else {
        return Err(Problem::input(&path, "no codes of the record's images").advice("run `rimforge invert` again"));
    };
    let drawn_by = match (&codes.generator, method.refine) {
        (Some(file), _) => {
            let tuned = load_image_network(folder.join(file), like.device())?;
            let known = record.networks.iter().find(|one| one.file == *file).map_or("", |one| &one.sha256);
            require_hash(&folder.join(file), &tuned.sha256, known)?;
            let made_of = tuned.description.label.provenance.tuned.as_ref().map(|tuned| &tuned.network_sha256);
            if made_of != Some(&record.network_sha256) {
                return Err(Problem::new(Kind::Gate, "a generator that was tuned from another network, or from none")
                    .at(folder.join(file))
                    .expected(format!("one of {}", record.network_sha256))
                    .advice("run `rimforge invert` again; a generator of another split may know test images"));
            }
            if tuned.generator.config() != like.config() {
                return Err(Problem::input(
                    folder.join(file),
                    "a generator of other sizes than the one that was inverted",
                )
                .expected("that generator, tuned")
                .advice("run `rimforge invert` again"));
            }
            DrawnBy::Tuned(tuned.generator)
        }
        (None, Refine::PivotalEach) => {
            let dir = InversionDir::new(folder);
            let files: Vec<_> = codes.images.iter().map(|image| dir.tuned_for(&method.stem(), &image.id)).collect();
            for (at, file) in files.iter().enumerate() {
                require_hash(file, &files::sha256(file)?, codes.tuned_sha256.get(at).map_or("", String::as_str))?;
            }
            DrawnBy::Each { files, sizes: like.config().clone(), device: like.device() }
        }
        (None, _) => {
            let mut own = Generator::new(like.config(), crate::seed::RunSeed(0), like.device())?;
            own.copy_from(like)?;
            DrawnBy::Tuned(own)
        }
    };
    Ok(Inverted { codes: found, offsets, drawn_by })
}

/// Refuses a file that is not the one that the record was written beside.
fn require_hash(path: &Path, found: &str, known: &str) -> Result<()> {
    if found == known {
        return Ok(());
    }
    let expected =
        if known.is_empty() { "the record to name its SHA-256".to_owned() } else { shown(known).to_string() };
    Err(Problem::input(path, format!("SHA-256 {found}")).expected(expected).advice("run `rimforge invert` again"))
}

/// Refuses a record whose images are not, one by one, those that the file of codes says it is of.
fn require_order(path: &Path, description: &str, images: &[InvertedImage]) -> Result<()> {
    let mut seen = HashSet::new();
    if let Some(twice) = images.iter().find(|image| !seen.insert(&image.id)) {
        return Err(Problem::input(path, format!("{} twice among the record's images", twice.id))
            .expected("each image once")
            .advice("run `rimforge invert` again"));
    }
    let said = serde_json::from_str::<Note>(description).ok();
    let ids: Option<Vec<Name>> = said.and_then(|note| serde_json::from_value(note.about).ok());
    if ids.is_some_and(|ids| ids.iter().eq(images.iter().map(|image| &image.id))) {
        return Ok(());
    }
    Err(Problem::input(path, "codes of other images, or in another order, than the record names")
        .expected("the record as `rimforge invert` wrote it")
        .advice("run `rimforge invert` again"))
}

/// Whether codes and offsets are those of `count` images of such a generator, all of them numbers.
pub(super) fn fits(codes: &Codes, offsets: &[Offset], count: i64, like: &Generator) -> bool {
    let (num_ws, w_dim) = (like.synthesis.num_ws(), like.config().w_dim);
    let floats = |tensor: &Tensor, size: &[i64]| {
        tensor.kind() == tch::Kind::Float
            && tensor.size() == size
            && bool::try_from(tensor.isfinite().all()).unwrap_or(false)
    };
    let w = floats(&codes.w, &[count, 1, w_dim]) || floats(&codes.w, &[count, num_ws, w_dim]);
    let shapes = like.synthesis.noise_shapes();
    let mut maps = codes.noise.iter().zip(&shapes);
    let noise = codes.noise.is_empty() || codes.noise.len() == shapes.len();
    let kernels = like.synthesis.kernels();
    let mut layers = offsets.iter().zip(&kernels);
    w && noise
        && maps.all(|(map, (_, side))| floats(map, &[count, 1, *side, *side]))
        && layers.all(|(offset, (_, [outputs, inputs]))| match offset {
            Offset::Dense(delta) => floats(delta, &[count, *outputs, *inputs]),
            Offset::LowRank { outputs: left, inputs: right } => {
                let rank = left.size().get(2).copied().unwrap_or_default();
                floats(left, &[count, *outputs, rank]) && floats(right, &[count, rank, *inputs])
            }
        })
}
