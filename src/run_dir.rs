//! The one place that knows file names under a study folder.

use std::path::{Path, PathBuf};

use crate::name::{Inside, Name};

/// A study folder, e.g. `out/demo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyDir(PathBuf);

impl StudyDir {
    /// The study in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Units of stages that shards left.
    pub fn units(&self) -> PathBuf {
        self.0.join("units")
    }

    /// BIDS, simulated or linked.
    pub fn cohort(&self) -> PathBuf {
        self.0.join("cohort")
    }

    /// The prepared data set.
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// The generator's training run.
    pub fn gan(&self) -> GanDir {
        GanDir(self.0.join("gan"))
    }

    /// The training run of a further generator like the first; `number` is 2 and on.
    pub fn further_gan(&self, number: usize) -> GanDir {
        GanDir(self.0.join(format!("gan-{number}")))
    }

    /// Images that the further generator of that number drew.
    pub fn further_synthetic(&self, number: usize) -> PathBuf {
        self.0.join(format!("synthetic-{number}"))
    }

    /// Projections of the contested lesions into the further generator of that number.
    pub fn further_denoised(&self, number: usize) -> PathBuf {
        self.0.join(format!("denoised-{number}"))
    }

    /// The training run of a second generator, from other weights.
    pub fn second_gan(&self) -> GanDir {
        GanDir(self.0.join("gan-second"))
    }

    /// Images that the generator drew.
    pub fn synthetic(&self) -> PathBuf {
        self.0.join("synthetic")
    }

    /// Projections of the contested lesions.
    pub fn denoised(&self) -> PathBuf {
        self.0.join("denoised")
    }

    /// Projections of the training side's agreed rims, for the arms that need them.
    pub fn denoised_rims(&self) -> PathBuf {
        self.0.join("denoised-rims")
    }

    /// Projections of the training side's agreed non-rims, for the arms that need them.
    pub fn denoised_non_rims(&self) -> PathBuf {
        self.0.join("denoised-non-rims")
    }

    /// Of the conditional generator.
    pub fn conditional_gan(&self) -> GanDir {
        GanDir(self.0.join("gan-conditional"))
    }

    /// Images that it drew.
    pub fn conditional_synthetic(&self) -> PathBuf {
        self.0.join("synthetic-conditional")
    }

    /// Projections of lesions into the conditional generator: of which ("contested", "rims", "non-rims"), and as what
    /// ("rim", "non-rim").
    pub fn projected_as(&self, of: &str, class: &str) -> PathBuf {
        self.0.join(format!("{of}-as-{class}"))
    }

    /// What these say together.
    pub fn two_sided(&self) -> PathBuf {
        self.0.join("two-sided")
    }

    /// Of several contrasts.
    pub fn multi_contrast_data(&self) -> PathBuf {
        self.0.join("data-multi-contrast")
    }

    /// Of several contrasts: the training run.
    pub fn multi_contrast_gan(&self) -> GanDir {
        GanDir(self.0.join("gan-multi-contrast"))
    }

    /// Of several contrasts: drawn images.
    pub fn multi_contrast_synthetic(&self) -> PathBuf {
        self.0.join("synthetic-multi-contrast")
    }

    /// Of several contrasts: projections.
    pub fn multi_contrast_denoised(&self) -> PathBuf {
        self.0.join("denoised-multi-contrast")
    }

    /// Tumours found with and without drawn pairs.
    pub fn tumours(&self) -> PathBuf {
        self.0.join("tumours")
    }

    /// What projections leave out.
    pub fn residuals(&self) -> PathBuf {
        self.0.join("residuals")
    }

    /// Variants of the generator at equal budget.
    pub fn variants(&self) -> PathBuf {
        self.0.join("variants")
    }

    /// Known lesions spoiled and projected back.
    pub fn perturbed(&self) -> PathBuf {
        self.0.join("perturbed")
    }

    /// Other photographs, to test on; simulated ones.
    pub fn external_photographs(&self) -> PathBuf {
        self.0.join("cohort-external")
    }

    /// The data set made of other photographs.
    pub fn external_data(&self) -> PathBuf {
        self.0.join("data-external")
    }

    /// Photographs in the generator's latent space.
    pub fn inverted(&self) -> PathBuf {
        self.0.join("inverted")
    }

