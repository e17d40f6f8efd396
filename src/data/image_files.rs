//! What the files of an image set are, the same for a folder and a zip: images, tables that are used, what is passed
//! over and said so.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::image_tables::{Lying, TableKind, lying};
use super::name_join::listed;
use super::named_after;
use super::near_names::{near_key, one_form, spelled};
use super::passed_over::passed_over;
use super::prepare_config::PrepareConfig;
use crate::name::Name;
use crate::problem::{Problem, Result};

/// Endings of images in other formats than PNG.
const OTHER_FORMATS: [&str; 16] = [
    "jpg", "jpeg", "jpe", "jfif", "tif", "tiff", "bmp", "gif", "webp", "heic", "avif", "jp2", "dcm", "nii", "svg",
    "ppm",
];

/// Names by what they are for; paths are relative to the folder or zip, with / between folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ImageFiles {
    /// The folder around everything, with its "/"; "" where there is none. All other names are relative to it.
    pub around: String,
    /// PNGs, sorted; JPEGs where there is no PNG.
    pub names: Vec<String>,
    /// `dataset.json`, where there is one.
    pub json: Option<String>,
    /// `labels.tsv` or `labels.csv`.
    pub labels: Option<String>,
    /// `patients.tsv` or `patients.csv`.
    pub patients: Option<String>,
    /// Tables whose names are nearly those of the above, or that lie in a folder below: for labels, for patients.
    near: [Vec<String>; 2],
    /// Files that may tell anything about the images: "metadata.csv".
    metadata: Vec<String>,
    /// Further tables.
    tables: Vec<String>,
    /// Images in other formats.
    formats: Vec<String>,
    /// Further files.
    others: u64,
    /// Hidden and system files and folders.
    hidden: BTreeSet<String>,
}

/// Whether a file of this name is read, or would be under a name that is nearly its own, so that it must be a file that
/// can be.
pub(super) fn matters(path: &str) -> bool {
    let is_table = || matches!(lying(file_name(path)), Lying::Known(_) | Lying::Near(_));
    passed_over(path).is_none() && (is_png(path) || is_table())
}

/// Whether a name says that it is of an image or a table that is read, so that a folder cannot have it.
pub(super) fn is_of_a_file(path: &str) -> bool {
    is_png(path) || matches!(lying(file_name(path)), Lying::Known(_))
}

/// Whether a name says that it is of a picture of the other kind that is read.
pub(super) fn is_jpeg(path: &str) -> bool {
    matches!(ending(path).as_str(), "jpg" | "jpeg")
}

/// Whether a name says that it is of a picture that is read.
pub(super) fn is_picture(path: &str) -> bool {
    is_png(path) || is_jpeg(path)
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn ending(path: &str) -> String {
    file_name(path).rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase())
}

/// Whether a name says that it is of a PNG.
pub(super) fn is_png(path: &str) -> bool {
    ending(path) == "png"
}

impl ImageFiles {
    /// Sorts the files at `place` out by their names.
    ///
    /// # Errors
    /// Neither PNG nor JPEG; PNGs named after JPEGs; names that cannot be told apart or cannot be a file's name; two
    /// tables for one purpose.
    pub(super) fn of(place: &Path, files: Vec<String>, config: &PrepareConfig) -> Result<Self> {
        let mut found = Self::default();
        let mut visible = Vec::new();
        for path in files {
            match passed_over(&path) {
                Some(part) => _ = found.hidden.insert(part.to_owned()),
                None => visible.push(path),
            }
        }
        visible.sort();
        // Beside PNGs a JPEG is a preview or a copy, unless the PNGs are what was made of it.
        named_after::require_images(place, &visible)?;
        let is_image = if visible.iter().any(|path| is_png(path)) { is_png } else { is_jpeg };
        found.around = around(&visible, is_image, config);
        let mut json = Vec::new();
        let (mut labels, mut patients) = (Vec::new(), Vec::new());
        for path in visible {
            let name = path.strip_prefix(&found.around).unwrap_or(&path).to_owned();
            let at_top = !name.contains('/') && path.starts_with(&found.around);
            match lying(file_name(&name)) {
                _ if is_image(&name) => found.names.push(name),
                Lying::Known(TableKind::Json) if at_top => json.push(name),
                Lying::Known(TableKind::Labels) if at_top => labels.push(name),
                Lying::Known(TableKind::Patients) if at_top => patients.push(name),
                Lying::Known(kind) | Lying::Near(kind) => {
                    found.near[usize::from(kind == TableKind::Patients)].push(name);
                }
                Lying::Metadata => found.metadata.push(name),
                Lying::Table => found.tables.push(name),
                Lying::Other if OTHER_FORMATS.contains(&&*ending(&name)) => found.formats.push(name),
                Lying::Other => found.others += 1,
            }
        }
        if found.names.is_empty() {
            let problem =
                Problem::input(place, "no PNG and no JPEG here").expected("*.png or *.jpg, or sub-folders of them");
            return Err(match found.formats.as_slice() {
                [] => problem.advice("name the folder that holds the images, or their sub-folders"),
                formats => problem.advice(format!("convert to PNG what is there: {}", listed(formats))),
            });
        }
        let one = |tables: Vec<String>| match tables.as_slice() {
            [] => Ok(None),
            [table] => Ok(Some(table.clone())),
            several => Err(two_tables(place, several)),
        };
        if let ([json, ..], [table, ..]) = (json.as_slice(), labels.as_slice()) {
            return Err(two_tables(place, &[json.clone(), table.clone()]));
        }
        (found.json, found.labels, found.patients) = (one(json)?, one(labels)?, one(patients)?);
        require_distinct(place, &found.names)?;
        Ok(found)
    }

