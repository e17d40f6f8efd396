//! Networks on disk: one safetensors file with float32 tensors and a JSON description, read strictly.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::layers::resample;
use super::network::{Named, Network};
use super::stylegan2::config::{DiscriminatorConfig, GeneratorConfig};
use super::stylegan2::discriminator::Discriminator;
use super::stylegan2::generator::Generator;
use super::stylegan2::shapes::{self, Shapes};
use super::tensor_file::{TensorHeader, Wanted, unusable};
use crate::digest;
use crate::files::kind_of::FileKind;
use crate::problem::{Kind as ProblemKind, Problem, Result};
use crate::records::label::NetworkLabel;
use crate::seed::RunSeed;

/// Version of the description; a reader refuses another.
const SCHEMA: u32 = 1;

/// Key of the description within the file's metadata. The format keeps no order, so there is only this one.
const DESCRIPTION: &str = "rimforge";

/// Bytes of it that are believed: what is read takes up to a hundred times as much. A label of 65,536 classes has less.
const LONGEST_DESCRIPTION: usize = 1 << 20;

/// Element types that go to disk and back.
const KINDS: [(Dtype, Kind); 6] = [
    (Dtype::F32, Kind::Float),
    (Dtype::F64, Kind::Double),
    (Dtype::F16, Kind::Half),
    (Dtype::BF16, Kind::BFloat16),
    (Dtype::I64, Kind::Int64),
    (Dtype::U8, Kind::Uint8),
];

/// Tensors of a file with its description.
#[derive(Debug)]
pub struct TensorFile {
    /// By name, on the CPU.
    pub tensors: Named,
    /// JSON text, empty where the file has none.
    pub description: String,
    /// Lower-case hexadecimal SHA-256 of the file.
    pub sha256: String,
}

/// What a network file says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkDescription {
    /// Sizes of the generator.
    pub generator: GeneratorConfig,
    /// Sizes of the discriminator; absent where the file holds none.
    pub discriminator: Option<DiscriminatorConfig>,
    /// What its images show and where it comes from.
    pub label: NetworkLabel,
}

/// The description as it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema: u32,
    generator: GeneratorConfig,
    discriminator: Option<DiscriminatorConfig>,
    channels: Value,
    provenance: Value,
}

impl NetworkDescription {
    fn to_text(&self) -> Result<String> {
        let Self { generator, discriminator, label } = self.clone();
        let [channels, provenance] = label.to_json()?;
        serde_json::to_string(&Written { schema: SCHEMA, generator, discriminator, channels, provenance })
            .map_err(|error| Problem::new(ProblemKind::Internal, format!("cannot express as JSON: {error}")))
    }

    fn from_text(text: &str) -> Result<Self> {
        if text.len() > LONGEST_DESCRIPTION {
            return Err(Problem::new(ProblemKind::Input, format!("a description of {} bytes", text.len()))
                .expected(format!("at most {LONGEST_DESCRIPTION}")));
        }
        let written: Written = serde_json::from_str(text).map_err(|error| {
            Problem::new(ProblemKind::Input, format!("no usable description of a network: {error}"))
                .expected("a network file written by `rimforge train` or `rimforge import`")
        })?;
        if written.schema != SCHEMA {
            return Err(Problem::new(ProblemKind::Input, format!("network schema {}", written.schema))
                .expected(format!("schema {SCHEMA}"))
                .advice("use the version of rimforge that wrote the file"));
        }
        written.generator.validate().map_err(|problem| unusable(&problem))?;
        written.discriminator.as_ref().map_or(Ok(()), DiscriminatorConfig::validate).map_err(|p| unusable(&p))?;
        let label = NetworkLabel::from_json([written.channels, written.provenance])?;
        let description = Self { generator: written.generator, discriminator: written.discriminator, label };
        description.check_label()?;
        Ok(description)
    }

