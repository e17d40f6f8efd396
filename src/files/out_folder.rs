//! The folder that a command writes into: empty, or the command's own, or refused before anything in it is touched.
//!
//! A folder becomes a command's own by being claimed while it is empty ([`OutFolder::claim`]). The claim leaves a mark:
//! a small file that names the command and every file that it wrote ([`super::claim`]). What else lies in the folder is
//! the user's and is neither deleted nor overwritten. A folder without a mark is known by what a version before there
//! were marks left in it.

use std::fmt;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::claim::{Claim, Ledger};
use super::folder::list;
use super::whole::is_unfinished;
use crate::name::shown;
use crate::problem::{Kind, Problem, Result};

/// Names that systems and desktops put into any folder; a folder that holds nothing else is empty.
pub(super) const LITTER: [&str; 10] = [
    ".DS_Store",
    "._.DS_Store",
    ".localized",
    ".Spotlight-V100",
    ".Trashes",
    ".fseventsd",
    ".directory",
    "Thumbs.db",
    "desktop.ini",
    "lost+found",
];

/// Entries that a refusal names.
const NAMED: usize = 3;

/// A command that writes folders, and how its folders are told from others.
#[derive(Clone, Copy)]
pub struct Owner {
    /// As it is typed: "prepare".
    pub command: &'static str,
    /// Name of the lock file in the folder.
    pub lock: &'static str,
    /// Name of the mark in the folder.
    pub mark: &'static str,
    /// The files, relative to the folder, of one that a version without marks left; `None` where it is no such folder.
    /// An error where that cannot be told: a file that may not be read is not one of the user's.
    pub unmarked: fn(&Path) -> Result<Option<Vec<String>>>,
}

impl Owner {
    /// With the usual names of lock and mark.
    pub const fn of(command: &'static str, unmarked: fn(&Path) -> Result<Option<Vec<String>>>) -> Self {
        Self { command, lock: ".lock", mark: ".rimforge.json", unmarked }
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command)
    }
}

/// What a command reads, and how the folder that it writes may lie to it: neither within the other.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    path: &'a Path,
    room: Option<fn(&Path) -> bool>,
    may_lie_inside: bool,
}

impl<'a> Input<'a> {
    /// A file or a folder.
    pub fn of(path: &'a Path) -> Self {
        Self { path, room: None, may_lie_inside: false }
    }

    /// Its folder leaves room for others where `room` says so of a path relative to it.
    pub fn with_room(self, room: fn(&Path) -> bool) -> Self {
        Self { room: Some(room), ..self }
    }

    /// It may lie in the folder that is written, which is no less empty for it.
    pub fn or_inside(self) -> Self {
        Self { may_lie_inside: true, ..self }
    }
}

/// A folder to be written by one command.
#[derive(Clone, Debug)]
pub struct OutFolder<'a> {
    owner: Owner,
    folder: &'a Path,
    inputs: Vec<Input<'a>>,
}

/// What a folder is to a command.
pub(super) enum State {
    /// Not there, or with nothing in it.
    Empty,
    /// The command's own, with what it wrote.
    Own(Ledger),
}

impl<'a> OutFolder<'a> {
    /// `folder`, to be written by the command `owner`.
    pub fn new(owner: Owner, folder: &'a Path) -> Self {
        Self { owner, folder, inputs: vec![] }
    }

    /// What the command reads.
    pub fn apart_from(mut self, inputs: impl IntoIterator<Item = Input<'a>>) -> Self {
        self.inputs.extend(inputs);
        self
    }

    /// Refuses a folder that is not the command's to write; touches nothing.
    ///
    /// # Errors
    /// `Kind::Usage`: something else is in the folder, or it lies in an input or an input in it. `Kind::Environment`:
    /// it cannot be looked into.
    pub fn check(&self) -> Result<()> {
        self.state().map(drop)
    }

