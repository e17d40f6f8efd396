//! Folders of what people answered and decided.

use std::path::{Path, PathBuf};

use crate::name::Name;

/// Folder of a reader study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingDir(pub(super) PathBuf);

impl ReadingDir {
    /// Name of the database of answers.
    pub const ANSWERS: &str = "answers.sqlite";

    /// Name of the results.
    pub const RESULTS: &str = "reading.json";

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Every answer of every reader.
    pub fn answers(&self) -> PathBuf {
        self.0.join(Self::ANSWERS)
    }

    /// What came out of them.
    pub fn results(&self) -> PathBuf {
        self.0.join(Self::RESULTS)
    }
}

/// Where the decisions on directions lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewDir(PathBuf);

impl ReviewDir {
    /// Name of a reviewer's log.
    pub const DECISIONS: &str = "decisions.jsonl";

    /// Name of the file for what a crash left of a log's last line.
    pub const CUT_SHORT: &str = "cut-short.txt";

    /// Of a folder of directions; nothing is read or made.
    pub fn of(directions: &Path) -> Self {
        Self(directions.join("review"))
    }

    /// A folder for each reviewer.
    pub fn reviewers(&self) -> PathBuf {
        self.0.join("reviewers")
    }

    /// One reviewer's.
    pub fn reviewer(&self, name: &Name) -> PathBuf {
        self.reviewers().join(name)
    }

    /// What they come to together.
    pub fn summary(&self) -> PathBuf {
        self.0.join("summary")
    }
}