    /// The label must be one of a network of these sizes.
    fn check_label(&self) -> Result<()> {
        let Self { generator, label, .. } = self;
        let wrong = |found: String, expected: String| {
            let found = format!("the network's label says {found}");
            Err(Problem::new(ProblemKind::Input, found).expected(format!("{expected}, as the network draws")))
        };
        let (channels, classes) = (label.contrasts.len() as i64, label.provenance.classes.as_deref().unwrap_or(&[]));
        if channels != 0 && channels != generator.channels {
            return wrong(format!("{channels} channels"), format!("{} channels", generator.channels));
        }
        if !classes.is_empty() && classes.len() as i64 != generator.c_dim {
            return wrong(format!("classes {}", classes.join(", ")), format!("{} classes", generator.c_dim));
        }
        match label.provenance.padding {
            Some(padding)
                if padding.side as i64 != generator.resolution
                    || padding.height.max(padding.width) > padding.side
                    || padding.height.min(padding.width) == 0 =>
            {
                let side = generator.resolution;
                let found = format!("images of {} x {} in a square of {}", padding.height, padding.width, padding.side);
                wrong(found, format!("images within a square of {side}"))
            }
            _ => Ok(()),
        }
    }
}

/// A network read from a file.
#[derive(Debug)]
pub struct SavedNetwork {
    /// Its moving average: what images are drawn with.
    pub generator: Generator,
    /// Absent where the file holds none.
    pub discriminator: Option<Discriminator>,
    /// What the file says about itself.
    pub description: NetworkDescription,
    /// Lower-case hexadecimal SHA-256 of the file.
    pub sha256: String,
}

/// Writes a generator (the EMA copy) and, where given, its discriminator; returns the file's SHA-256.
///
/// # Errors
/// Writing failed; the old file, if any, is then untouched.
pub fn save_network(
    path: impl AsRef<Path>,
    generator: &Generator,
    discriminator: Option<&Discriminator>,
    label: NetworkLabel,
) -> Result<String> {
    let mut tensors = prefixed("G.", generator.tensors());
    if let Some(discriminator) = discriminator {
        tensors.extend(prefixed("D.", discriminator.tensors()));
    }
    let description = NetworkDescription {
        generator: generator.config().clone(),
        discriminator: discriminator.map(|network| network.config().clone()),
        label,
    };
    write_network(path, &description, &tensors)
}

/// Writes a network from its tensors, `G.<name>` and `D.<name>`, which have to be those of `description`; returns the
/// file's SHA-256. For networks that are only passed on: a large one need not be built.
///
/// # Errors
/// As [`save_network`].
pub fn write_network(path: impl AsRef<Path>, description: &NetworkDescription, tensors: &Named) -> Result<String> {
    write_tensors(path, tensors, &description.to_text()?)
}

/// Reads what [`save_network`] wrote.
///
/// # Errors
/// No such file, not safetensors (what it is instead is told), no or another description, sizes beyond every machine, a
/// label with a wrong entry or of another network, tensors that are not those of the description, which is told before
/// one is read, or non-finite values.
pub fn load_network(path: impl AsRef<Path>, device: Device) -> Result<SavedNetwork> {
    let path = path.as_ref();
    let (file, description) = opened(path)?;
    let (tensors, sha256) = file.read(|_| true)?;
    network_of(description, &tensors, sha256, device).map_err(|problem| problem.at(path))
}

/// A network from its tensors, `G.<name>` and `D.<name>`, of a file with the hash `sha256`.
///
/// # Errors
/// Tensors that are not those of the description.
pub fn network_of(
    description: NetworkDescription,
    tensors: &Named,
    sha256: String,
    device: Device,
) -> Result<SavedNetwork> {
    let mut generator = Generator::new(&description.generator, RunSeed(0), device)?;
    generator.load(&part("G.", tensors))?;
    let mut discriminator = None;
    if let Some(config) = &description.discriminator {
        let mut network = Discriminator::new(config, RunSeed(0), device)?;
        network.load(&part("D.", tensors))?;
        discriminator = Some(network);
    }
    Ok(SavedNetwork { generator, discriminator, description, sha256 })
}

