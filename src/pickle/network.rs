//! A pickle of the reference as a network of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::budget::Budget;
use super::cursor::Cursor;
use super::layout::{self, Layer};
use super::machine::{self, Dialect, Pickle};
use super::modules::Module;
use super::settings::{self, Modules};
use super::tensor;
use super::value::{Value, shortened};
use crate::digest;
use crate::files;
use crate::files::kind_of::{self, FileKind};
use crate::nets::network::Named;
use crate::nets::weights::without_resample_filters;
use crate::nets::{DiscriminatorConfig, GeneratorConfig};
use crate::problem::{Kind, Problem, Result};

/// What is read here.
const EXPECTED: &str = "a network pickle of StyleGAN2-ADA (.pkl)";

/// Bytes of a pickle, at most: one of the largest published network (1024 x 1024 pixels, three copies of it and the
/// discriminator) has 380 MB.
const LONGEST: u64 = 2 << 30;

/// Differences that an error lists; there may be one for each tensor.
const LISTED: usize = 6;

/// What a pickle of the reference holds that ours can compute with.
#[derive(Debug)]
pub struct ImportedNetwork {
    /// Sizes of the generator.
    pub generator: GeneratorConfig,
    /// Absent where the file has none, or where it was left out on request.
    pub discriminator: Option<DiscriminatorConfig>,
    /// `G.<name>` of the averaged generator and `D.<name>`, float32.
    pub tensors: Named,
    /// Resolutions at which the reference computes in fp16 on a GPU; ours compute in float32, as it does on a CPU.
    pub fp16_resolutions: i64,
    /// Lower-case hexadecimal SHA-256 of the pickle.
    pub sha256: String,
}

/// Reads the network of the pickle at `path`, of protocol 2 to 5. Nothing in it is run.
///
/// # Errors
/// No such file, no pickle of a StyleGAN2-ADA network (PyTorch version), or one whose settings ours do not have; the
/// message names what was found.
pub fn read_network(path: impl AsRef<Path>, with_discriminator: bool) -> Result<ImportedNetwork> {
    let path = path.as_ref();
    tracing::info!("reading {}", path.display());
    let (file, _) = kind_of::open(path, EXPECTED)?;
    let start = kind_of::start(path, &file, kind_of::START)?;
    if start.first() != Some(&0x80) {
        return Err(mistaken(&start).at(path));
    }
    let bytes = files::read(path, LONGEST, EXPECTED)?;
    parse_network(&bytes, with_discriminator).map_err(|problem| problem.at(path))
}

/// [`read_network`] of bytes in memory.
pub fn parse_network(bytes: &[u8], with_discriminator: bool) -> Result<ImportedNetwork> {
    recognise(bytes)?;
    let mut cursor = Cursor::new(bytes);
    let mut budget = Budget::of_file(bytes.len());
    let pickle = machine::read(&mut cursor, &mut budget, Dialect::File)?;
    if cursor.remaining() > 0 {
        return Err(Problem::new(Kind::Input, format!("{} bytes behind the pickle's end", cursor.remaining()))
            .expected("one pickle and nothing else"));
    }
    let modules = network(&pickle, "G_ema", "Generator")?.ok_or_else(|| {
        Problem::new(Kind::Input, "a pickle without the averaged generator G_ema")
            .expected("a snapshot of StyleGAN2-ADA (PyTorch version)")
    })?;
    let (generator, fp16_resolutions) = settings::generator(&modules)?;
    let mut tensors = Named::new();
    let part = load("G_ema", &layout::generator(&generator), &modules, &mut budget)?;
    tensors.extend(part.into_iter().map(|(name, tensor)| (format!("G.{name}"), tensor)));
    let mut discriminator = None;
    if with_discriminator && let Some(modules) = network(&pickle, "D", "Discriminator")? {
        let without = |problem: Problem| problem.advice("--without-discriminator imports the generator alone");
        let config = settings::discriminator(&modules).map_err(without)?;
        let part = load("D", &layout::discriminator(&config), &modules, &mut budget).map_err(without)?;
        tensors.extend(part.into_iter().map(|(name, tensor)| (format!("D.{name}"), tensor)));
        discriminator = Some(config);
    }
    let sha256 = digest::sha256(bytes);
    Ok(ImportedNetwork { generator, discriminator, tensors, fp16_resolutions, sha256 })
}

/// Says what a file is that people take for a network pickle, by its first bytes.
fn recognise(start: &[u8]) -> Result<()> {
    match FileKind::of(start) {
        None | Some(FileKind::Pickle) => Ok(()),
        Some(_) => Err(mistaken(start)),
    }
}

