//! Files and folders: whole or not at all, claimed and locked, hashed, listed, told apart; JSON and npy as texts and
//! bytes.

pub mod fault;

mod whole;

mod log;

mod lock;

mod out_folder;

mod claim;

mod staging;

mod earlier;

mod folder;

mod flush;

pub mod hashed;

mod json;

mod json_place;

mod json_room;

pub mod npy;

pub mod npy_header;

pub mod kind_of;

mod kinds;

pub mod zip_entries;

pub use claim::Claim;
pub use earlier::{files_in, holds_only, holds_what_its_manifest_says, parses, was_locked};
pub use folder::{list, list_if_there, make_folder, remove, remove_folder, remove_if_empty};
pub use hashed::{sha256, sha256_unless_stopped};
pub use json::{json_line, json_text, note_json, parse_json, read_json_lines, read_note, write_json};
pub use lock::{FolderLock, lock, lock_if_free};
pub use log::{append, append_flushed, cut, cut_torn_line};
pub use out_folder::{Input, OutFolder, Owner};
pub use staging::refuse_link;
pub use whole::{
    AtomicWriter, copy, is_there, read, read_if_there, rename, sync_folder, write, write_unflushed, writer,
};