    /// Directions of that space.
    pub fn directions(&self) -> PathBuf {
        self.0.join("directions")
    }

    /// Photographs edited along them.
    pub fn edited(&self) -> PathBuf {
        self.0.join("edited")
    }

    /// The comparison of arms.
    pub fn classify(&self) -> PathBuf {
        self.0.join("classify")
    }

    /// Sets of images against held-out ones.
    pub fn evaluation(&self) -> PathBuf {
        self.0.join("evaluation")
    }

    /// What the classifiers look at.
    pub fn explanation(&self) -> PathBuf {
        self.0.join("explanation")
    }

    /// Masks of rims.
    pub fn segmentation(&self) -> PathBuf {
        self.0.join("segmentation")
    }

    /// The answers of readers, and what came out of them.
    pub fn reading(&self) -> ReadingDir {
        ReadingDir(self.0.join("reading"))
    }

    /// Every number that the report shows.
    pub fn results(&self) -> PathBuf {
        self.0.join("results.json")
    }

    /// The resolved settings of the run.
    pub fn settings(&self) -> PathBuf {
        self.0.join("study.toml")
    }

    /// The report's one file.
    pub fn report(&self) -> PathBuf {
        self.0.join("report").join("index.html")
    }
}

/// Name of the record that each stage leaves in its folder when it is done.
pub const RECORD: &str = "record.json";

/// Folder of a reader study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingDir(PathBuf);

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

/// A training run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GanDir(PathBuf);

impl GanDir {
    /// The run in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// One line per tick; the same bytes however often training was interrupted.
    pub fn stats(&self) -> PathBuf {
        self.0.join("stats.jsonl")
    }

    /// Wall-clock facts, one line per tick; never the same twice.
    pub fn timing(&self) -> PathBuf {
        self.0.join("timing.jsonl")
    }

    /// What the precision was chosen by, where it was measured.
    pub fn precision(&self) -> PathBuf {
        self.0.join("precision.json")
    }

    /// TensorBoard event files lie directly in the run folder, as TensorBoard expects.
    pub fn events(&self) -> &Path {
        &self.0
    }

    /// `checkpoint-<images>` folders of files, newest valid wins.
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// Grids of drawn images, one a preview.
    pub fn previews(&self) -> PathBuf {
        self.0.join("previews")
    }

    /// The network (EMA generator) with the lowest Frechet distance so far.
    pub fn best_network(&self) -> PathBuf {
        self.0.join("network-best.safetensors")
    }

    /// The network of the last checkpoint.
    pub fn last_network(&self) -> PathBuf {
        self.0.join("network-last.safetensors")
    }

    /// The summary, written when training is done.
    pub fn record(&self) -> PathBuf {
        self.0.join(RECORD)
    }

    /// Held for as long as a run works in the folder.
    pub fn lock(&self) -> PathBuf {
        self.0.join(".lock")
    }
}

/// Folder of an imported network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportDir(PathBuf);

impl ImportDir {
    /// Name of the network's file.
    pub const NETWORK: &str = "network.safetensors";

    /// Name of the manifest's file.
    pub const MANIFEST: &str = "manifest.json";

    /// The import in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The network, in our format.
    pub fn network(&self) -> PathBuf {
        self.0.join(Self::NETWORK)
    }

    /// Where the network comes from, its settings, and the shape of every tensor.
    pub fn manifest(&self) -> PathBuf {
        self.0.join(Self::MANIFEST)
    }
}

/// Folder of an exported network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportDir(PathBuf);

impl ExportDir {
    /// Name of the state dict's file.
    pub const STATE_DICT: &str = "state_dict.pt";

    /// Name of the manifest's file.
    pub const MANIFEST: &str = "manifest.json";

    /// The export in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// What `torch.load` with `weights_only` reads.
    pub fn state_dict(&self) -> PathBuf {
        self.0.join(Self::STATE_DICT)
    }

    /// Arguments that make the reference's networks, and what the network is.
    pub fn manifest(&self) -> PathBuf {
        self.0.join(Self::MANIFEST)
    }
}

/// A folder of projections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectionDir(PathBuf);

