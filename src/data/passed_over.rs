//! What systems and programs leave in folders and pack into zips, and no person put there: it is passed over, in both
//! alike.

/// Names that are no data, in lower case: thumbnails and notes of Windows, macOS and network storage.
const SYSTEM: [&str; 16] = [
    "__macosx",
    "__pycache__",
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "picasa.ini",
    "icon\r",
    "@eadir",
    "@recycle",
    "@recently-snapshot",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "system volume information",
    "lost+found",
];

/// The part of a relative path, with / between folders, down to the first name that is hidden (".ipynb_checkpoints",
/// "._x.png"), the system's ("__MACOSX", "Thumbs.db") or an editor's copy ("labels.tsv~"); `None` where there is none.
pub(super) fn passed_over(path: &str) -> Option<&str> {
    let mut end = 0;
    for name in path.split('/') {
        end += name.len();
        if is_passed_over(name) {
            return Some(&path[..end]);
        }
        end += 1;
    }
    None
}

fn is_passed_over(name: &str) -> bool {
    name.starts_with('.') || name.starts_with("~$") || name.ends_with('~') || SYSTEM.contains(&&*name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_and_system_names_are_passed_over_at_any_depth() {
        for (path, part) in [
            (".DS_Store", ".DS_Store"),
            (".ipynb_checkpoints/x.png", ".ipynb_checkpoints"),
            ("rim/.ipynb_checkpoints/x.png", "rim/.ipynb_checkpoints"),
            ("__MACOSX/rim/._x.png", "__MACOSX"),
            ("rim/._x.png", "rim/._x.png"),
            ("rim/THUMBS.DB", "rim/THUMBS.DB"),
            ("a/@eaDir/x.png/SYNOPHOTO_THUMB_M.png", "a/@eaDir"),
            ("~$labels.xlsx", "~$labels.xlsx"),
            ("labels.tsv~", "labels.tsv~"),
        ] {
            assert_eq!(passed_over(path), Some(part));
        }
        for path in ["a.png", "rim/a..png", "macosx/x.png", "thumbs/x.png", "a~b.png"] {
            assert_eq!(passed_over(path), None);
        }
    }
}
