//! Pictures of the study folder as data URIs, so that the page is one file.

use std::path::Path;

use base64::Engine as _;

use crate::files;
use crate::name::Inside;
use crate::problem::{Problem, Result};

/// Bytes of a picture, at most: the largest sheets have some megabytes.
const LARGEST: u64 = 64 << 20;

/// A picture with its caption.
pub struct Figure {
    /// Data URI of a PNG.
    pub image: String,
    /// Below it.
    pub caption: String,
}

/// The picture `file` of a stage's `folder` as a data URI; both lie in the study folder `root`.
///
/// A page is made to be passed on, so only a picture of the study itself gets in: a PNG whose links, if there are any,
/// end in the stage's folder or in the study's.
///
/// # Errors
/// No such file, another kind of file, or one outside.
pub fn data_uri(root: &Path, folder: &Path, file: &Inside) -> Result<String> {
    let path = file.under(folder);
    let resolved = |path: &Path| path.canonicalize().map_err(|error| Problem::io(path, "reading a picture", error));
    let target = resolved(&path)?;
    if !target.starts_with(resolved(folder)?) && !target.starts_with(resolved(root)?) {
        return Err(Problem::input(&path, "a link that leads out of the study")
            .expected("a picture of the study itself")
            .advice("put the file itself in its place, if it is to be shown"));
    }
    let bytes = files::read(&path, LARGEST, "a picture for the report")?;
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Err(Problem::input(&path, "no PNG").expected("a picture for the report"));
    }
    Ok(format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes)))
}

/// The picture `name` of a stage, where the stage made one.
pub fn stage_image(root: &Path, folder: &Path, name: &'static str, caption: &str) -> Result<Vec<Figure>> {
    if !crate::files::is_there(&folder.join(name))? {
        return Ok(Vec::new());
    }
    Ok(vec![Figure { image: data_uri(root, folder, &name.into())?, caption: caption.to_owned() }])
}
