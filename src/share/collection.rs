//! What of a data set, and of images drawn beside it, goes out: which examples, whose they are, and on which side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::drawn::DrawnSet;
use super::target::{Target, Task};
use super::{folds, stop_if_asked};
use crate::data::AnyPrepared;
use crate::data::manifest::{Class, Items, Lesion, Split};
use crate::name::Name;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// A prepared data set.
    pub data: &'a Path,
    /// Folders of `generate`.
    pub synthetic: &'a [PathBuf],
    /// What labels say; what the data set has, unless told.
    pub target: Option<Target>,
    /// Whole patches in place of the slices that networks see.
    pub whole: bool,
    /// Folds over the patients of the training and validation sides; the data set's sides, unless told.
    pub folds: Option<u32>,
    /// Folds are drawn from it.
    pub seed: RunSeed,
    /// Images of networks that knew other or unknown data may be taken.
    pub trust_origin: bool,
}

/// Where an example may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Learnt from; in one of the folds, where there are any.
    Training(Option<u32>),
    /// For choices.
    Validation,
    /// Scored once.
    Test,
}

/// Where an example comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Lesion of the manifest, and the slice of its patch; none for the whole patch.
    Real(u32, Option<u32>),
    /// Folder of drawn images, and the image in it.
    Drawn(usize, usize),
}

/// An example that is not read yet.
#[derive(Clone, Debug)]
pub struct Case {
    /// "sub-001_lesion-003_z12", "synthetic-seed0007".
    pub name: Name,
    /// Whose it is; nobody's if drawn.
    pub patient: Option<String>,
    /// Where known.
    pub class: Option<Class>,
    /// Where it may be used.
    pub place: Place,
    /// Where it comes from.
    pub origin: Origin,
}

impl Case {
    /// Drawn by a network.
    pub fn is_drawn(&self) -> bool {
        matches!(self.origin, Origin::Drawn(..))
    }
}

/// All that goes out.
#[derive(Debug)]
pub struct Collection {
    /// The data set.
    pub data: AnyPrepared,
    /// What labels say.
    pub task: Task,
    /// Folders of drawn images.
    pub drawn: Vec<DrawnSet>,
    /// In the data set's order, drawn ones last.
    pub cases: Vec<Case>,
    /// How many folds there are.
    pub folds: Option<u32>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Whole patches or volumes in place of slices.
    pub whole: bool,
}

impl Collection {
    /// Opens the data set and the drawn images, and settles what goes where.
    ///
    /// # Errors
    /// No usable data, a target that they do not have, drawn images of other data or that do not fit, folds that cannot
    /// be, or stopped on request.
    pub fn open(wanted: &Wanted<'_>, observer: &dyn Observer) -> Result<Self> {
        let data = AnyPrepared::open(wanted.data)?;
        let whole = wanted.whole || data.manifest().items == Items::Volumes;
        let task = Task::of(&data, wanted.target)?;
        require_possible(wanted, &data, &task, whole)?;
        let open = |folder: &PathBuf| DrawnSet::open(folder, &data, wanted.trust_origin);
        let drawn = wanted.synthetic.iter().map(open).collect::<Result<Vec<_>>>()?;
        let notes = drawn.iter().flat_map(|set| set.notes.clone()).collect();
        let mut all = Self { data, task, drawn, cases: vec![], folds: wanted.folds, notes, whole };
        all.add_real(observer)?;
        if let Some(folds) = wanted.folds {
            all.deal(folds, wanted.seed)?;
        }
        all.add_drawn(observer)?;
        all.check()?;
        Ok(all)
    }