impl ProjectionDir {
    /// The projections in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The denoised image of an item ("sub-001_lesion-003_z12"), relative to the folder; float32 npy \[channels,
    /// height, width\].
    pub fn image(item: &Name) -> Inside {
        Inside::of("images", item, ".npy")
    }

    /// Original, projection and difference, relative to the folder.
    pub fn figure(item: &Name) -> Inside {
        Inside::of("figures", item, ".png")
    }

    /// The optimised noise maps of an item, npz.
    pub fn noise(&self, item: &Name) -> PathBuf {
        self.0.join("noise").join(format!("{item}.npz"))
    }

    /// What is known of a finished item; written last, so its presence says that the item is done.
    pub fn item(&self, item: &Name) -> PathBuf {
        self.0.join("items").join(format!("{item}.json"))
    }

    /// The files of an item, relative to the folder; its film among them where it has one.
    pub fn files(item: &Name, film: bool) -> Vec<Inside> {
        let (noise, record) = (Inside::of("noise", item, ".npz"), Inside::of("items", item, ".json"));
        let files = [Self::image(item), Self::figure(item), noise, record];
        files.into_iter().chain(film.then(|| Self::film(item))).collect()
    }

    /// Animated PNG of an item's optimisation, relative to the folder.
    pub fn film(item: &Name) -> Inside {
        Inside::of("films", item, ".png")
    }

    /// Descents that were stopped half-way.
    pub fn underway(&self) -> PathBuf {
        self.0.join("underway")
    }

    /// w of all items, npz with the key `w` \[N, num_ws, w_dim\] in the record's order.
    pub fn latents(&self) -> PathBuf {
        self.0.join("projected_w.npz")
    }

    /// Which feature net keeps how much of a rim.
    pub fn feature_choice(&self) -> PathBuf {
        self.0.join("feature_choice.json")
    }

    /// The same slices from faithful to rim-like.
    pub fn curve(&self) -> PathBuf {
        self.0.join("curve.json")
    }

    /// The summary, written when all items are done.
    pub fn record(&self) -> PathBuf {
        self.0.join(RECORD)
    }
}

/// A folder of inverted images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InversionDir(PathBuf);

impl InversionDir {
    /// The summary.
    pub const RECORD: &'static str = RECORD;
    /// Seconds that parts of it took.
    pub const TIMES: &'static str = "times.json";
    /// Name of the encoder's file.
    pub const ENCODER: &'static str = "encoder.safetensors";
    /// Name of the hypernetwork's file.
    pub const HYPERNETWORK: &'static str = "hypernetwork.safetensors";
    /// Sides of the split that have sheets.
    pub const SHEETS: [&'static str; 2] = ["train", "validation"];

    /// The inversions in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// A network's file by its name, relative to the folder.
    pub fn network_file(name: &str) -> Inside {
        Inside::of("nets", &Name::of_known(name), "")
    }

    /// The encoder.
    pub fn encoder(&self) -> PathBuf {
        self.0.join("nets").join(Self::ENCODER)
    }

    /// The hypernetwork.
    pub fn hypernetwork(&self) -> PathBuf {
        self.0.join("nets").join(Self::HYPERNETWORK)
    }

    /// The generator tuned on all training images behind an embedding, a network file.
    pub fn tuned(&self, embed: &str) -> PathBuf {
        self.0.join("nets").join(format!("tuned-{embed}.safetensors"))
    }

    /// What it depends on.
    pub fn tuned_note(&self, embed: &str) -> PathBuf {
        self.0.join("nets").join(format!("tuned-{embed}.json"))
    }

    /// The generator tuned on one image by a method.
    pub fn tuned_for(&self, method: &str, image: &Name) -> PathBuf {
        self.0.join("tuned").join(method).join(format!("{image}.safetensors"))
    }

    /// Codes and offsets by a method, relative to the folder.
    pub fn codes(method: &str) -> Inside {
        Inside::of("codes", &Name::of_known(method), ".safetensors")
    }

    /// Codes of a descent before anything else is done to them.
    pub fn embedded(&self, name: &str) -> PathBuf {
        self.0.join("embedded").join(format!("{name}.safetensors"))
    }

    /// What is not finished.
    pub fn underway(&self, name: &str) -> PathBuf {
        self.0.join("underway").join(format!("{name}.safetensors"))
    }

    /// Images of a side beside what the methods make of them, relative to the folder.
    pub fn sheet(side: &str) -> Inside {
        Inside::of("sheets", &Name::of_known(side), ".png")
    }

    /// The summary.
    pub fn record(&self) -> PathBuf {
        self.0.join(RECORD)
    }
}

/// A folder of variants trained at equal budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantsDir(PathBuf);

impl VariantsDir {
    /// Of the comparison.
    pub const RECORD: &str = RECORD;
    /// The same latents in each variant.
    pub const SHEET: &str = "variants.png";

