//! What a process leaves that is killed in the middle of a write.

use std::path::{Path, PathBuf};

/// Puts an unfinished file into every folder below `root` that holds files.
pub fn leave_unfinished(root: &Path) {
    for folder in folders(root) {
        let is_file = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().path().is_file();
        if std::fs::read_dir(&folder).unwrap().any(is_file) {
            std::fs::write(folder.join(".unfinished-x1y2z3"), b"half").unwrap();
        }
    }
}

/// Fails where one is still there.
pub fn assert_nothing_unfinished(root: &Path) {
    for folder in folders(root) {
        assert!(!folder.join(".unfinished-x1y2z3").exists(), "left in {}", folder.display());
    }
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    let mut at = 0;
    while at < found.len() {
        let inside = std::fs::read_dir(&found[at]).unwrap().map(|entry| entry.unwrap().path());
        let inside: Vec<PathBuf> = inside.filter(|path| path.is_dir()).collect();
        found.extend(inside);
        at += 1;
    }
    found
}
