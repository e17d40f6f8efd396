//! Pictures of the study folder as data URIs, so that the page is one file.

use std::path::Path;

use base64::Engine as _;

use crate::problem::{Problem, Result};

/// A picture with its caption.
pub struct Figure {
    /// Data URI of a PNG.
    pub image: String,
    /// Below it.
    pub caption: String,
}

/// A PNG file as a data URI.
pub fn data_uri(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Problem::io(path, "reading a picture for the report", error))?;
    Ok(format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes)))
}

/// The picture `name` of a stage, where the stage made one.
pub fn stage_image(folder: &Path, name: &str, caption: &str) -> Result<Vec<Figure>> {
    let path = folder.join(name);
    if !crate::files::is_there(&path)? {
        return Ok(Vec::new());
    }
    Ok(vec![Figure { image: data_uri(&path)?, caption: caption.to_owned() }])
}