/// What a network file says about itself, and its SHA-256: names and shapes of its tensors are held to it, their values
/// are not looked at.
///
/// # Errors
/// As [`load_network`], but for the values.
pub fn read_description(path: impl AsRef<Path>) -> Result<(NetworkDescription, String)> {
    let path = path.as_ref();
    let (_, description) = opened(path)?;
    Ok((description, crate::files::sha256(path)?))
}

/// A network file whose tensors are those that it describes.
fn opened(path: &Path) -> Result<(TensorHeader, NetworkDescription)> {
    let file = TensorHeader::open(path, NETWORK)?;
    let description = NetworkDescription::from_text(file.metadata(DESCRIPTION)).map_err(|problem| problem.at(path))?;
    let of = |prefix: &'static str, shapes: Shapes| {
        shapes.into_iter().map(move |(name, shape)| (format!("{prefix}{name}"), shape))
    };
    let discriminator = description.discriminator.as_ref().map(shapes::discriminator).unwrap_or_default();
    file.fits(&of("G.", shapes::generator(&description.generator)).chain(of("D.", discriminator)).collect())?;
    Ok((file, description))
}

/// What people give in place of a network file, and how they get one.
const NETWORK: Wanted = Wanted {
    what: "a network file of rimforge (.safetensors)",
    advice: |kind| {
        let advice = match kind {
            Some(FileKind::Pickle) => "make a network file of it first: `rimforge import NET.pkl --out DIR`",
            Some(FileKind::TorchArchive) => {
                "networks of PyTorch are imported from the .pkl snapshot of a StyleGAN2-ADA training: `rimforge import`"
            }
            _ => "give the --out folder of `rimforge train` or `rimforge import`, or the network file in it",
        };
        Some(advice.into())
    },
};

/// [`load_network`] for what takes images alone.
///
/// # Errors
/// As [`load_network`]; a network of volumes.
pub fn load_image_network(path: impl AsRef<Path>, device: Device) -> Result<SavedNetwork> {
    let network = load_network(&path, device)?;
    match network.generator.config().dimensions {
        2 => Ok(network),
        _ => Err(Problem::input(path, "a network of volumes")
            .expected("a network of images")
            .advice("what was asked for works on images; `train` and `generate` take networks of volumes, too")),
    }
}

/// Writes tensors (float32 or another kind that safetensors has) with a description; returns the file's SHA-256.
///
/// # Errors
/// A kind that safetensors lacks, or writing failed; the old file, if any, is then untouched.
pub fn write_tensors(path: impl AsRef<Path>, tensors: &Named, description: &str) -> Result<String> {
    let path = path.as_ref();
    let failed = |error: String| Problem::new(ProblemKind::Internal, format!("cannot store tensors: {error}")).at(path);
    let mut stored = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let kind = tensor.kind();
        let Some((dtype, _)) = KINDS.iter().find(|(_, known)| *known == kind) else {
            return Err(failed(format!("{name} is of kind {kind:?}")));
        };
        let shape: Vec<usize> = tensor.size().iter().map(|&n| n as usize).collect();
        stored.push((name, *dtype, shape, bytes_of(tensor)?));
    }
    let mut views = Vec::with_capacity(stored.len());
    for (name, dtype, shape, bytes) in &stored {
        let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(|error| failed(error.to_string()))?;
        views.push((name.as_str(), view));
    }
    let metadata = HashMap::from([(DESCRIPTION.to_owned(), description.to_owned())]);
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| failed(error.to_string()))?;
    crate::files::write(path, &bytes)?;
    Ok(digest::sha256(&bytes))
}

/// The values of a tensor of any kind and device, in C order, as a CPU has them in memory.
///
/// # Errors
/// A tensor without values.
pub fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>> {
    let tensor = tensor.detach().to_device(Device::Cpu).contiguous();
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
    Ok(bytes)
}

