//! What of a study is to be done: all of it, what a stage needs and the stage, a share of a stage, or a list.
//!
//! A recipe walks its stages in order, whatever the errand; [`super::cache::Stages`] asks the errand what to do with
//! each. So a shard reaches its stage by the keys and records by which a run of the whole would.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::files::{Input, OutFolder};
use crate::problem::{Kind, Problem, Result};
use crate::records::units::{PlanRecord, ShardRecord, UnitRecord};
use crate::run_dir::{RECORD, StudyDir};
use crate::units::{self, Part, Ready, Share, Shelf, Unit};

/// What is to be done.
#[derive(Clone, Debug)]
pub enum What {
    /// All that is not done yet.
    Run,
    /// Of a stage what it needs, and the stage itself.
    Until(String),
    /// Of a stage what it needs, and not the stage itself.
    Before(String),
    /// What shards made is put in place; nothing that is missing is made.
    Merge {
        /// The last stage; all where none is named.
        until: Option<String>,
        /// Folders of units beside the study's own.
        from: Vec<PathBuf>,
        /// How long units are waited for in all.
        patience: Duration,
    },
    /// A share of a stage's units.
    Shard {
        /// Which stage.
        stage: String,
        /// Which units.
        part: Part,
        /// Folder for them; the study's own folder of units where none is named.
        out: Option<PathBuf>,
    },
    /// A list of all units.
    Plan,
}

/// A stage as the recipe knows it before it runs.
pub struct Planned {
    /// "project".
    pub stage: &'static str,
    /// Stages whose results it reads, or that come before it.
    pub needs: Vec<&'static str>,
    /// Of its results.
    pub folder: PathBuf,
    /// Whether it can be made in units, and which they are, where the settings alone say so.
    pub units: Units,
}

/// What is known of a stage's units before anything has run.
pub enum Units {
    /// It is made as a whole.
    Whole,
    /// Which they are hangs on results of stages before.
    Found,
    /// These.
    Known(Vec<Unit>),
}

/// A stage as it was met on the way.
struct Met {
    stage: &'static str,
    key: String,
    done: bool,
    /// Of a stage that can be made in units.
    units: Option<Vec<Unit>>,
}

/// What is to be done with a stage.
pub(super) enum Doing {
    /// All of it; what is ready is taken in.
    Work(Ready),
    /// It is to be done already, or else it is one that a merge lacks, or that a shard would need.
    Read,
    /// A share of its units.
    Share(Box<Share>),
    /// Its units are listed.
    List,
    /// Nothing: the errand ends here.
    Leave,
}

/// An errand on its way through a recipe.
pub struct Errand {
    what: What,
    begun: Instant,
    dir: RefCell<Option<StudyDir>>,
    outline: RefCell<Vec<Planned>>,
    met: RefCell<Vec<Met>>,
    shared: RefCell<Option<ShardRecord>>,
    /// All that was to be done is done; the rest of the recipe is left out.
    ended: Cell<bool>,
}

impl Errand {
    /// Nothing is done yet.
    pub fn new(what: What) -> Self {
        Self {
            what,
            begun: Instant::now(),
            dir: RefCell::default(),
            outline: RefCell::default(),
            met: RefCell::default(),
            shared: RefCell::default(),
            ended: Cell::new(false),
        }
    }