fn mistaken(start: &[u8]) -> Problem {
    FileKind::mistaken(start, EXPECTED, |kind| {
        Some(match kind {
            Some(FileKind::Safetensors) => {
                "a network file of rimforge is already a network file: use it as it is".into()
            }
            _ => "give the .pkl snapshot of the training run".into(),
        })
    })
}

/// All modules of the network under `key`; `None` where there is none.
fn network<'h, 'a>(pickle: &'h Pickle<'a>, key: &str, class: &str) -> Result<Option<Modules<'h, 'a>>> {
    let heap = &pickle.heap;
    let found = |what: String| {
        Problem::new(Kind::Input, what).expected("a snapshot of StyleGAN2-ADA: a dict with G, D and G_ema")
    };
    if heap.dict(pickle.root).is_none() {
        return Err(found(format!("the pickle holds {}", heap.describe(pickle.root))));
    }
    let value = match heap.entry(pickle.root, key) {
        None | Some(Value::None) => return Ok(None),
        Some(value) => value,
    };
    let module = Module::of(value, heap).ok_or_else(|| found(format!("{key} is {}", heap.describe(value))))?;
    if module.class() != class {
        return Err(found(format!("{key} is a {}", shortened(module.class()))).expected(format!("a {class}")));
    }
    module.flatten().map(Some)
}

/// The tensors of `found` by name without the low-pass filters, once every module, setting and shape fits `expected`.
fn load(key: &str, expected: &[Layer], found: &Modules<'_, '_>, budget: &mut Budget) -> Result<Named> {
    let values = compare(expected, found).map_err(|differences| {
        let rest = differences.len().saturating_sub(LISTED);
        let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
        let shown = differences[..differences.len() - rest].join("; ");
        Problem::new(Kind::Input, format!("{key} is a network that this program does not have: {shown}{more}"))
            .expected("StyleGAN2-ADA with skip generator and residual discriminator")
    })?;
    let mut tensors = Named::new();
    for (name, (module, value)) in &values {
        let tensor = tensor::read(&format!("{key}.{name}"), *value, module.heap(), budget)?;
        tensors.insert(name.clone(), tensor);
    }
    without_resample_filters(tensors)
}

type Values<'m, 'h, 'a> = BTreeMap<String, (&'m Module<'h, 'a>, Value<'a>)>;

/// Tensors by name, or every difference in a few words.
fn compare<'m, 'h, 'a>(
    expected: &[Layer],
    found: &'m Modules<'h, 'a>,
) -> std::result::Result<Values<'m, 'h, 'a>, Vec<String>> {
    let mut differences = Vec::new();
    let mut values = BTreeMap::new();
    let known: BTreeSet<&str> = expected.iter().map(|layer| layer.path.as_str()).collect();
    for (path, module) in found.iter().filter(|(path, _)| !known.contains(path.as_str())) {
        differences.push(format!("module {path} (a {}) is unknown", shortened(module.class())));
    }
    for layer in expected {
        let path = if layer.path.is_empty() { layer.class } else { &layer.path };
        let Some(module) = found.get(&layer.path) else {
            differences.push(format!("module {path} is missing"));
            continue;
        };
        if module.class() != layer.class {
            differences.push(format!("{path} is a {}, not a {}", shortened(module.class()), layer.class));
            continue;
        }
        for (name, setting) in &layer.settings {
            let value = module.attribute(name);
            if !value.is_some_and(|value| setting.matches(value)) {
                let what = value.map_or("missing".to_owned(), |value| module.heap().describe(value));
                differences.push(format!("{path}.{name} is {what}, not {}", setting.describe()));
            }
        }
        let tensors = match module.tensors(path) {
            Ok(tensors) => tensors,
            Err(problem) => {
                differences.push(problem.to_string());
                continue;
            }
        };
        for (name, _) in tensors.iter().filter(|(name, _)| !layer.tensors.iter().any(|(known, _)| known == name)) {
            differences.push(format!("{path}.{name} is unknown"));
        }
        for (name, shape) in &layer.tensors {
            let value = tensors.iter().rev().find(|(own, _)| own == name).map(|(_, value)| *value);
            match value.and_then(|value| tensor::shape(value, module.heap()).map(|found| (value, found))) {
                Some((value, found)) if found == shape.as_slice() => {
                    values.insert(layout::join(&layer.path, name), (module, value));
                }
                Some((_, found)) => differences.push(format!("{path}.{name} has shape {found:?}, not {shape:?}")),
                None => differences.push(format!("{path}.{name} is missing")),
            }
        }
    }
    if differences.is_empty() { Ok(values) } else { Err(differences) }
}
