//! Cases without labels where the classes or a channel are made of them: all of a set in one message.

use std::path::Path;

use super::config::{SliceClasses, VolumeClasses};
use super::layout::{CaseFiles, LABELS};
use crate::data::name_join::listed;
use crate::data::prepare_config::PrepareConfig;
use crate::problem::{Problem, Result};

/// For what labels are asked, and how to do without; `None` where they need not be there.
pub(super) fn wanted(contrasts: &[String], config: &PrepareConfig) -> Option<(&'static str, &'static str)> {
    let brats = &config.brats;
    if contrasts.iter().any(|contrast| contrast == LABELS) {
        return Some(("seg, which is asked for as a channel", "or prepare other contrasts"));
    }
    if brats.volumes {
        (brats.volume_classes != VolumeClasses::Population).then_some((
            "seg, which says whether a tumour enhances",
            "or take the populations alone as classes: --volume-classes population",
        ))
    } else {
        (brats.classes != SliceClasses::Plane).then_some((
            "seg, which says whether a slice cuts a tumour",
            "or take the planes alone as classes: --slice-classes plane",
        ))
    }
}

/// Holds the cases of the set at `root` to the labels that its classes and channels need.
///
/// # Errors
/// Those that have none, by name, before any volume is read.
pub(super) fn require_labels(
    root: &Path,
    cases: &[CaseFiles],
    contrasts: &[String],
    config: &PrepareConfig,
) -> Result<()> {
    let Some((expected, otherwise)) = wanted(contrasts, config) else { return Ok(()) };
    let without: Vec<&str> =
        cases.iter().filter(|case| !case.files.contains_key(LABELS)).map(|case| case.id.as_str()).collect();
    let found = match without.as_slice() {
        [] => return Ok(()),
        [one] => format!("no labels of {one}"),
        several => format!("no labels of {} of {} cases: {}", several.len(), cases.len(), listed(several)),
    };
    Err(Problem::input(root, found).expected(expected).advice(format!("leave such cases out, {otherwise}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::layout::VolumeFile;
    use super::*;
    use crate::name::Name;
    use crate::nifti::Part;

    #[test]
    fn all_cases_without_labels_are_named_at_once_where_labels_are_needed() {
        let case = |name: &str, kinds: &[&'static str]| CaseFiles {
            id: Name::of_known(name),
            patient: name.into(),
            population: "GLI".into(),
            files: kinds
                .iter()
                .map(|&kind| (kind, VolumeFile { path: kind.into(), part: Part::WHOLE }))
                .collect::<BTreeMap<_, _>>(),
        };
        let cases = [case("a", &["t1c"]), case("b", &["t1c", LABELS]), case("c", &["t1c"])];
        let said = |contrasts: &[&str], change: &dyn Fn(&mut PrepareConfig)| {
            let mut config = PrepareConfig::default();
            change(&mut config);
            let contrasts: Vec<String> = contrasts.iter().map(|&name| name.to_owned()).collect();
            let held = require_labels(Path::new("set"), &cases, &contrasts, &config);
            held.err().map(|problem| problem.to_string()).unwrap_or_default()
        };
        let slices = said(&["t1c"], &|config| config.brats.classes = SliceClasses::PlaneTumour);
        assert!(
            slices.contains("no labels of 2 of 3 cases: a, c") && slices.contains("--slice-classes plane"),
            "{slices}"
        );
        let planes = |config: &mut PrepareConfig| config.brats.classes = SliceClasses::Plane;
        assert_eq!(said(&["t1c"], &planes), "");
        assert!(said(&["t1c", LABELS], &planes).contains("prepare other contrasts"));
        let volumes = |classes| {
            move |config: &mut PrepareConfig| {
                (config.brats.volumes, config.brats.volume_classes) = (true, classes);
            }
        };
        assert_eq!(said(&["t1c"], &volumes(VolumeClasses::Population)), "");
        assert!(said(&["t1c"], &volumes(VolumeClasses::Enhancement)).contains("--volume-classes population"));
    }
}