/// Reads every tensor of a safetensors file, on the CPU.
///
/// # Errors
/// No such file, a truncated or foreign file, or non-finite values.
pub fn read_tensors(path: impl AsRef<Path>) -> Result<TensorFile> {
    let file = TensorHeader::open(path.as_ref(), Wanted::TENSORS)?;
    let description = file.metadata(DESCRIPTION).to_owned();
    let (tensors, sha256) = file.read(|_| true)?;
    Ok(TensorFile { tensors, description, sha256 })
}

/// What a network file of these `bytes` says about itself; no tensor is read.
///
/// # Errors
/// Bytes that are no network file.
pub fn description(bytes: &[u8]) -> Result<NetworkDescription> {
    let foreign = |found: String| Problem::new(ProblemKind::Input, format!("not a network file: {found}"));
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| foreign(error.to_string()))?;
    let text = metadata.metadata().as_ref().and_then(|entries| entries.get(DESCRIPTION)).cloned().unwrap_or_default();
    NetworkDescription::from_text(&text)
}

/// The tensors whose names start with `prefix`, without it.
pub fn part(prefix: &str, tensors: &Named) -> Named {
    let own = tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor)));
    own.map(|(name, tensor)| (name, tensor.shallow_clone())).collect()
}

/// Drops the `resample_filter` buffers that other StyleGAN2 implementations store.
///
/// # Errors
/// One is not the filter [1, 3, 3, 1], the only one that this program has.
pub fn without_resample_filters(tensors: Named) -> Result<Named> {
    let mut kept = BTreeMap::new();
    for (name, tensor) in tensors {
        if !name.ends_with("resample_filter") {
            kept.insert(name, tensor);
            continue;
        }
        let own = resample::filter(&tensor);
        if tensor.size() != own.size() || !tensor.to_kind(Kind::Float).allclose(&own, 1e-5, 1e-7, false) {
            return Err(Problem::new(ProblemKind::Input, format!("{name} is another low-pass filter"))
                .expected("[1, 3, 3, 1] in both directions"));
        }
    }
    Ok(kept)
}

