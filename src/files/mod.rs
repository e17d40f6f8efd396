//! Files and folders: whole or not at all, locked, hashed, listed, told apart; JSON and npy as texts and bytes.

mod whole;

mod lock;

mod folder;

pub mod hashed;

mod json;

pub mod npy;

pub mod npy_header;

pub mod kind_of;

pub use folder::{list, list_if_there, remove, remove_folder};
pub use hashed::sha256;
pub use json::{json_line, json_text, note_json, read_json_lines, write_json};
pub use lock::{FolderLock, lock};
pub use whole::{AtomicWriter, read, sync_folder, write, writer};