    /// Makes the folder where it is not there and holds it until the result is dropped; deletes what a killed run left
    /// of its unfinished files, and puts a result in place that a killed run had finished ([`Claim::publish`]).
    ///
    /// # Errors
    /// Those of [`OutFolder::check`]; another run holds the folder; it cannot be written to.
    pub fn claim(&self) -> Result<Claim> {
        self.check()?;
        let lock = super::lock::lock(self.folder.join(self.owner.lock))?;
        // Another run may have come between.
        let (ledger, marked) = match self.state()? {
            State::Own(ledger) => (ledger, true),
            State::Empty => (Ledger::new(self.owner.command), false),
        };
        Claim::take(lock, self.folder, self.owner.mark, ledger, marked)
    }

    /// Makes the folder where it is not there and marks it as the command's, without holding it: for a command of which
    /// several may write into it at once, each file whole and under a name that says what is in it.
    ///
    /// # Errors
    /// Those of [`OutFolder::check`]; it cannot be written to.
    pub fn share(&self) -> Result<()> {
        self.check()?;
        super::folder::make_folder(self.folder)?;
        let mark = self.folder.join(self.owner.mark);
        if super::whole::lies_there(&mark)? {
            return Ok(());
        }
        // Two that come at once write the same.
        super::json::write_json(&mark, &Ledger::new(self.owner.command))
    }

    fn state(&self) -> Result<State> {
        let facts = self.facts()?;
        let out = resolved(self.folder);
        self.inputs.iter().try_for_each(|input| self.require_apart(&out, input))?;
        if facts.is_none() {
            return Ok(State::Empty);
        }
        let mark = self.folder.join(self.owner.mark);
        if let Some(hidden) = mark.parent().filter(|hidden| *hidden != self.folder && hidden.is_symlink()) {
            return Err(self.refuse("a link where lock and mark would be".into()).at(hidden));
        }
        let others = self.others(&out)?;
        match Ledger::read(&mark).map_err(|problem| problem.advice(self.elsewhere()))? {
            Some(ledger) if ledger.command == self.owner.command => Ok(State::Own(ledger)),
            _ if others.is_empty() => Ok(State::Empty),
            Some(ledger) => {
                Err(self.refuse(format!("a folder that `rimforge {}` writes into", shown(&ledger.command))))
            }
            None => match (self.owner.unmarked)(self.folder)? {
                Some(files) => Ok(State::Own(Ledger::adopted(self.owner.command, files))),
                None => Err(self.refuse(format!("a folder with something else in it: {}", named(&others)))),
            },
        }
    }