fn prefixed(prefix: &str, tensors: Named) -> Named {
    tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::label::{Contrast, Padding, Provenance, Window};
    use serde_json::json;
    use tch::Tensor;

    fn tiny() -> GeneratorConfig {
        GeneratorConfig { z_dim: 8, w_dim: 8, channel_base: 64, channel_max: 8, ..GeneratorConfig::small(8, 1) }
    }

    fn labelled() -> NetworkLabel {
        let window = Window { low: -80.0, high: 120.0 };
        let contrasts = vec![Contrast { name: "chimap".into(), unit: "ppb".into(), window }];
        NetworkLabel { contrasts, provenance: Provenance { images: Some(5), ..Provenance::default() } }
    }

    /// The text of a file's metadata as it has always been: sizes, then channels and provenance with sorted keys.
    #[test]
    fn a_description_is_written_as_ever_and_a_wrong_one_is_refused() {
        let written = concat!(
            r#"{"schema":1,"generator":{"z_dim":8,"w_dim":8,"c_dim":0,"resolution":8,"channels":1,"channel_base":64,"#,
            r#""channel_max":8,"mapping_layers":2,"conv_clamp":256.0},"discriminator":null,"#,
            r#""channels":[{"name":"chimap","unit":"ppb","window":{"high":120.0,"low":-80.0}}],"#,
            r#""provenance":{"images":5}}"#,
        );
        let description = NetworkDescription { generator: tiny(), discriminator: None, label: labelled() };
        assert_eq!(description.to_text().unwrap(), written);
        assert_eq!(NetworkDescription::from_text(written).unwrap(), description);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.safetensors");
        let tensors = prefixed("G.", Generator::new(&tiny(), RunSeed(1), Device::Cpu).unwrap().tensors());
        for (old, new, said) in [
            (r#""images":5"#, r#""simulated":"yes""#, r#"simulated = "yes""#),
            (r#""schema":1"#, r#""schema":2"#, "network schema 2; expected schema 1"),
            (r#"{"images":5}"#, r#"{"classes":["a","b"]}"#, "classes a, b; expected 0 classes"),
            (r#"{"images":5}"#, r#"{"padding":{"height":9,"width":8,"side":8}}"#, "9 x 8 in a square of 8"),
            (r#""channels":1,"channel_base""#, r#""channels":2,"channel_base""#, "1 channels; expected 2 channels"),
        ] {
            write_tensors(&path, &tensors, &written.replace(old, new)).unwrap();
            let problem = load_network(&path, Device::Cpu).unwrap_err();
            assert_eq!((problem.kind(), problem.path()), (ProblemKind::Input, Some(path.as_path())));
            assert!(problem.to_string().contains(said), "{problem}");
        }
        let padding = json!({"height": 5, "width": 8, "side": 8});
        write_tensors(&path, &tensors, &written.replace("5}", &format!("5,\"padding\":{padding}}}"))).unwrap();
        let label = load_network(&path, Device::Cpu).unwrap().description.label;
        assert_eq!(label.provenance.padding, Some(Padding { height: 5, width: 8, side: 8 }));
    }

    #[test]
    fn a_saved_network_comes_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.safetensors");
        let generator = Generator::new(&tiny(), RunSeed(1), Device::Cpu).unwrap();
        let discriminator =
            Discriminator::new(&DiscriminatorConfig::matching(&tiny()), RunSeed(1), Device::Cpu).unwrap();
        let hash = save_network(&path, &generator, Some(&discriminator), labelled()).unwrap();
        let again = load_network(&path, Device::Cpu).unwrap();
        assert_eq!(again.sha256, hash);
        assert_eq!(again.description.label, labelled());
        for (name, tensor) in generator.tensors() {
            assert!(tensor.equal(&again.generator.tensors()[&name]), "{name}");
        }
        for (name, tensor) in discriminator.tensors() {
            assert!(tensor.equal(&again.discriminator.as_ref().unwrap().tensors()[&name]), "{name}");
        }
        // The same network gives the same bytes.
        let twice = save_network(&path, &generator, Some(&discriminator), labelled()).unwrap();
        assert_eq!(twice, hash);
    }

    #[test]
    fn a_cut_file_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.safetensors");
        let generator = Generator::new(&tiny(), RunSeed(1), Device::Cpu).unwrap();
        save_network(&path, &generator, None, NetworkLabel::default()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 7, 100, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let problem = load_network(&path, Device::Cpu).unwrap_err();
            assert_eq!(problem.kind(), ProblemKind::Input);
            assert_eq!(problem.path(), Some(path.as_path()));
        }
    }

    #[test]
    fn loading_lists_what_differs_and_changes_nothing() {
        let mut generator = Generator::new(&tiny(), RunSeed(1), Device::Cpu).unwrap();
        let map = |generator: &Generator| generator.tensors()["synthesis.b4.conv1.noise_const"].copy();
        let before = map(&generator);
        let mut source = Generator::new(&tiny(), RunSeed(2), Device::Cpu).unwrap().tensors();
        source.remove("mapping.w_avg");
        source.insert("synthesis.b4.const".into(), Tensor::zeros([8, 4, 5], (Kind::Float, Device::Cpu)));
        source.insert("extra".into(), Tensor::zeros([1], (Kind::Float, Device::Cpu)));
        let half = source["mapping.fc0.weight"].to_kind(Kind::Half);
        source.insert("mapping.fc0.weight".into(), half);
        let text = generator.load(&source).unwrap_err().to_string();
        for part in
            ["mapping.w_avg is missing", "shape [8, 4, 5], not [8, 4, 4]", "extra is unknown", "is Half, not Float"]
        {
            assert!(text.contains(part), "{text}");
        }
        assert!(map(&generator).equal(&before));
    }
}