    /// Told by the recipe which stages there are, in their order, and which folders it reads.
    ///
    /// # Errors
    /// `Kind::Usage`: no such stage, one that cannot be made in units, or a folder for units that is not one.
    pub fn begin(&self, dir: &StudyDir, outline: Vec<Planned>, inputs: &[Input<'_>]) -> Result<()> {
        let named = |planned: &[&Planned]| planned.iter().map(|p| p.stage).collect::<Vec<_>>().join(", ");
        match &self.what {
            What::Shard { stage, .. } => {
                let divisible: Vec<&Planned> = outline.iter().filter(|p| p.is_divisible()).collect();
                if !divisible.iter().any(|planned| planned.stage == stage) {
                    return Err(Problem::usage(format!("--stage {stage} with --shard"))
                        .expected(format!("a stage of this study that is made in units: {}", named(&divisible)))
                        .advice("the others are made as a whole: `rimforge run STUDY --until STAGE`"));
                }
            }
            What::Until(stage) | What::Before(stage) | What::Merge { until: Some(stage), .. }
                if !outline.iter().any(|planned| planned.stage == stage) =>
            {
                return Err(Problem::usage(format!("\"{stage}\" is no stage of this study"))
                    .expected(format!("one of {}", named(&outline.iter().collect::<Vec<_>>())))
                    .advice(
                        "a stage that a study can do without is made where the study has its section, as [segment]",
                    ));
            }
            _ => {}
        }
        let root = Input::of(dir.root());
        match &self.what {
            What::Shard { out: Some(out), .. } => {
                OutFolder::new(units::OWNER, out).apart_from(inputs.iter().copied().chain([root])).share()?;
            }
            What::Shard { out: None, .. } => OutFolder::new(units::OWNER, &dir.units()).check()?,
            What::Merge { from, .. } => from.iter().try_for_each(|folder| require_folder(folder))?,
            _ => {}
        }
        *self.outline.borrow_mut() = outline;
        *self.dir.borrow_mut() = Some(dir.clone());
        Ok(())
    }

    /// Whether the study's folder is only read: nothing is simulated, prepared, set aside or swept in it.
    pub fn only_reads(&self) -> bool {
        matches!(self.what, What::Shard { .. } | What::Plan)
    }

    /// Whether the errand goes past the stage of this name: nothing that it is for needs it.
    pub fn passes(&self, stage: &str) -> bool {
        let goal = match &self.what {
            What::Run | What::Merge { until: None, .. } | What::Plan => return false,
            What::Until(goal) | What::Before(goal) => goal,
            What::Merge { until: Some(goal), .. } | What::Shard { stage: goal, .. } => goal,
        };
        !needed(&self.outline.borrow(), goal).contains(stage)
    }

    /// What a part of the recipe came to that the errand can do without: `None` where it ended in it, listing units.
    ///
    /// # Errors
    /// Those of the part.
    pub fn aside<T>(&self, went: Result<T>) -> Result<Option<T>> {
        match went {
            Err(_) if matches!(self.what, What::Plan) && self.ended.replace(false) => Ok(None),
            went => went.map(Some),
        }
    }

    /// What the recipe came to; `None` where the errand was for less, and that is done.
    ///
    /// # Errors
    /// Those of the recipe.
    pub fn outcome<T>(&self, went: Result<T>) -> Result<Option<T>> {
        match went {
            Err(_) if self.ended.get() => Ok(None),
            went => went.map(Some),
        }
    }

    /// What is to be done with a stage; a stage that is done before (`kept`) is read, whatever the errand.
    pub(super) fn of(&self, stage: &'static str, key: &str) -> Result<Doing> {
        let shelf = Shelf::new(stage, key);
        Ok(match &self.what {
            What::Before(goal) if goal == stage => Doing::Leave,
            What::Run | What::Until(_) | What::Before(_) if self.is_divisible(stage) => {
                Doing::Work(Ready::new(shelf, vec![self.units_folder()]))
            }
            What::Run | What::Until(_) | What::Before(_) => Doing::Work(Ready::NONE),
            What::Merge { from, patience, .. } if self.is_divisible(stage) => {
                let roots = [self.units_folder()].into_iter().chain(from.iter().cloned()).collect();
                let ready = Ready::new(shelf, roots).only(self.begun + *patience);
                ready.require_key(from)?;
                Doing::Work(ready)
            }
            What::Shard { stage: goal, part, out } if goal == stage => {
                let own = self.units_folder();
                let (out, others) = match out {
                    Some(out) => (out.clone(), vec![own]),
                    None => {
                        OutFolder::new(units::OWNER, &own).share()?;
                        (own, vec![])
                    }
                };
                Doing::Share(Box::new(Share::new(shelf, *part, out, others)))
            }
            What::Plan => Doing::List,
            What::Merge { .. } | What::Shard { .. } => Doing::Read,
        })
    }

    /// Whether the keys of the stage are not to be trusted: a plan went past one that it needs and that is not done.
    pub(super) fn is_unknown(&self, stage: &str) -> bool {
        let needed = needed(&self.outline.borrow(), stage);
        self.met.borrow().iter().any(|met| met.stage != stage && !met.done && needed.contains(met.stage))
    }

    /// Notes a stage on the way.
    pub(super) fn meet(&self, stage: &'static str, key: &str, done: bool, units: Option<Vec<Unit>>) {
        self.met.borrow_mut().push(Met { stage, key: key.to_owned(), done, units });
    }

    /// Whether the errand ends behind this stage, which is done now.
    pub(super) fn ends_with(&self, stage: &str) -> bool {
        match &self.what {
            What::Until(goal) | What::Merge { until: Some(goal), .. } | What::Shard { stage: goal, .. } => {
                goal == stage
            }
            What::Run | What::Before(_) | What::Merge { until: None, .. } | What::Plan => false,
        }
    }

    /// Leaves the recipe: what the errand was for is done.
    pub(super) fn end(&self) -> Problem {
        self.ended.set(true);
        Problem::new(Kind::Internal, "the recipe went on behind the end of its errand")
    }

    /// The stage is not done, and it is not for this errand to do it.
    pub(super) fn lacks(&self, stage: &str, folder: &Path) -> Problem {
        let (kind, expected, advice) = match &self.what {
            What::Merge { .. } => (
                Kind::Gate,
                "all stages done that are not made in units",
                "a merge computes nothing: `rimforge run` does what is missing",
            ),
            _ => (
                Kind::Usage,
                "every stage before this one done, for these settings and inputs",
                "a shard does no stage but its own: do it before, once, with `rimforge run STUDY --before STAGE`, STAGE being the shard's",
            ),
        };
        Problem::new(kind, format!("the stage {stage} is not done")).at(folder).expected(expected).advice(advice)
    }

    /// Notes what a share came to.
    pub(super) fn share_done(&self, stage: &str, key: &str, share: Option<Share>) {
        let What::Shard { part, out, .. } = &self.what else { return };
        let told = share.map(Share::into_told).unwrap_or_default();
        let names = |names: &[crate::name::Name]| names.iter().map(ToString::to_string).collect();
        *self.shared.borrow_mut() = Some(ShardRecord {
            stage: stage.to_owned(),
            key: key.to_owned(),
            shard: part.to_string(),
            folder: out.clone().unwrap_or_else(|| self.units_folder()).to_string_lossy().into_owned(),
            units: names(&told.own),
            made: names(&told.made),
        });
    }

    /// What a shard made.
    pub fn shared(&self) -> Option<ShardRecord> {
        self.shared.borrow().clone()
    }

    /// The list of all units of the study `name`, after a walk through its recipe.
    pub fn plan(&self, name: &str) -> PlanRecord {
        let met = self.met.borrow();
        let of_stage = |planned: &Planned| {
            let met = met.iter().find(|met| met.stage == planned.stage);
            self.units_of(planned, met)
        };
        let out = self.dir.borrow().as_ref().map_or_else(String::new, |dir| dir.root().to_string_lossy().into_owned());
        PlanRecord { name: name.to_owned(), out, units: self.outline.borrow().iter().flat_map(of_stage).collect() }
    }

    fn units_of(&self, planned: &Planned, met: Option<&Met>) -> Vec<UnitRecord> {
        let key = met.map(|met| met.key.clone());
        let stage_done = met.is_some_and(|met| met.done);
        let record = UnitRecord {
            id: planned.stage.to_owned(),
            stage: planned.stage.to_owned(),
            key: key.clone(),
            needs: planned.needs.iter().map(|&need| need.to_owned()).collect(),
            output: None,
            done: stage_done,
            shard: planned.is_divisible(),
            items: vec![],
        };
        let listed = met.and_then(|met| met.units.as_ref());
        let units = match (listed, &planned.units) {
            (Some(units), _) | (None, Units::Known(units)) => units,
            (None, Units::Found) => return vec![UnitRecord { id: format!("{}/*", planned.stage), ..record }],
            (None, Units::Whole) => {
                let output = planned.folder.join(RECORD).to_string_lossy().into_owned();
                return vec![UnitRecord { output: Some(output), ..record }];
            }
        };
        let unit = |unit: &Unit| {
            let (root, shelf) = (self.units_folder(), key.as_ref().map(|key| Shelf::new(planned.stage, key)));
            let is_there = shelf.as_ref().is_some_and(|shelf| shelf.looks_whole(&root, &unit.name));
            let output = shelf.map(|shelf| shelf.file(&root, &unit.name));
            UnitRecord {
                id: format!("{}/{}", planned.stage, unit.name),
                done: stage_done || is_there,
                output: output.map(|output| output.to_string_lossy().into_owned()),
                items: unit.items.clone(),
                ..record.clone()
            }
        };
        units.iter().map(unit).collect()
    }

    fn is_divisible(&self, stage: &str) -> bool {
        self.outline.borrow().iter().any(|planned| planned.stage == stage && planned.is_divisible())
    }

    fn units_folder(&self) -> PathBuf {
        self.dir.borrow().as_ref().map(StudyDir::units).unwrap_or_default()
    }
}

impl Planned {
    /// A stage that is made as a whole.
    pub fn whole(stage: &'static str, folder: PathBuf, needs: &[&'static str]) -> Self {
        Self { stage, needs: needs.to_vec(), folder, units: Units::Whole }
    }

    /// A stage that is made in units.
    pub fn in_units(stage: &'static str, folder: PathBuf, needs: &[&'static str], units: Units) -> Self {
        Self { stage, needs: needs.to_vec(), folder, units }
    }

    fn is_divisible(&self) -> bool {
        !matches!(self.units, Units::Whole)
    }
}

/// The stages that `goal` needs, and itself.
fn needed(outline: &[Planned], goal: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = vec![goal];
    while let Some(stage) = open.pop() {
        if let Some(planned) = outline.iter().find(|planned| planned.stage == stage)
            && found.insert(planned.stage)
        {
            open.extend(&planned.needs);
        }
    }
    found
}

fn require_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(Problem::usage("no folder").at(folder).expected("a folder that `rimforge run --shard-out` left"))
}