    /// Of the folder; `None` where there is none.
    fn facts(&self) -> Result<Option<Metadata>> {
        match self.folder.metadata() {
            Ok(facts) if facts.is_dir() => Ok(Some(facts)),
            Ok(_) => Err(self.refuse("a file".into())),
            Err(error) if error.kind() == ErrorKind::NotFound => match self.folder.symlink_metadata() {
                Ok(_) => Err(self.refuse("a link to something that is not there".into())),
                Err(_) => Ok(None),
            },
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                Err(self.refuse("a file where a folder of the path would be".into()))
            }
            Err(error) => Err(Problem::io(self.folder, "looking into the folder", error)),
        }
    }

    /// Entries that are neither litter nor the lock nor the mark nor inputs that may be there.
    fn others(&self, out: &Path) -> Result<Vec<String>> {
        let places: Vec<PathBuf> =
            self.inputs.iter().filter(|input| input.may_lie_inside).map(|input| resolved(input.path)).collect();
        let mut others = Vec::new();
        for path in list(self.folder)? {
            let name = path.file_name().unwrap_or_default();
            let leads_to_input = places.iter().any(|place| place.starts_with(out.join(name)));
            let stays = match name.to_str() {
                Some(name) => LITTER.contains(&name) || self.is_bookkeeping(&path, name)?,
                None => false,
            };
            if !(leads_to_input || stays) {
                others.push(name.to_string_lossy().into_owned());
            }
        }
        Ok(others)
    }

    /// What a run leaves that was killed before it wrote anything: lock, mark, unfinished files.
    fn is_bookkeeping(&self, path: &Path, name: &str) -> Result<bool> {
        if is_unfinished(name) || name == self.owner.mark {
            return Ok(path.symlink_metadata().is_ok_and(|facts| facts.is_file()));
        }
        if name == self.owner.lock {
            return super::lock::is_lock(path);
        }
        // A folder of their own that holds nothing else.
        let folder = Path::new(self.owner.lock).parent().filter(|folder| *folder == Path::new(name));
        let own = [self.owner.lock, self.owner.mark].map(|name| self.folder.join(name));
        Ok(folder.is_some() && path.is_dir() && list(path)?.iter().all(|path| own.contains(path)))
    }

    fn require_apart(&self, out: &Path, input: &Input<'_>) -> Result<()> {
        let read = resolved(input.path);
        let what = || shown(&input.path.display().to_string()).into_owned();
        if *out == read {
            return Err(self.refuse(format!("what is read as well as what would be written: {}", what())));
        }
        if let Ok(relative) = out.strip_prefix(&read)
            && !input.room.is_some_and(|room| room(relative))
        {
            return Err(self.refuse(format!("a folder inside {}, which is read", what())));
        }
        if read.starts_with(out) && !input.may_lie_inside {
            return Err(self.refuse(format!("a folder that holds {}, which is read", what())));
        }
        Ok(())
    }

    fn refuse(&self, found: String) -> Problem {
        Problem::new(Kind::Usage, found)
            .at(self.folder)
            .expected(format!("a new or empty folder, or one that `rimforge {}` made", self.owner.command))
            .advice(self.elsewhere())
    }

    fn elsewhere(&self) -> &'static str {
        match self.owner.command {
            "run" => "name another folder as `out`; nothing was touched in this one",
            // It has no option for another.
            "report" | "read" => "move what lies there out of the folder; nothing was touched in it",
            _ => "choose another --out (of a study: another `out`); nothing was touched in this one",
        }
    }
}

fn named(entries: &[String]) -> String {
    let mut text = entries.iter().take(NAMED).map(|name| shown(name).into_owned()).collect::<Vec<_>>().join(", ");
    if entries.len() > NAMED {
        text += &format!(" and {} more", entries.len() - NAMED);
    }
    text
}