    /// The items of the data set that can be learnt from.
    fn add_real(&mut self, observer: &dyn Observer) -> Result<()> {
        let manifest = self.data.manifest();
        let mut slices: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        manifest.slices.iter().for_each(|slice| slices.entry(slice.lesion).or_default().push(slice.z));
        let parts = |lesion: u32| -> Vec<Option<u32>> {
            let cut = slices.get(&lesion).into_iter().flatten().map(|&z| Some(z));
            if self.whole { vec![None] } else { cut.collect() }
        };
        let of_lesion = |at: usize| -> Result<std::result::Result<Vec<Case>, &'static str>> {
            stop_if_asked(observer)?;
            let lesion = &manifest.lesions[at];
            if let Some(why) = self.task.passes_over(lesion, manifest) {
                return Ok(Err(why));
            }
            let parts = parts(at as u32);
            if self.task.target == Target::Rims {
                let examples = self.read_real(at as u32, &parts)?;
                let labels: Vec<u8> = examples.into_iter().filter_map(|example| example.label).flatten().collect();
                if let Some(why) = self.task.contradicts(lesion, manifest, &labels) {
                    return Ok(Err(why));
                }
            }
            Ok(Ok(parts.into_iter().map(|part| real_case(lesion, at as u32, part, manifest.patch[0])).collect()))
        };
        let found = (0..manifest.lesions.len()).into_par_iter().map(of_lesion).collect::<Result<Vec<_>>>()?;
        let mut left: BTreeMap<&str, usize> = BTreeMap::new();
        for of_lesion in found {
            match of_lesion {
                Ok(cases) => self.cases.extend(cases),
                Err(why) => *left.entry(why).or_default() += 1,
            }
        }
        self.notes.extend(left.into_iter().map(|(why, count)| format!("items that {why}, {count} left out")));
        Ok(())
    }

    /// Gives the patients of the training and validation sides their folds.
    fn deal(&mut self, count: u32, seed: RunSeed) -> Result<()> {
        let interest = self.data.manifest().classes.of_interest.clone();
        let own = self.cases.iter().filter(|case| case.place != Place::Test);
        let items = own.filter_map(|case| Some((case.patient.as_deref()?, case.class == interest)));
        let dealt = folds::deal(items, count, seed)?;
        let fold_of: BTreeMap<String, u32> =
            dealt.into_iter().map(|(patient, fold)| (patient.to_owned(), fold)).collect();
        for case in self.cases.iter_mut().filter(|case| case.place != Place::Test) {
            case.place = Place::Training(case.patient.as_ref().and_then(|patient| fold_of.get(patient)).copied());
        }
        Ok(())
    }

    /// The drawn images: learnt from and nothing else.
    fn add_drawn(&mut self, observer: &dyn Observer) -> Result<()> {
        let mut empty = 0;
        let several = self.drawn.len() > 1;
        let mut cases = vec![];
        for (number, set) in self.drawn.iter().enumerate() {
            for (at, (image, class)) in set.images.iter().enumerate() {
                stop_if_asked(observer)?;
                if class.is_none() && self.task.target == Target::Classes {
                    return Err(Problem::input(&set.folder, "drawn images of no class")
                        .expected("images of a class of the data set")
                        .advice("draw each class in turn: `rimforge generate --class each`"));
                }
                let of_interest = *class == self.data.manifest().classes.of_interest;
                if self.task.target == Target::Rims && of_interest {
                    let example = self.read_drawn(number, at)?;
                    if example.label.is_some_and(|label| !label.contains(&1)) {
                        empty += 1;
                        continue;
                    }
                }
                let set = if several { (number + 1).to_string() } else { String::new() };
                cases.push(Case {
                    name: Name::of_known(&format!("synthetic{set}-{}", image.stem)),
                    patient: None,
                    class: class.clone(),
                    place: Place::Training(None),
                    origin: Origin::Drawn(number, at),
                });
            }
        }
        if empty > 0 {
            self.notes.push(format!("drawn rims of which the drawn map shows nothing, {empty} left out"));
        }
        self.cases.extend(cases);
        Ok(())
    }

    /// What every export must satisfy, whatever the manifest says: each name once, and no patient of the test side
    /// among those who are learnt from.
    pub(super) fn check(&self) -> Result<()> {
        let mut names = BTreeSet::new();
        if let Some(twice) = self.cases.iter().find(|case| !names.insert(&case.name)) {
            return Err(Problem::input(self.data.root(), format!("two examples called {}", twice.name))
                .advice("rename one of the images and prepare again"));
        }
        let patients = |of: &dyn Fn(Place) -> bool| -> BTreeSet<&str> {
            self.cases.iter().filter(|case| of(case.place)).filter_map(|case| case.patient.as_deref()).collect()
        };
        let test = patients(&|place| place == Place::Test);
        if let Some(leak) = patients(&|place| place != Place::Test).intersection(&test).next() {
            let found = format!("patient {leak} is tested on and learnt from");
            return Err(Problem::new(Kind::Gate, found).at(self.data.root()).advice("prepare the data set again"));
        }
        if self.count(|case| matches!(case.place, Place::Training(_)) && !case.is_drawn()) == 0 {
            return Err(Problem::input(self.data.root(), "nothing to learn from")
                .expected("at least one item of the training side with a label")
                .advice(format!("look at what was left out: {}", self.notes.join("; "))));
        }
        Ok(())
    }

    /// How many of the cases are such.
    pub fn count(&self, of: impl Fn(&Case) -> bool) -> u64 {
        self.cases.iter().filter(|case| of(case)).count() as u64
    }

    /// Whether real values are clipped to their windows, as those of drawn images are.
    pub fn is_clipped(&self) -> bool {
        !self.drawn.is_empty()
    }
}

fn real_case(lesion: &Lesion, at: u32, part: Option<u32>, depth: u32) -> Case {
    // Where a patch is one slice its name is the item's.
    let name = match part.filter(|_| depth > 1) {
        Some(z) => lesion.id.with(&format!("_z{z:02}")),
        None => lesion.id.clone(),
    };
    let place = match lesion.split {
        Split::Train => Place::Training(None),
        Split::Validation => Place::Validation,
        Split::Test => Place::Test,
    };
    let (patient, class) = (Some(lesion.patient.clone()), Some(lesion.class.clone()));
    Case { name, patient, class, place, origin: Origin::Real(at, part) }
}

/// Refuses what cannot go together, before anything is read.
fn require_possible(wanted: &Wanted<'_>, data: &AnyPrepared, task: &Task, whole: bool) -> Result<()> {
    if wanted.synthetic.is_empty() {
        return Ok(());
    }
    if wanted.folds.is_some() {
        return Err(Problem::usage("--folds with --synthetic")
            .expected("the data set's own validation side, which no generator has seen")
            .advice(
                "leave --folds out: the generator learnt from patients of every fold, so that scores of a fold would be \
                 of patients that its images were drawn after",
            ));
    }
    if whole && data.manifest().items == Items::Slices && data.manifest().patch[0] > 1 {
        return Err(Problem::usage("--whole with --synthetic")
            .expected("slices, as the generator draws them")
            .advice("leave --whole out"));
    }
    if task.target == Target::Lesions {
        return Err(Problem::usage("--synthetic where labels are masks of lesions")
            .expected("labels that a generator draws: a contrast \"rim\" or \"seg\", or classes")
            .advice("choose another --target, or leave --synthetic out"));
    }
    Ok(())
}
