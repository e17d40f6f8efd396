//! Networks of the StyleGAN2-ADA reference in and out: its pickles read without running anything in them, and its
//! state dicts written. Weights of feature nets in, from any file of PyTorch, as data likewise.
//!
//! A pickle is a program for a stack machine that may call any Python function. Here the machine knows a short list of
//! names, each of which stands for inert data; every other name or instruction ends the reading and is named in the
//! error. The time and memory that a file can cause are bounded by its length.

pub mod budget;

pub mod value;

pub mod cursor;

pub mod globals;

pub mod machine;

pub mod calls;

pub mod storage;

pub mod tensor;

pub mod modules;

pub mod layout;

pub mod settings;

pub mod network;

pub mod parameters;

pub mod torch_zip;

pub mod torch_stream;

pub mod weight_file;

pub mod clip_file;

pub mod feature_file;

pub mod densenet_file;

pub mod writer;

pub mod state_dict;

pub use clip_file::read_clip;
pub use feature_file::{read_features, read_features_with_heads};
pub use network::{ImportedNetwork, read_network};
pub use state_dict::write_state_dict;