    /// Refuses tables that nearly have a known name, unless there is one with labels (patients) already.
    ///
    /// # Errors
    /// The first of them, by its name.
    pub(super) fn require_no_near_table(&self, place: &Path, has_labels: bool, has_patients: bool) -> Result<()> {
        for (near, there, what, columns) in
            [(&self.near[0], has_labels, "labels", "label"), (&self.near[1], has_patients, "patients", "patient")]
        {
            if let (Some(table), false) = (near.first(), there) {
                return Err(Problem::input(place, format!("{}, which is not read under this name", spelled(table)))
                    .expected(format!(
                        "{what}.tsv or {what}.csv beside the images, with the columns file and {columns}"
                    ))
                    .advice(format!("if it holds {what}, save it so; otherwise move it elsewhere")));
            }
        }
        Ok(())
    }

    /// Refuses files that may hold the labels, where there are none otherwise.
    ///
    /// # Errors
    /// The first of them, by its name.
    pub(super) fn require_no_metadata(&self, place: &Path) -> Result<()> {
        match self.metadata.first() {
            None => Ok(()),
            Some(file) => Err(Problem::input(place, format!("no labels, and {}, which is not read", spelled(file)))
                .expected("labels.tsv or labels.csv beside the images, with the columns file and label")
                .advice("if it holds labels, save them so; otherwise move it elsewhere")),
        }
    }

    /// Refuses a first folder in which images lie, but no PNG, where these folders are the labels: a class would be
    /// gone.
    ///
    /// # Errors
    /// The first of them, by its name.
    pub(super) fn require_no_lost_folder(&self, place: &Path) -> Result<()> {
        let folder = |name: &str| name.split_once('/').map(|(folder, _)| folder.to_owned());
        let kept: BTreeSet<String> = self.names.iter().filter_map(|name| folder(name)).collect();
        match self.formats.iter().filter_map(|name| folder(name)).find(|lost| !kept.contains(lost)) {
            None => Ok(()),
            Some(lost) => Err(Problem::input(place, format!("images in the folder {}, but no PNG", spelled(&lost)))
                .expected("PNGs in each folder that is a label")
                .advice(format!("convert to PNG what is there, or move it elsewhere: {}", listed(&self.formats)))),
        }
    }

    /// What the record says of files that are not used.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.around.is_empty() {
            notes.push(format!(
                "names are relative to the folder around everything, {}",
                self.around.trim_end_matches('/')
            ));
        }
        let tables: Vec<String> =
            self.near.iter().flatten().chain(&self.metadata).chain(&self.tables).cloned().collect();
        if !tables.is_empty() {
            notes.push(format!("tables that are not used: {}", listed(&tables)));
        }
        if !self.formats.is_empty() {
            let count = self.formats.len();
            notes.push(format!("images that are no PNG, {count} passed over: {}", listed(&self.formats)));
        }
        if self.others > 0 {
            notes.push(format!("other files, {} passed over", self.others));
        }
        if !self.hidden.is_empty() {
            let names: Vec<String> = self.hidden.iter().cloned().collect();
            notes.push(format!("hidden or system files and folders, {} passed over: {}", names.len(), listed(&names)));
        }
        notes
    }
}

