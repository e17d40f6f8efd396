//! Files and folders: whole or not at all, locked, hashed, listed; JSON and npy as texts and bytes.

pub mod fault;

mod whole;

mod lock;

mod folder;

pub mod hashed;

mod json;

pub mod npy;

pub use folder::{list, list_if_there, make_folder, remove, remove_folder};
pub use hashed::sha256;
pub use json::{json_line, json_text, note_json, read_json_lines, read_note, write_json};
pub use lock::{FolderLock, lock};
pub use whole::{
    AtomicWriter, append, copy, cut, cut_torn_line, is_there, read, read_if_there, rename, sync_folder, write,
    write_unflushed, writer,
};