/// The path without links, relative parts and `..`, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let mut there = if path.is_absolute() { PathBuf::new() } else { std::env::current_dir().unwrap_or_default() };
    for part in path.components() {
        match part {
            Component::ParentDir => {
                there.pop();
            }
            Component::CurDir => {}
            part => there.push(part),
        }
        // A part that is a link must be followed before a `..` behind it is.
        if let Ok(real) = there.canonicalize() {
            there = real;
        }
    }
    there
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    const OWNER: Owner =
        Owner::of("generate", |folder| Ok(folder.join("old").is_file().then(|| vec!["old".to_owned()])));

    fn said(folder: &Path) -> String {
        let problem = OutFolder::new(OWNER, folder).claim().unwrap_err();
        assert_eq!(problem.kind(), Kind::Usage, "{problem}");
        problem.to_string()
    }

    #[test]
    fn what_is_empty_or_as_good_as_empty_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for name in ["empty", "litter", "linked to"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        std::fs::write(at("litter").join(".DS_Store"), b"x").unwrap();
        std::fs::create_dir(at("litter").join("lost+found")).unwrap();
        std::fs::write(at("litter").join(".lock"), b"12345").unwrap();
        std::fs::write(at("litter").join(".unfinished-x1y2z3"), b"half").unwrap();
        symlink(at("linked to"), at("link")).unwrap();
        for name in ["empty", "litter", "link", "new/deep"] {
            for _ in 0..2 {
                OutFolder::new(OWNER, &at(name)).claim().unwrap();
            }
            assert!(at(name).join(".rimforge.json").is_file(), "{name}");
        }
        assert!(!at("litter").join(".unfinished-x1y2z3").exists());
    }

    #[test]
    fn what_is_someone_elses_is_refused_and_left_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::write(at("file"), b"x").unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        assert!(said(&at("file")).contains("file: a file; expected a new or empty folder"));
        assert!(said(&at("file/below")).contains("a file where a folder of the path would be"));
        assert!(said(&at("dangling")).contains("a link to something that is not there"));
        for (name, file) in [("users", "notes.txt"), ("hidden", ".git"), ("recorded", "record.json"), ("lock", ".lock")]
        {
            std::fs::create_dir(at(name)).unwrap();
            std::fs::write(at(name).join(file), b"mine").unwrap();
            assert!(said(&at(name)).contains(&format!("something else in it: {file}")), "{}", said(&at(name)));
            assert_eq!(std::fs::read_dir(at(name)).unwrap().count(), 1);
            assert_eq!(std::fs::read(at(name).join(file)).unwrap(), b"mine");
        }
        assert!(!at("nowhere").exists());
    }

    #[test]
    fn a_folder_of_another_command_is_refused_unless_nothing_is_in_it() {
        let root = tempfile::tempdir().unwrap();
        let other = Owner { command: "prepare", ..OWNER };
        OutFolder::new(other, root.path()).claim().unwrap();
        OutFolder::new(OWNER, root.path()).claim().unwrap();
        std::fs::write(root.path().join("seed0001.npy"), b"x").unwrap();
        OutFolder::new(OWNER, root.path()).claim().unwrap();
        let problem = OutFolder::new(other, root.path()).claim().err().unwrap().to_string();
        assert!(problem.contains("a folder that `rimforge generate` writes into"), "{problem}");
    }

    #[test]
    fn a_folder_without_a_mark_is_known_by_what_an_earlier_version_left() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("old"), b"x").unwrap();
        std::fs::write(root.path().join("mine"), b"x").unwrap();
        let mut claim = OutFolder::new(OWNER, root.path()).claim().unwrap();
        claim.will_write(["old"]).unwrap();
        assert!(claim.will_write(["mine"]).is_err());
    }

    #[test]
    fn a_damaged_mark_is_named() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join(".rimforge.json"), b"{").unwrap();
        let problem = OutFolder::new(OWNER, root.path()).claim().err().unwrap().to_string();
        assert!(problem.contains(".rimforge.json: not a mark"), "{problem}");
    }

    #[test]
    fn inputs_and_the_folder_lie_apart_however_they_are_spelt() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("data/patches")).unwrap();
        std::fs::create_dir(at("empty")).unwrap();
        symlink(at("data"), at("link")).unwrap();
        let clash = |input: Input<'_>, out: &str| {
            OutFolder::new(OWNER, &at(out)).apart_from([input]).check().err().map(|problem| problem.to_string())
        };
        let data = at("data");
        for (out, says) in [
            ("data", "what is read as well"),
            ("empty/../data/.", "what is read as well"),
            ("link", "what is read as well"),
            ("link/new/deep", "a folder inside"),
            ("new/../data/x", "a folder inside"),
            (".", "a folder that holds"),
        ] {
            assert!(clash(Input::of(&data), out).is_some_and(|said| said.contains(says)), "{out}");
        }
        assert_eq!(clash(Input::of(&data), "data2"), None);
        let roomy = Input::of(&data).with_room(|relative| relative.starts_with("mine"));
        assert_eq!(clash(roomy, "data/mine/x"), None);
        assert!(clash(roomy, "data/other").is_some());
        std::fs::remove_file(at("link")).unwrap();
        std::fs::remove_dir(at("empty")).unwrap();
        assert_eq!(clash(Input::of(&data).or_inside(), "."), None);
        // A name that is no text is an entry like any other.
        std::fs::write(root.path().join(OsStr::from_bytes(b"mine\xff")), b"x").unwrap();
        assert!(clash(Input::of(&data).or_inside(), ".").is_some_and(|said| said.contains("something else in it")));
    }
}
