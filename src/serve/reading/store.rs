//! The database of answers: one file, in which an answer that was acknowledged survives whatever happens to the process
//! or the machine.
//!
//! SQLite works with its rollback journal (one file at rest, which network disks can hold, too) and waits for the disk
//! (`synchronous = EXTRA`): a commit returns when file and folder are on it. Nothing is ever deleted: an answer that
//! is taken back is marked so.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::config::ReadConfig;
use super::faults;
use super::items::Items;
use super::journal;
use crate::files;
use crate::name::{Name, shortened, shown};
use crate::problem::{Problem, Result};
use crate::records::reading::Task;

/// Tells the database from those of other programs: "rfrd".
const APPLICATION: i64 = 0x7266_7264;

/// Version of the tables.
const SCHEMA: i64 = 1;

/// Bytes of the database, at most: a reader's answers to the most questions there are take 1 MB.
const MOST_BYTES: u64 = 64 << 20;

/// Readers, at most.
const MOST_READERS: usize = 1000;

/// How long another program that looks into the database is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

const TABLES: &str = "
CREATE TABLE study (
  one INTEGER PRIMARY KEY CHECK (one = 1), settings TEXT NOT NULL, list_sha256 TEXT NOT NULL, program TEXT NOT NULL,
  begun TEXT NOT NULL
) STRICT;
CREATE TABLE item (
  number INTEGER PRIMARY KEY, source TEXT NOT NULL, id TEXT NOT NULL, slice INTEGER, patient TEXT NOT NULL,
  sha256 TEXT NOT NULL
) STRICT;
CREATE TABLE answer (
  serial INTEGER PRIMARY KEY, reader TEXT NOT NULL, question INTEGER NOT NULL, task TEXT NOT NULL,
  item INTEGER NOT NULL REFERENCES item (number), again INTEGER NOT NULL, yes INTEGER NOT NULL,
  milliseconds INTEGER NOT NULL, given TEXT NOT NULL, withdrawn TEXT
) STRICT;
CREATE UNIQUE INDEX one_answer ON answer (reader, question) WHERE withdrawn IS NULL;
";

/// UTC, as every time in the database.
const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";

/// A reader's answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Number of the question in the reader's order.
    pub question: usize,
    /// What was asked.
    pub task: Task,
    /// Number of the image.
    pub item: usize,
    /// The image came the second time.
    pub again: bool,
    /// Real, or of the class of interest.
    pub yes: bool,
    /// From the picture to the answer.
    pub milliseconds: u32,
}

/// What a reader has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// As given on the command line.
    pub name: Name,
    /// Those that stand, by question.
    pub answers: Vec<Answer>,
    /// Answers that were taken back.
    pub withdrawn: u64,
}

/// The database, open.
pub struct Store {
    db: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens the database at `path`, which is made where there is none.
    ///
    /// # Errors
    /// A damaged file, one of another program or version or of more than 64 MiB, one that has other tables, views or
    /// triggers than this program makes, a locked one, or a disk that does not take it.
    pub fn open(path: &Path) -> Result<Self> {
        if let Ok(facts) = path.symlink_metadata() {
            let refused = |found: String| Problem::input(path, found).expected("the answers of a reader study");
            if !facts.is_file() {
                return Err(refused("not a file".into()));
            }
            if facts.len() > MOST_BYTES {
                return Err(refused(format!("{} bytes", facts.len())).expected(format!("at most {MOST_BYTES}")));
            }
        }
        journal::require_own(path, MOST_BYTES)?;
        let mut store = Self::connect(path).map_err(|error| faults::told(path, "opening", error))?;
        store.make_tables()?;
        Ok(store)
    }

    fn connect(path: &Path) -> rusqlite::Result<Self> {
        // A path is no address: "file:x" is a folder of that name.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(PATIENCE)?;
        db.pragma_update(None, "synchronous", "EXTRA")?;
        db.pragma_update(None, "foreign_keys", "ON")?;
        db.pragma_update(None, "trusted_schema", "OFF")?;
        db.pragma_update(None, "cell_size_check", "ON")?;
        Ok(Self { db, path: path.to_owned() })
    }

