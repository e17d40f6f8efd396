//! What took long to make, in files: a stopped comparison goes on behind it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Workshop;
use crate::classify::runs::MAPS;
use crate::digest;
use crate::files;
use crate::nets::network::Named;
use crate::nets::weights::{read_tensors, write_tensors};
use crate::problem::{Kind, Result};
use crate::run_dir::RECORD;

/// Their names inside the stage's folder.
pub const FILES: [&str; 4] = [
    "made/cross-fit-0.safetensors",
    "made/cross-fit-1.safetensors",
    "made/deep-smote.safetensors",
    "made/deep-smote-code.safetensors",
];

/// Changes where the same settings make something else.
const PROCEDURE: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Description {
    key: String,
}

impl Workshop<'_> {
    /// The tensors of the file `name`, one of [`FILES`], where it was made for the same `settings`; else made and kept.
    ///
    /// # Errors
    /// As `make`, or a file that cannot be read or written just now.
    pub(super) fn kept(&self, name: &str, settings: &Value, make: impl FnOnce() -> Result<Named>) -> Result<Named> {
        let path = self.place.out.join(name);
        let arithmetic = &self.place.place.with_threads(1).arithmetic;
        let key = digest::sha256(json!([PROCEDURE, settings, self.seed.0, arithmetic]).to_string());
        if files::is_there(&path)? {
            match read_tensors(&path) {
                Ok(file) if serde_json::from_str::<Description>(&file.description).is_ok_and(|d| d.key == key) => {
                    tracing::info!("{}: made before, kept", path.display());
                    return Ok(file.tensors);
                }
                Err(problem) if problem.kind() == Kind::Environment => return Err(problem),
                _ => self.observer.note(&format!("{}: of other settings or data; made again", path.display())),
            }
        }
        let tensors = make()?;
        // They speak of fits to what lay here before.
        files::remove(&self.place.out.join(RECORD))?;
        files::remove(&self.place.out.join(MAPS))?;
        write_tensors(&path, &tensors, &json!(Description { key }).to_string())?;
        Ok(tensors)
    }
}
