//! The names that a pickle may use. Each stands for data; none is a function that could run.

use tch::Kind as Type;

use super::value::shortened;
use crate::problem::{Kind, Problem, Result};

/// Element type of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// IEEE 754 binary16.
    Half,
    /// The upper half of a float32.
    BFloat16,
    /// IEEE 754 binary32.
    Float,
    /// IEEE 754 binary64.
    Double,
    /// Signed, 8 bytes.
    Int64,
    /// Signed, 4 bytes.
    Int32,
    /// Unsigned, 1 byte.
    Uint8,
    /// One byte, 0 or 1.
    Bool,
}

/// Python's name of each storage class, without `torch.`.
const STORAGES: [(&str, Element); 8] = [
    ("HalfStorage", Element::Half),
    ("BFloat16Storage", Element::BFloat16),
    ("FloatStorage", Element::Float),
    ("DoubleStorage", Element::Double),
    ("LongStorage", Element::Int64),
    ("IntStorage", Element::Int32),
    ("ByteStorage", Element::Uint8),
    ("BoolStorage", Element::Bool),
];

impl Element {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        self.kind().elt_size_in_bytes()
    }

    /// The same in libtorch.
    pub fn kind(self) -> Type {
        match self {
            Self::Half => Type::Half,
            Self::BFloat16 => Type::BFloat16,
            Self::Float => Type::Float,
            Self::Double => Type::Double,
            Self::Int64 => Type::Int64,
            Self::Int32 => Type::Int,
            Self::Uint8 => Type::Uint8,
            Self::Bool => Type::Bool,
        }
    }
}

/// A name from the allow-list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Global {
    /// Rebuilds a module of the reference; here it keeps the description.
    PersistentObject,
    /// Makes a tensor of a storage, an offset, sizes and strides.
    RebuildTensor,
    /// Makes a parameter of a tensor; here the tensor itself.
    RebuildParameter,
    /// Reads a `torch.save` stream inside a byte string.
    LoadStorage,
    /// Makes bytes from text in protocol 2.
    Encode,
    /// Makes a number of a NumPy type and its bytes.
    NumpyScalar,
    /// Makes a NumPy type of its code.
    NumpyType,
    /// An empty dict that keeps its order.
    OrderedDict,
    /// The reference's dict with attribute access.
    EasyDict,
    /// A set of a list.
    Set,
    /// An empty byte string.
    Bytes,
    /// In weights alone: a tensor as torch 0.3 saved it.
    RebuildOldTensor,
    /// In weights alone: a list of numbers; here the list itself.
    Listed,
    /// In weights alone: a value with its type's name; here the value itself.
    Tagged,
    /// In weights alone: sizes and devices, which decide nothing here.
    Inert,
    /// What the elements of a storage are.
    StorageClass(Element),
}

/// (module, name, meaning); modules are those of Python 3 and, in protocol 2, of Python 2.
const NAMES: [(&str, &str, Global); 22] = [
    ("torch_utils.persistence", "_reconstruct_persistent_obj", Global::PersistentObject),
    ("torch._utils", "_rebuild_tensor_v2", Global::RebuildTensor),
    ("torch._utils", "_rebuild_parameter", Global::RebuildParameter),
    ("torch.storage", "_load_from_bytes", Global::LoadStorage),
    ("_codecs", "encode", Global::Encode),
    ("numpy.core.multiarray", "scalar", Global::NumpyScalar),
    ("numpy._core.multiarray", "scalar", Global::NumpyScalar),
    ("numpy", "dtype", Global::NumpyType),
    ("collections", "OrderedDict", Global::OrderedDict),
    ("dnnlib.util", "EasyDict", Global::EasyDict),
    ("builtins", "set", Global::Set),
    ("__builtin__", "set", Global::Set),
    ("builtins", "bytes", Global::Bytes),
    ("__builtin__", "bytes", Global::Bytes),
    ("torch._utils", "_rebuild_tensor", Global::RebuildOldTensor),
    ("torch.jit._pickle", "build_intlist", Global::Listed),
    ("torch.jit._pickle", "build_doublelist", Global::Listed),
    ("torch.jit._pickle", "build_boollist", Global::Listed),
    ("torch.jit._pickle", "build_tensorlist", Global::Listed),
    ("torch.jit._pickle", "restore_type_tag", Global::Tagged),
    ("torch", "Size", Global::Inert),
    ("torch", "device", Global::Inert),
];

impl Global {
    /// Looks a name up.
    ///
    /// # Errors
    /// It is not on the list; the message names it.
    pub fn find(module: &str, name: &str) -> Result<Self> {
        if module == "torch"
            && let Some((_, element)) = STORAGES.iter().find(|(known, _)| *known == name)
        {
            return Ok(Self::StorageClass(*element));
        }
        if let Some((.., global)) = NAMES.iter().find(|known| (known.0, known.1) == (module, name)) {
            return Ok(*global);
        }
        Err(Self::unknown(module, name))
    }

    /// The problem of a name that is not on the list.
    pub fn unknown(module: &str, name: &str) -> Problem {
        let problem = Problem::new(
            Kind::Input,
            format!("the pickle refers to {}.{}, which this program does not know", shortened(module), shortened(name)),
        )
        .expected("only what a StyleGAN2-ADA network of the PyTorch reference is made of");
        if module.starts_with("dnnlib.tflib") {
            problem.advice("this is a pickle of the TensorFlow version; convert it with the reference first")
        } else {
            problem.advice("nothing of it was run; do not open this file with Python unless you trust its source")
        }
    }

    /// Dotted Python name.
    pub fn name(self) -> String {
        if let Self::StorageClass(element) = self {
            let name = STORAGES.iter().find(|(_, known)| *known == element).map_or("Storage", |(name, _)| name);
            return format!("torch.{name}");
        }
        NAMES.iter().find(|known| known.2 == self).map_or(String::new(), |(module, name, _)| format!("{module}.{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_found_and_others_named() {
        assert_eq!(Global::find("torch", "HalfStorage").unwrap(), Global::StorageClass(Element::Half));
        assert_eq!(Global::find("collections", "OrderedDict").unwrap().name(), "collections.OrderedDict");
        assert_eq!(Global::StorageClass(Element::Int64).name(), "torch.LongStorage");
        for (module, name) in [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("posix", "system")] {
            let text = Global::find(module, name).unwrap_err().to_string();
            assert!(text.contains(&format!("{module}.{name}")), "{text}");
        }
        let text = Global::find("dnnlib.tflib.network", "Network").unwrap_err().to_string();
        assert!(text.contains("TensorFlow"), "{text}");
    }
}
