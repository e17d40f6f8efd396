//! Files and folders: whole or not at all, claimed and locked, hashed, listed; JSON and npy as texts and bytes.

mod whole;

mod lock;

mod out_folder;

mod claim;

mod staging;

mod earlier;

mod folder;

pub mod hashed;

mod json;

pub mod npy;

pub use claim::Claim;
pub use earlier::{files_in, holds_what_its_manifest_says, parses, was_locked};
pub use folder::{list, list_if_there, remove, remove_folder};
pub use hashed::sha256;
pub use json::{json_line, json_text, note_json, parse_json, read_json_lines, write_json};
pub use lock::{FolderLock, lock};
pub use out_folder::{Input, OutFolder, Owner};
pub use whole::{AtomicWriter, read, sync_folder, write, writer};