    fn make_tables(&mut self) -> Result<()> {
        let number = |store: &Self, pragma: &str| {
            store.sql("reading", |db| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)))
        };
        let tables = self
            .sql("reading", |db| db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)))?;
        match (number(self, "application_id")?, number(self, "user_version")?) {
            // New, or made by a run that was killed before it wrote anything.
            (0, 0) if tables == 0 => self.change("making the tables", |change| {
                change.execute_batch(TABLES)?;
                change.pragma_update(None, "application_id", APPLICATION)?;
                change.pragma_update(None, "user_version", SCHEMA)
            }),
            (APPLICATION, SCHEMA) => {
                self.require_tables()?;
                self.require_whole()
            }
            (APPLICATION, version) => Err(Problem::input(&self.path, format!("answers in layout {version}"))
                .expected(format!("layout {SCHEMA}"))
                .advice("read them with the version of rimforge that wrote them")),
            _ => Err(Problem::input(&self.path, "a database of another program")
                .expected("the answers of a reader study")
                .advice("move it out of the folder; nothing was written to it")),
        }
    }

    /// A view computes what it shows, perhaps without end, and a trigger changes what is kept: nothing but the tables
    /// that this program makes is worked with.
    fn require_tables(&self) -> Result<()> {
        let of = |db: &Connection| -> rusqlite::Result<Vec<[Option<String>; 3]>> {
            let mut select = db.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?;
            select.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?.collect()
        };
        let own = self.sql("making the tables", |_| {
            let fresh = Connection::open_in_memory()?;
            fresh.execute_batch(TABLES)?;
            of(&fresh)
        })?;
        let found = self.sql("reading", of)?;
        match found
            .iter()
            .find(|entry| !own.contains(entry))
            .or_else(|| own.iter().find(|entry| !found.contains(entry)))
        {
            None => Ok(()),
            Some([kind, name, _]) => {
                let text = |part: &Option<String>| part.clone().unwrap_or_default();
                let what = format!("{} \"{}\"", text(kind), shown(&shortened(&text(name))));
                Err(faults::damaged(&self.path, &format!("the {what} is not as this program makes it")))
            }
        }
    }

    fn require_whole(&self) -> Result<()> {
        let said: String = self.sql("checking", |db| db.pragma_query_value(None, "quick_check", |row| row.get(0)))?;
        if said == "ok" { Ok(()) } else { Err(faults::damaged(&self.path, &said)) }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How the study is composed that the answers belong to, with the hash of its list; `None` in a new database.
    ///
    /// # Errors
    /// Settings that this version cannot read.
    pub fn study(&self) -> Result<Option<(ReadConfig, String)>> {
        let row = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let found =
            self.sql("reading", |db| db.query_row("SELECT settings, list_sha256 FROM study", [], row).optional())?;
        let Some((settings, list)) = found else { return Ok(None) };
        let config = files::parse_json(&self.path, settings.as_bytes(), "the settings of a reader study")?;
        Ok(Some((config, list)))
    }

    /// Notes what the answers to come will belong to.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn begin(&mut self, config: &ReadConfig, items: &Items) -> Result<()> {
        let (settings, list) = (files::json_line(config)?, items.sha256()?);
        self.change("writing the list of images", |change| {
            let study = format!("INSERT INTO study VALUES (1, ?1, ?2, ?3, {NOW})");
            change.execute(&study, params![settings, list, env!("CARGO_PKG_VERSION")])?;
            let mut insert = change.prepare("INSERT INTO item VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for (number, item) in items.list.iter().enumerate() {
                let source = item.source.name();
                insert.execute(params![
                    number as i64,
                    source,
                    item.id.as_str(),
                    item.slice,
                    item.group,
                    item.sha256
                ])?;
            }
            Ok(())
        })
    }

    /// Keeps an answer; when this returns, it is on the disk.
    ///
    /// # Errors
    /// A disk that does not take it, a locked database; the question has an answer already. Nothing is kept then.
    pub fn add(&mut self, reader: &Name, answer: &Answer) -> Result<()> {
        let Answer { question, task, item, again, yes, milliseconds } = *answer;
        let [question, item] = [question, item].map(|number| number as i64);
        self.change("keeping an answer", |change| {
            let insert = format!(
                "INSERT INTO answer (reader, question, task, item, again, yes, milliseconds, given) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, {NOW})"
            );
            change.execute(&insert, params![reader.as_str(), question, task.name(), item, again, yes, milliseconds])?;
            Ok(())
        })
    }

    /// Marks the answer to a question as taken back.
    ///
    /// # Errors
    /// As [`Store::add`].
    pub fn withdraw(&mut self, reader: &Name, question: usize) -> Result<()> {
        self.change("taking back an answer", |change| {
            let mark = format!(
                "UPDATE answer SET withdrawn = {NOW} WHERE reader = ?1 AND question = ?2 AND withdrawn IS NULL"
            );
            change.execute(&mark, params![reader.as_str(), question as i64])?;
            Ok(())
        })
    }

    /// What a reader has answered, nothing perhaps.
    ///
    /// # Errors
    /// Answers that this program cannot have written.
    pub fn reader(&self, name: &Name) -> Result<Reader> {
        let count = "SELECT count(*) FROM answer WHERE reader = ?1 AND withdrawn IS NOT NULL";
        let withdrawn: u32 = self.sql("reading", |db| db.query_row(count, [name.as_str()], |row| row.get(0)))?;
        self.reader_with(name, u64::from(withdrawn))
    }

    fn reader_with(&self, name: &Name, withdrawn: u64) -> Result<Reader> {
        let row = |row: &Row<'_>| -> rusqlite::Result<(String, Answer)> {
            let number = |at: usize| row.get::<_, u32>(at);
            let truth = |at: usize| match row.get::<_, i64>(at)? {
                0 => Ok(false),
                1 => Ok(true),
                other => Err(rusqlite::Error::IntegralValueOutOfRange(at, other)),
            };
            let answer = Answer {
                question: number(0)? as usize,
                task: Task::Origin,
                item: number(2)? as usize,
                again: truth(3)?,
                yes: truth(4)?,
                milliseconds: number(5)?,
            };
            Ok((row.get(1)?, answer))
        };
        let rows: Vec<(String, Answer)> = self.sql("reading", |db| {
            let mut select = db.prepare(
                "SELECT question, task, item, again, yes, milliseconds FROM answer \
                 WHERE reader = ?1 AND withdrawn IS NULL ORDER BY question",
            )?;
            select.query_map([name.as_str()], row)?.collect()
        })?;
        let answers = rows.into_iter().map(|(task, answer)| {
            let known = Task::ALL.into_iter().find(|known| known.name() == task);
            let task = known.ok_or_else(|| faults::damaged(&self.path, &format!("a task \"{task}\"")))?;
            Ok(Answer { task, ..answer })
        });
        Ok(Reader { name: name.clone(), answers: answers.collect::<Result<_>>()?, withdrawn })
    }

    /// Everybody with an answer, in the order of their names.
    ///
    /// # Errors
    /// As [`Store::reader`]; more readers than 1000.
    pub fn readers(&self) -> Result<Vec<Reader>> {
        let names: Vec<String> = self.sql("reading", |db| {
            let select = format!("SELECT DISTINCT reader FROM answer ORDER BY reader LIMIT {}", MOST_READERS + 1);
            db.prepare(&select)?.query_map([], |row| row.get(0))?.collect()
        })?;
        if names.len() > MOST_READERS {
            return Err(faults::damaged(&self.path, &format!("answers of more than {MOST_READERS} readers")));
        }
        let withdrawn: HashMap<String, u32> = self.sql("reading", |db| {
            let count = "SELECT reader, count(*) FROM answer WHERE withdrawn IS NOT NULL GROUP BY reader";
            db.prepare(count)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        let reader = |text: String| {
            let name = Name::new(text).map_err(|fault| faults::damaged(&self.path, &fault))?;
            let withdrawn = withdrawn.get(name.as_str()).copied().unwrap_or_default();
            self.reader_with(&name, u64::from(withdrawn))
        };
        names.into_iter().map(reader).collect()
    }

    fn sql<T>(&self, doing: &str, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.db).map_err(|error| faults::told(&self.path, doing, error))
    }

    /// All of `work` or nothing.
    fn change(&mut self, doing: &str, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<()> {
        let begun = self.db.transaction_with_behavior(TransactionBehavior::Immediate);
        let done = begun.and_then(|change| work(&change).and_then(|()| change.commit()));
        done.map_err(|error| faults::told(&self.path, doing, error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::items::tests::made_up;
    use super::*;
    use crate::problem::Kind;

    fn answer(question: usize) -> Answer {
        Answer {
            question,
            task: Task::Class,
            item: question % 5,
            again: false,
            yes: question.is_multiple_of(2),
            milliseconds: 900,
        }
    }

    fn begun(path: &Path) -> Store {
        let mut store = Store::open(path).unwrap();
        store.begin(&ReadConfig::default(), &made_up(5)).unwrap();
        store
    }

    #[test]
    fn answers_come_back_and_what_was_taken_back_is_kept_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.sqlite");
        assert_eq!(Store::open(&path).unwrap().study().unwrap(), None);
        let mut store = begun(&path);
        let (a, b) = (Name::of_known("a"), Name::of_known("b"));
        for question in 0..4 {
            store.add(&a, &answer(question)).unwrap();
        }
        store.add(&b, &answer(0)).unwrap();
        assert!(store.add(&a, &answer(3)).is_err(), "a question has one answer");
        store.withdraw(&a, 3).unwrap();
        store.add(&a, &Answer { yes: true, ..answer(3) }).unwrap();
        drop(store);
        let store = Store::open(&path).unwrap();
        let (config, list) = store.study().unwrap().unwrap();
        assert_eq!((config, list), (ReadConfig::default(), made_up(5).sha256().unwrap()));
        let readers = store.readers().unwrap();
        assert_eq!(readers.iter().map(|reader| reader.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let expected = [answer(0), answer(1), answer(2), Answer { yes: true, ..answer(3) }];
        assert_eq!((readers[0].answers.as_slice(), readers[0].withdrawn), (&expected[..], 1));
        assert_eq!(store.reader(&Name::of_known("c")).unwrap().answers, []);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "one file at rest");
    }

    #[test]
    fn a_database_that_another_program_holds_is_told_and_nothing_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.sqlite");
        let mut store = begun(&path);
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let a = Name::of_known("a");
        let problem = store.add(&a, &answer(0)).unwrap_err();
        assert!(
            problem.kind() == Kind::Environment && problem.to_string().contains("another program holds"),
            "{problem}"
        );
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(store.reader(&a).unwrap().answers, []);
        store.add(&a, &answer(0)).unwrap();
    }

    #[test]
    fn a_full_database_is_told_and_the_answers_before_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = begun(&folder.path().join("answers.sqlite"));
        let pages: i64 = store.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        store.db.pragma_update_and_check(None, "max_page_count", pages + 1, |_| Ok(())).unwrap();
        let a = Name::of_known(&"a".repeat(150));
        let kept = (0..1000).take_while(|&question| match store.add(&a, &answer(question)) {
            Ok(()) => true,
            Err(problem) => {
                assert!(
                    problem.kind() == Kind::Environment && problem.to_string().contains("free some space"),
                    "{problem}"
                );
                false
            }
        });
        let kept = kept.count();
        assert!((1..1000).contains(&kept), "{kept}");
        assert_eq!(store.reader(&a).unwrap().answers.len(), kept);
    }

    #[test]
    fn what_is_no_such_database_is_refused_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.sqlite");
        let refused = |says: &str| {
            let before = std::fs::read(&path).unwrap();
            let Err(problem) = Store::open(&path) else { panic!("{says}") };
            assert!(problem.kind() == Kind::Input && problem.to_string().contains(says), "{says}: {problem}");
            assert_eq!(std::fs::read(&path).unwrap(), before);
        };
        std::fs::write(
            &path,
            b"no database at all, but long enough for SQLite to look at its first hundred bytes or so",
        )
        .unwrap();
        refused("damaged");
        std::fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
        refused("of another program");
        std::fs::remove_file(&path).unwrap();
        drop(begun(&path));
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
        refused("layout 2");
        // What SQLite would run or read without end.
        let spoiled = |sql: &str, says: &str| {
            std::fs::remove_file(&path).unwrap();
            drop(begun(&path));
            Connection::open(&path).unwrap().execute_batch(sql).unwrap();
            refused(says);
        };
        let endless = "WITH RECURSIVE r (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r)";
        let columns = "'a' AS reader, i AS question, 'class' AS task, 0 AS item, 0 AS again, 1 AS yes, 1 AS milliseconds, \
                       'x' AS given, NULL AS withdrawn";
        spoiled(
            &format!("DROP TABLE answer; CREATE VIEW answer AS {endless} SELECT {columns} FROM r"),
            "the view \"answer\" is not",
        );
        spoiled(
            "CREATE TRIGGER mine AFTER INSERT ON answer BEGIN DELETE FROM answer; END",
            "the trigger \"mine\" is not",
        );
        spoiled("CREATE TABLE more (x)", "the table \"more\" is not");
        spoiled("DROP INDEX one_answer", "the index \"one_answer\" is not");
        std::fs::remove_file(&path).unwrap();
        drop(begun(&path));
        std::fs::File::options().write(true).open(&path).unwrap().set_len(6 << 30).unwrap();
        let Err(problem) = Store::open(&path) else { panic!("6 GiB of nothing") };
        assert!(problem.kind() == Kind::Input && problem.to_string().contains("at most 67108864"), "{problem}");
    }

    #[test]
    fn values_and_readers_that_were_not_written_here_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.sqlite");
        let said = |values: &str| {
            let _ = std::fs::remove_file(&path);
            let store = begun(&path);
            let columns = "reader, question, task, item, again, yes, milliseconds, given";
            store.db.execute_batch(&format!("INSERT INTO answer ({columns}) {values}")).unwrap();
            store.readers().map_err(|problem| problem.to_string())
        };
        assert_eq!(said("VALUES ('a', 0, 'class', 0, 0, 1, 9, 'x')").unwrap().len(), 1);
        for values in ["'a', 0, 'class', 0, 0, 7, 9, 'x'", "'a', 0, 'class', 0, 5, 1, 9, 'x'"] {
            assert!(said(&format!("VALUES ({values})")).unwrap_err().contains("out of range"));
        }
        let many = |most: usize| {
            format!(
                "WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < {most}) \
                 SELECT 'r' || i, 0, 'class', 0, 0, 1, 9, 'x' FROM r"
            )
        };
        assert_eq!(said(&many(1000)).unwrap().len(), 1000);
        assert!(said(&many(1001)).unwrap_err().contains("more than 1000 readers"));
    }

    /// Every page of the file overwritten in turn, and the file cut at every page: no panic, and either it is told or
    /// the answers are those that were given.
    #[test]
    fn a_damaged_database_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.sqlite");
        let mut store = begun(&path);
        let a = Name::of_known("a");
        (0..200).for_each(|question| store.add(&a, &answer(question)).unwrap());
        let expected = store.reader(&a).unwrap();
        drop(store);
        let whole = std::fs::read(&path).unwrap();
        let read = || Store::open(&path).and_then(|store| store.study().and_then(|_| store.reader(&a)));
        let mut told = 0;
        for page in 0..whole.len() / 4096 {
            let mut spoiled = whole.clone();
            spoiled[page * 4096..][..4096].iter_mut().enumerate().for_each(|(at, byte)| *byte ^= (at % 251) as u8);
            for bytes in [&spoiled[..], &whole[..page * 4096 + 100]] {
                std::fs::write(&path, bytes).unwrap();
                match read() {
                    Ok(found) => assert!(found == expected, "page {page}"),
                    Err(problem) => {
                        assert!(
                            problem.kind() == Kind::Input && problem.to_string().contains("answers.sqlite"),
                            "{problem}"
                        );
                        told += 1;
                    }
                }
            }
        }
        assert!(told > 5, "{told}");
    }
}
