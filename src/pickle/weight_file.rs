//! Weights of a net in any of the files that people keep them in: read as data, names and shapes first.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::torch_stream::TorchStream;
use super::torch_zip::TorchZip;
use super::value::shortened;
use crate::files::kind_of::{self, FileKind};
use crate::nets::network::Named;
use crate::nets::tensor_file::{TensorHeader, Wanted};
use crate::problem::Result;

/// What is accepted, in words.
const EXPECTED: &str = "weights: a .pt or .pth file of PyTorch (torch.save, torch.jit.save), or safetensors";

const WANTED: Wanted = Wanted { what: EXPECTED, advice };

/// An opened file whose index was read.
pub struct WeightFile {
    path: PathBuf,
    source: Source,
}

enum Source {
    Safetensors(TensorHeader),
    Zip(TorchZip),
    Stream(TorchStream),
}

impl WeightFile {
    /// Opens a file and reads its index; nothing in it is run, and no code in it is looked at.
    ///
    /// # Errors
    /// No such file, one of another kind (which is named), a damaged one, or one beyond the limits of its reader.
    pub fn open(path: &Path) -> Result<Self> {
        let (mut file, length) = kind_of::open(path, EXPECTED)?;
        let start = kind_of::start(path, &file, kind_of::START)?;
        std::io::Seek::rewind(&mut file).map_err(|error| crate::problem::Problem::io(path, "reading", error))?;
        tracing::info!("reading {}", path.display());
        let source = match FileKind::of(&start) {
            Some(FileKind::Safetensors) => Source::Safetensors(TensorHeader::open(path, WANTED)?),
            Some(FileKind::TorchArchive | FileKind::Zip) => {
                Source::Zip(TorchZip::open(path, file).map_err(|problem| problem.at(path))?)
            }
            Some(FileKind::Pickle) => {
                Source::Stream(TorchStream::open(path, file, length).map_err(|problem| problem.at(path))?)
            }
            _ => return Err(FileKind::mistaken(&start, EXPECTED, advice).at(path)),
        };
        Ok(Self { path: path.to_owned(), source })
    }

    /// Names and shapes of the tensors, in the order of the file; control characters in names are `?`.
    pub fn shapes(&self) -> Vec<(String, Vec<i64>)> {
        let of = |parameters: &[super::parameters::Parameter]| {
            parameters.iter().map(|own| (shortened_name(&own.name), own.size.clone())).collect()
        };
        match &self.source {
            Source::Safetensors(header) => header.shapes(),
            Source::Zip(archive) => of(&archive.parameters),
            Source::Stream(stream) => of(&stream.parameters),
        }
    }

    /// The tensors of these names, float32 on the CPU.
    ///
    /// # Errors
    /// Elements that are missing or damaged, no floating-point numbers, or values that are not finite.
    pub fn read(self, wanted: &BTreeSet<String>) -> Result<Named> {
        let path = &self.path;
        let mut tensors = Named::new();
        match self.source {
            Source::Safetensors(header) => {
                let (read, _) = header.read(|name| wanted.contains(name))?;
                for (name, tensor) in read {
                    tensors.insert(name, tensor.f_to_kind(tch::Kind::Float)?);
                }
            }
            Source::Zip(mut archive) => {
                for parameter in archive.parameters.clone() {
                    if wanted.contains(&shortened_name(&parameter.name)) {
                        let tensor = archive.read(&parameter).map_err(|problem| problem.at(path))?;
                        tensors.entry(shortened_name(&parameter.name)).or_insert(tensor);
                    }
                }
            }
            Source::Stream(mut stream) => {
                for parameter in stream.parameters.clone() {
                    if wanted.contains(&shortened_name(&parameter.name)) {
                        let tensor = stream.read(path, &parameter).map_err(|problem| problem.at(path))?;
                        tensors.entry(shortened_name(&parameter.name)).or_insert(tensor);
                    }
                }
            }
        }
        Ok(tensors)
    }
}

/// A name as it may be shown and is asked for by.
fn shortened_name(name: &str) -> String {
    if name.chars().any(char::is_control) { shortened(name) } else { name.to_owned() }
}

fn advice(kind: Option<FileKind>) -> Option<String> {
    Some(match kind {
        Some(FileKind::Onnx | FileKind::Hdf5) => {
            "load it in Python and save its weights with torch.save under torchvision's names".into()
        }
        _ => "save the weights from Python: torch.save(net.state_dict(), FILE)".into(),
    })
}