fn two_tables(place: &Path, tables: &[String]) -> Problem {
    Problem::input(place, format!("both {}", tables.join(" and ")))
        .expected("one of them")
        .advice("remove the one that does not hold")
}

/// The folder in which all images and tables lie, with its "/", if that makes sense of what it holds: it has a table of
/// labels or patients, or all images are in folders of its own. A folder called as a label is none.
fn around(visible: &[String], is_image: fn(&str) -> bool, config: &PrepareConfig) -> String {
    let used: Vec<&String> = visible.iter().filter(|path| is_image(path) || matters(path)).collect();
    let mut around = String::new();
    loop {
        let rest = || used.iter().map(|path| &path[around.len()..]);
        let Some((folder, _)) = rest().next().and_then(|path| path.split_once('/')) else { return around };
        let prefix = format!("{folder}/");
        let labels = ["rim", "ambiguous"]
            .into_iter()
            .chain(config.rim_label.as_deref())
            .chain(config.ambiguous_label.as_deref());
        if !rest().all(|path| path.starts_with(&prefix))
            || labels.into_iter().any(|label| near_key(label) == near_key(folder))
        {
            return around;
        }
        let inside = || rest().map(|path| &path[prefix.len()..]);
        let has_table = inside().any(|path| matches!(lying(path), Lying::Known(_)));
        let in_folders = inside().filter(|path| is_image(path)).all(|path| path.contains('/'));
        if !has_table && !in_folders {
            return around;
        }
        around.push_str(&prefix);
    }
}

/// The name of an image's files: its path without ending, folders joined by dashes: "rim/a.png" -> "rim-a".
///
/// # Errors
/// One that cannot be a file's name, in words.
pub(super) fn id(name: &str) -> std::result::Result<Name, String> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    Name::new(stem.replace('/', "-"))
}