    /// The results in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The training of a variant, by its name, with a seed; a folder of its own.
    pub fn training(&self, variant: &str, seed: u64) -> PathBuf {
        self.0.join(format!("{variant}-{seed}"))
    }

    /// The comparison, written when all trainings are done.
    pub fn record(&self) -> PathBuf {
        self.0.join(Self::RECORD)
    }

    /// The picture of it.
    pub fn sheet(&self) -> PathBuf {
        self.0.join(Self::SHEET)
    }
}

/// A folder of spoiled and projected lesions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerturbationDir(PathBuf);

impl PerturbationDir {
    /// The results in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// A projection, relative to the folder; float32 npy \[channels, height, width\].
    pub fn image(case: &Name) -> Inside {
        Inside::of("images", case, ".npy")
    }

    /// A picture of several cases, relative to the folder.
    pub fn sheet(name: &Name) -> Inside {
        Inside::of("sheets", name, ".png")
    }

    /// The files of a case, relative to the folder.
    pub fn files(case: &Name) -> [Inside; 2] {
        [Self::image(case), Inside::of("cases", case, ".json")]
    }

    /// What is known of a finished case.
    pub fn case(&self, case: &Name) -> PathBuf {
        self.0.join("cases").join(format!("{case}.json"))
    }

    /// The summary, written when all cases are done.
    pub fn record(&self) -> PathBuf {
        self.0.join(RECORD)
    }
}

/// Files of a folder of directions.
#[derive(Clone, Copy, Debug)]
pub struct DirectionsDir;

impl DirectionsDir {
    /// Unit vectors, deviations and layers.
    pub const VECTORS: &str = "directions.safetensors";

    /// All strips on one sheet.
    pub const ATLAS: &str = "atlas.png";

    /// The same codes moved along a direction, relative to the folder.
    pub fn strip(direction: &Name) -> Inside {
        Inside::of("strips", direction, ".png")
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

/// Files of a folder of lesions projected as of one class and as of the other.
#[derive(Clone, Copy, Debug)]
pub struct TwoSidedDir;

impl TwoSidedDir {
    /// Contested lesions beside both projections.
    pub const SHEET: &str = "sheet.png";

    /// A slice's projection as of the class that its lesion fits better, relative to the folder; float32 npy
    /// \[channels, height, width\].
    pub fn image(slice: &Name) -> Inside {
        Inside::of("images", slice, ".npy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_has_room_for_all_that_is_appended_to_it() {
        // Of letters of two bytes each, as an id may have them.
        let longest = Name::new("\u{e4}".repeat(crate::name::LONGEST / 2)).unwrap();
        let slice = longest.with("_z4095");
        let case = slice.with("_training-rim_salt-and-pepper");
        let (projected, perturbed) = (ProjectionDir::new("out"), PerturbationDir::new("out"));
        let patches = [".npy", "_mask.npy"].map(|ending| Inside::of("patches", &longest, ending));
        let inside: Vec<Inside> = ProjectionDir::files(&slice, true)
            .into_iter()
            .chain(PerturbationDir::files(&case))
            .chain([PerturbationDir::sheet(&case)])
            .chain(patches)
            .collect();
        for path in &inside {
            assert_eq!(Inside::new(path.as_str()).as_ref(), Ok(path));
            let written = serde_json::to_string(path).unwrap();
            assert_eq!(&serde_json::from_str::<Inside>(&written).unwrap(), path, "a record can be read back");
        }
        let others = [projected.noise(&slice), projected.item(&slice), perturbed.case(&case)];
        for path in inside.iter().map(|path| path.under(Path::new("out"))).chain(others) {
            assert!(path.file_name().unwrap().len() <= 255, "{}", path.display());
        }
    }
}
