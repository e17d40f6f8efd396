//! Reads the argument names of `forward` from a TorchScript archive, so that they can be passed by position.
//!
//! libtorch's C interface takes positional arguments only, while perceptual nets are called by name
//! (`resize_images=False, return_lpips=True`) and files differ in their order.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zip::ZipArchive;

use crate::problem::{Problem, Result};

/// Longest member that is read; the code of a perceptual net is some kilobytes.
const LONGEST: u64 = 4 << 20;

/// An argument of `forward` after the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// As the file's code has it.
    pub name: String,
    /// Its default as written: "True", "False", "1", ...
    pub default: Option<String>,
}

/// Arguments of the archive's main module's `forward`, without `self` and the image.
///
/// # Errors
/// Not a TorchScript archive, or no `forward` with an image in it.
pub fn forward_arguments(path: &Path) -> Result<Vec<Argument>> {
    let wrong = |found: &str| {
        Problem::input(path, found)
            .expected("a TorchScript archive (torch.jit.save) whose forward takes an image")
            .advice("save the feature net with torch.jit.script(net).save(...)")
    };
    let file = File::open(path).map_err(|e| Problem::io(path, "opening", e))?;
    let mut archive = ZipArchive::new(file).map_err(|e| wrong("not a zip archive").because(e))?;
    let pickle = member(&mut archive, "/data.pkl").ok_or_else(|| wrong("no data.pkl inside"))?;
    let (module, class) = main_class(&pickle).ok_or_else(|| wrong("data.pkl does not begin with a class"))?;
    let code_path = format!("/code/{}.py", module.replace('.', "/"));
    let code = member(&mut archive, &code_path).ok_or_else(|| wrong("the code of the main class is missing"))?;
    parse_forward(&String::from_utf8_lossy(&code), &class).ok_or_else(|| wrong("the main class has no forward"))
}

/// Bytes of the member whose name is `<archive name>` + `ending`.
fn member(archive: &mut ZipArchive<File>, ending: &str) -> Option<Vec<u8>> {
    let ends = |name: &str| name.split_once('/').is_some_and(|(_, rest)| rest == &ending[1..]);
    let name = archive.file_names().flatten().map(|name| name.into_owned()).find(|name| ends(name))?;
    let mut bytes = Vec::new();
    archive.by_name(&name).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Module and name of the class that a pickle (protocol 2) begins with: `\x80\x02c<module>\n<class>\n`.
fn main_class(pickle: &[u8]) -> Option<(String, String)> {
    let text = pickle.strip_prefix(b"\x80\x02c")?;
    let mut lines = text.split(|&byte| byte == b'\n').map(|line| std::str::from_utf8(line).ok());
    Some((lines.next()??.to_owned(), lines.next()??.to_owned()))
}

/// Arguments after `self` and the image in `def forward(...)` of `class`.
fn parse_forward(code: &str, class: &str) -> Option<Vec<Argument>> {
    let body = code.split(&format!("class {class}(")).nth(1)?;
    let body = body.split("\nclass ").next()?;
    let list = body.split("def forward(").nth(1)?.split(") ->").next()?;
    let mut arguments = split_outside_brackets(list).into_iter().map(|argument| {
        let (declaration, default) = match argument.split_once('=') {
            Some((declaration, default)) => (declaration, Some(default.trim().to_owned())),
            None => (argument.as_str(), None),
        };
        Argument { name: declaration.split(':').next().unwrap_or_default().trim().to_owned(), default }
    });
    arguments.next()?;
    arguments.next()?;
    Some(arguments.collect())
}

/// Splits at commas that are not within [] (types such as `Dict[str, int]`).
fn split_outside_brackets(list: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0i32;
    for letter in list.chars() {
        depth += i32::from(letter == '[') - i32::from(letter == ']');
        match letter {
            ',' if depth == 0 => parts.push(String::new()),
            _ => parts.last_mut().expect("never empty").push(letter),
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "class Other(Module):\n  def forward(self: x,\n    a: Tensor) -> Tensor:\n    return a\n\
        class Net(Module):\n  training : bool\n  def forward(s: __torch__.Net,\n    img: Tensor,\n    \
        sizes: Dict[str, int],\n    resize_images: bool=True,\n    return_lpips: bool=False) -> Tensor:\n    pass\n";

    #[test]
    fn finds_names_and_defaults_of_the_named_class() {
        let found = parse_forward(CODE, "Net").unwrap();
        let pairs: Vec<_> = found.iter().map(|a| (a.name.as_str(), a.default.as_deref())).collect();
        assert_eq!(pairs, [("sizes", None), ("resize_images", Some("True")), ("return_lpips", Some("False"))]);
        assert_eq!(parse_forward(CODE, "Other").unwrap(), []);
        assert_eq!(parse_forward(CODE, "Absent"), None);
    }

    #[test]
    fn reads_the_class_that_a_pickle_begins_with() {
        let found = main_class(b"\x80\x02c__torch__.nets\nNet\nq\x00)").unwrap();
        assert_eq!(found, ("__torch__.nets".into(), "Net".into()));
        assert_eq!(main_class(b"PK"), None);
    }
}