/// Names that differ in Unicode form or case alone, that become one file name, or that cannot be one.
fn require_distinct(place: &Path, names: &[String]) -> Result<()> {
    let mut seen: HashMap<String, &String> = HashMap::new();
    for name in names {
        let id = id(name).map_err(|fault| {
            Problem::input(place, format!("{}: {fault}", spelled(name)))
                .expected("folders and file name that together can be one file's name")
                .advice("rename the image or its folders")
        })?;
        if let Some(other) = seen.insert(one_form(&id).to_lowercase(), name) {
            let cased = |name: &str| one_form(name).to_lowercase();
            let how = match () {
                () if one_form(other) == one_form(name) => "differ only in their Unicode form",
                () if cased(other) == cased(name) => {
                    "differ only in upper and lower case, which not all disks tell apart"
                }
                () => "become the same name",
            };
            return Err(Problem::input(place, format!("{} and {} {how}", spelled(other), spelled(name)))
                .expected("each image with a name of its own, folders and name joined by dashes")
                .advice("rename one of them, or remove it if it is a copy"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[&str]) -> Result<ImageFiles> {
        let files = files.iter().map(|&file| file.to_owned()).collect();
        ImageFiles::of(Path::new("set"), files, &PrepareConfig::default())
    }

    fn refused(files: &[&str]) -> String {
        of(files).unwrap_err().to_string()
    }

    #[test]
    fn files_are_sorted_out_and_what_is_not_used_is_said() {
        let found = of(&[
            "rim/a.PNG",
            "other/b.png",
            "other/Thumbs.db",
            ".ipynb_checkpoints/c.png",
            "__MACOSX/._a.png",
            "__MACOSX/rim/._a.png",
            "patients.csv",
            "metadata.csv",
            "c.jpg",
            "README",
        ])
        .unwrap();
        assert_eq!(
            (found.names.as_slice(), found.patients.as_deref()),
            (["other/b.png", "rim/a.PNG"].map(str::to_owned).as_slice(), Some("patients.csv"))
        );
        assert_eq!(
            found.notes(),
            [
                "tables that are not used: metadata.csv",
                "images that are no PNG, 1 passed over: c.jpg",
                "other files, 1 passed over",
                "hidden or system files and folders, 3 passed over: .ipynb_checkpoints, __MACOSX, other/Thumbs.db",
            ]
        );
        assert!(refused(&["a.bmp"]).contains("no PNG and no JPEG here") && refused(&["a.bmp"]).contains("a.bmp"));
        let jpegs = of(&["set/nv/a.JPG", "set/mel/b.jpeg", "set/mel/c.bmp"]).unwrap();
        assert_eq!((jpegs.around.as_str(), jpegs.names.join(" ")), ("set/", "mel/b.jpeg nv/a.JPG".to_owned()));
    }

    #[test]
    fn a_folder_around_everything_is_seen_through() {
        let around = |files: &[&str]| of(files).unwrap().around;
        assert_eq!(around(&["set/a.png", "set/dataset.json", "README"]), "set/");
        assert_eq!(around(&["a/b/rim/1.png", "a/b/other/2.png"]), "a/b/");
        assert_eq!(around(&["set/00000/1.png"]), "set/");
        assert_eq!(around(&["set/1.png", "set/2.png"]), "");
        assert_eq!(around(&["00000/1.png", "dataset.json"]), "");
        assert_eq!(around(&["rim/p1/1.png", "rim/p2/2.png"]), "");
        let found = of(&["set/rim/a.png", "set/labels.tsv"]).unwrap();
        assert_eq!((found.names[0].as_str(), found.labels.as_deref()), ("rim/a.png", Some("labels.tsv")));
    }

    #[test]
    fn near_tables_are_refused_by_name_unless_there_is_the_right_one() {
        for table in [
            "Labels.tsv",
            "labels (1).csv",
            "label.tsv",
            "labels.xlsx",
            "x/labels.tsv",
            "x/dataset.json",
            "my_labels.csv",
            "labels.csv.gz",
            "labels.npy",
            "labels",
            "labels_final.txt",
            "dataset.json.gz",
            "dataset_v2.json",
        ] {
            let found = of(&["a.png", table]).unwrap();
            let said = found.require_no_near_table(Path::new("set"), false, true).unwrap_err().to_string();
            assert!(said.contains(table), "{said}");
            assert!(found.require_no_near_table(Path::new("set"), true, false).is_ok(), "{table}");
            assert!(found.notes()[0].contains(table));
        }
        for table in ["Patients.csv", "patients.tsv.gz"] {
            let found = of(&["a.png", table]).unwrap();
            assert!(found.require_no_near_table(Path::new("set"), true, false).is_err(), "{table}");
        }
        let said =
            of(&["a.png", "metadata.csv"]).unwrap().require_no_metadata(Path::new("set")).unwrap_err().to_string();
        assert!(said.contains("no labels, and \"metadata.csv\", which is not read"), "{said}");
        assert!(of(&["a.png", "ages.csv"]).unwrap().require_no_metadata(Path::new("set")).is_ok());
        assert!(refused(&["a.png", "dataset.json", "labels.csv"]).contains("both dataset.json and labels.csv"));
        assert!(refused(&["a.png", "patients.tsv", "patients.csv"]).contains("both patients.csv and patients.tsv"));
    }

    #[test]
    fn a_folder_of_other_formats_is_no_label_that_may_get_lost() {
        let lost = |files: &[&str]| of(files).unwrap().require_no_lost_folder(Path::new("set"));
        let said = lost(&["ambiguous/a.jpg", "other/b.png", "rim/c.png"]).unwrap_err().to_string();
        assert!(said.contains("images in the folder \"ambiguous\", but no PNG"), "{said}");
        assert!(lost(&["other/b.jpg", "other/b.png", "rim/c.png", "x.jpg"]).is_ok());
    }

    #[test]
    fn names_that_become_one_or_none_are_refused() {
        assert!(refused(&["a/b.png", "a-b.png"]).contains("\"a-b.png\" and \"a/b.png\" become the same name"));
        let forms = refused(&["caf\u{e9}.png", "cafe\u{301}.png"]);
        assert!(forms.contains("differ only in their Unicode form") && forms.contains("cafe\\u{301}.png"), "{forms}");
        let cased = refused(&["a/B.png", "a/b.png"]);
        assert!(cased.contains("\"a/B.png\" and \"a/b.png\" differ only in upper and lower case"), "{cased}");
        let long = refused(&[&format!("{}/{}.png", "x".repeat(150), "y".repeat(150))]);
        assert!(long.contains("has 301 bytes; at most 200"), "{long}");
        assert!(refused(&["a\u{1b}[2J.png"]).contains("control character"));
    }
}
