//! The settings as `rimforge config show` prints them: every key, also those that are not set, with what they then come
//! to.

use serde::Serialize;

use super::config::{MultiContrastConfig, RimStudy};
use crate::data::PrepareConfig;
use crate::data::intensity::default_contrast;
use crate::evaluate::EvaluateConfig;
use crate::explain::ExplainConfig;
use crate::project::config::ProjectConfig;
use crate::records::spelling;
use crate::segment::SegmentConfig;
use crate::simulate::rim_lesions::{CohortConfig, InversionMethod};
use crate::train::BaseChoice;
use crate::train::config::{NetConfig, ObjectiveConfig, QuantiseFeatures};
use crate::two_sided::TwoSidedConfig;

/// A section of the printed text: its header line and its lines.
struct Block {
    section: String,
    lines: Vec<String>,
}

/// A key that is not set, and what it then comes to.
struct Unset {
    section: &'static str,
    key: String,
    meaning: String,
}

fn unset(section: &'static str, key: impl Into<String>, meaning: impl Into<String>) -> Unset {
    Unset { section, key: key.into(), meaning: meaning.into() }
}

impl RimStudy {
    /// TOML with every key: defaults filled in, keys that are not set as comments. It reads back as the same study.
    pub fn shown(&self) -> String {
        let mut blocks = blocks(&self.resolved());
        if self.kind.is_default() {
            blocks[0].lines.insert(0, format!("kind = {:?}", spelling::name(&self.kind)));
        }
        for Unset { section, key, meaning } in self.unset() {
            block(&mut blocks, section).lines.push(format!("# {key}: {meaning}"));
        }
        for (section, meaning, keys) in self.unset_sections() {
            let keys = keys.iter().map(|Unset { key, meaning, .. }| format!("# {key}: {meaning}"));
            let lines = [format!("# [{section}]: {meaning}")].into_iter().chain(keys).collect();
            blocks.push(Block { section: String::new(), lines });
        }
        let text = |block: &Block| {
            let header = (!block.section.is_empty()).then(|| format!("[{}]", block.section));
            header.into_iter().chain(block.lines.iter().cloned()).collect::<Vec<_>>().join("\n")
        };
        blocks.iter().map(text).collect::<Vec<_>>().join("\n\n") + "\n"
    }

    /// Keys of the sections that are there.
    fn unset(&self) -> Vec<Unset> {
        let mut all = self.unset_of_cohort();
        if self.generators == 1 {
            all.push(unset("", "generators", "1; with up to 5, intervals know a generator's chance"));
        }
        if self.engine.winograd {
            all.push(unset("engine", "winograd", "true: float32 convolutions in tiles"));
        }
        all.extend(self.unset_of_prepare());
        all.extend(self.unset_of_train());
        let no_class = "none: the generator knows no classes (train.condition)";
        if self.generate.class.is_none() {
            all.push(unset("generate", "class", no_class));
        }
        if self.project.condition.is_none() {
            all.push(unset("project", "condition", no_class));
        }
        all.extend(self.unset_of_project());
        if !self.classify.trust_origin {
            all.push(unset(
                "classify",
                "trust_origin",
                "false: slices of networks of other or unknown data are refused",
            ));
        }
        if !self.classify.external_apart {
            let told = "false: an external set with lesions of the data set's names is refused";
            all.push(unset("classify", "external_apart", told));
        }
        if self.classify.network.is_cnn() {
            all.push(unset(
                "classify",
                "network",
                "\"cnn\"; also \"densenet-121\", \"densenet-169\" and \"densenet-201\"",
            ));
        }
        if self.classify.stem.is_none() {
            all.push(unset("classify", "stem", "of a DenseNet only: by the size of its images"));
        }
        if self.classify.weights.is_none() {
            all.push(unset("classify", "weights", "of a published DenseNet only: drawn by the seed"));
        }
        if self.classify.primary.is_default() {
            let arm = "ada-gan-ld; the arm whose difference from None is tested without correction";
            all.push(unset("classify", "primary.arm", arm));
            all.push(unset("classify", "primary.metric", "auprc; also \"auroc\" and \"balanced-accuracy\""));
            all.push(unset("classify", "primary.against", "auto: the truth where it is known, else the readers"));
        }
        if self.classify.extra_weights.is_empty() {
            all.push(unset("classify", "extra_weights", "[]; [0, 0.25, 1] fits all arms that add at these, too"));
        }
        if self.classify.control.is_none() {
            all.push(unset(
                "classify",
                "control",
                "none; \"shuffle-labels\" and \"duplicate-leak\" test the machinery",
            ));
        }
        if self.conditional.as_ref().is_some_and(|section| section.kimg.is_none()) {
            all.push(self.kimg_of("conditional"));
        }
        if self.multi_contrast.as_ref().is_some_and(|section| section.kimg.is_none()) {
            all.push(self.kimg_of("multi_contrast"));
        }
        all.extend(self.evaluate.iter().flat_map(unset_of_evaluate));
        if self.segment.as_ref().is_some_and(|segment| !segment.trust_origin) {
            all.push(unset("segment", "trust_origin", UNTRUSTED));
        }
        all
    }

    fn kimg_of(&self, section: &'static str) -> Unset {
        unset(section, "kimg", format!("as train.kimg ({})", self.train.kimg))
    }

    fn unset_of_cohort(&self) -> Vec<Unset> {
        let Some(CohortConfig { preset, patients, inversion, snr, prevalence, .. }) = self.cohort.simulate else {
            return vec![unset("cohort", "simulate", "not simulated: the cohort is on disk")];
        };
        let mut all = vec![unset("cohort", "path", "none: the cohort is simulated")];
        let design = preset.design();
        let of_preset = |key: &str, value: String| unset("cohort.simulate", key, format!("of the preset ({value})"));
        if patients.is_none() {
            all.push(of_preset("patients", design.patients.to_string()));
        }
        if inversion.is_none() {
            let methods = [InversionMethod::Tv, InversionMethod::L2, InversionMethod::Tkd];
            let own = methods.iter().find(|method| method.settings() == design.inversion);
            all.push(of_preset(
                "inversion",
                own.map_or("its own".into(), |method| format!("{:?}", spelling::name(method))),
            ));
        }
        if snr.is_none() {
            all.push(of_preset("snr", design.snr.to_string()));
        }
        if prevalence.is_none() {
            let share = f64::from(design.true_rims) / f64::from(design.lesions);
            all.push(of_preset("prevalence", format!("{share:.3}")));
        }
        all
    }

    fn unset_of_prepare(&self) -> Vec<Unset> {
        let prepare = &self.prepare;
        let mut all = Vec::new();
        if prepare.session.is_none() {
            all.push(unset("prepare", "session", "the only one that each patient has"));
        }
        if prepare.entities.is_empty() {
            all.push(unset("prepare", "entities", "none needed: one file of each kind that a patient has"));
        }
        if prepare.form.is_sform() {
            all.push(unset("prepare", "form", "\"sform\""));
        }
        let images = "of plain images only (`rimforge prepare --images`)";
        if prepare.rim_label.is_none() {
            all.push(unset("prepare", "rim_label", images));
        }
        if prepare.side.is_none() {
            all.push(unset("prepare", "side", images));
        }
        // Not written where they are what the rim study has, which is all that it takes.
        all.push(unset("prepare", "classes", "\"interest\": rims, contested lesions and non-rims"));
        all.push(unset("prepare", "items", "\"slices\""));
        if prepare.ambiguous_label.is_none() {
            all.push(unset("prepare", "ambiguous_label", images));
        }
        if prepare.patients.is_none() {
            all.push(unset("prepare", "patients", images));
        }
        // A study of rim lesions has no use for them.
        all.push(unset("prepare", "near_duplicates", images));
        let brains = "of brains with gliomas only (`rimforge prepare --brats`)";
        let of_slices = ["planes", "classes", "least_area", "least_tumour", "step"];
        for key in of_slices.into_iter().chain(["window", "labels", "other_neoplasms", "volumes", "volume_classes"]) {
            all.push(unset("prepare.brats", key, brains));
        }
        let maps = "of maps of fractional anisotropy only (`rimforge prepare --fa`)";
        for key in ["slices", "least_area", "group", "healthy", "learns", "lesion_share"] {
            all.push(unset("prepare.fa", key, maps));
        }
        // Not written at their defaults.
        let usual = PrepareConfig::default();
        for (name, is_usual) in [
            ("max_pixels", prepare.max_pixels == usual.max_pixels),
            ("max_files", prepare.max_files == usual.max_files),
        ] {
            if is_usual {
                all.push(unset("prepare", name, images));
            }
        }
        for name in prepare.contrasts.iter().filter(|name| !prepare.windows.contains_key(*name)) {
            let contrast = default_contrast(name);
            let (low, high) = (contrast.window.low, contrast.window.high);
            all.push(unset("prepare.windows", name, format!("{{ low = {low}, high = {high} }}, in {}", contrast.unit)));
        }
        all
    }

    /// Not written where they change nothing.
    fn unset_of_project(&self) -> Vec<Unset> {
        let (project, usual) = (&self.project, ProjectConfig::default());
        let keys = [
            ("noise_maps", "\"optimised\"".to_owned(), project.noise_maps == usual.noise_maps),
            ("background", usual.background.to_string(), project.background == usual.background),
            ("margin", usual.margin.to_string(), project.margin == usual.margin),
            ("cloud_pull", usual.cloud_pull.to_string(), project.cloud_pull == usual.cloud_pull),
            ("towards_rim", usual.towards_rim.to_string(), project.towards_rim == usual.towards_rim),
            ("evidence", "\"slice\"".to_owned(), project.evidence == usual.evidence),
            ("curve", format!("{:?}", usual.curve), project.curve == usual.curve),
        ];
        let unwritten = keys.into_iter().filter(|(.., is_usual)| *is_usual);
        unwritten.map(|(key, value, _)| unset("project", key, value)).collect()
    }

    fn unset_of_train(&self) -> Vec<Unset> {
        let (train, side) = (&self.train, self.side());
        let mut all = Vec::new();
        if train.r1_gamma.is_none() {
            let value = train.r1_gamma_at(side);
            let meaning = format!(
                "0.0002 x side^2 / batch, relativistic 16 times that ({value} at batch {} and {side} pixels)",
                train.batch
            );
            all.push(unset("train", "r1_gamma", meaning));
        }
        if train.ema_kimg.is_none() {
            let meaning = format!("batch x 10 / 32 ({} at batch {})", train.ema_kimg_or_usual(), train.batch);
            all.push(unset("train", "ema_kimg", meaning));
        }
        if train.replicas.is_none() {
            all.push(unset("train", "replicas", "as many as there are threads, at least 2; of large networks 1"));
        }
        let (net, sizes) = (&train.net, train.net.generator(side, 1));
        for (key, set, value) in [
            ("z_dim", net.z_dim, sizes.z_dim),
            ("w_dim", net.w_dim, sizes.w_dim),
            ("channel_base", net.channel_base, sizes.channel_base),
            ("channel_max", net.channel_max, sizes.channel_max),
            ("mapping_layers", net.mapping_layers, sizes.mapping_layers),
        ] {
            if set.is_none() {
                all.push(unset("train.net", key, format!("of the preset ({value})")));
            }
        }
        let usual = NetConfig::default();
        for (key, meaning, is_usual) in [
            ("modulation", "\"weights\"; also \"adain\"", net.modulation == usual.modulation),
            ("resampling", "\"filter\"; also \"transposed\"", net.resampling == usual.resampling),
            ("attention", "none; 4 to 64, the side of the activations with self-attention", net.attention.is_none()),
        ] {
            if is_usual {
                all.push(unset("train.net", key, meaning));
            }
        }
        if train.ada.speed_kimg.is_none() {
            let value = train.ada.speed_kimg_or_usual(train.base != BaseChoice::None);
            let meaning =
                format!("500, or 100 from a trained network ({value} with train.base = {:?})", train.base.to_string());
            all.push(unset("train.ada", "speed_kimg", meaning));
        }
        all
    }

    /// Sections that are not there, with the keys that they would have.
    fn unset_sections(&self) -> Vec<(&'static str, &'static str, Vec<Unset>)> {
        let mut all = Vec::new();
        if self.train.objective.is_usual() {
            let keys = usual_keys("train.objective", &ObjectiveConfig::default());
            all.push(("train.objective", "StyleGAN2's own", keys));
        }
        if self.train.quantise.is_usual() {
            let keys = usual_keys("train.quantise", &QuantiseFeatures::default());
            all.push(("train.quantise", "none; `sides` says which features of the discriminator have codes", keys));
        }
        if self.conditional.is_none() {
            let meaning = "none; the section adds a generator that is told rims from non-rims";
            all.push(("conditional", meaning, vec![self.kimg_of("conditional")]));
        }
        if self.two_sided.is_none() {
            let keys = usual_keys("two_sided", &TwoSidedConfig::default());
            all.push(("two_sided", "none; the section projects lesions as of either class, for a probability", keys));
        }
        if self.multi_contrast.is_none() {
            let usual = MultiContrastConfig::default();
            let keys = vec![
                unset("multi_contrast", "contrasts", format!("{:?}", usual.contrasts)),
                self.kimg_of("multi_contrast"),
                unset("multi_contrast", "denoise", usual.denoise.to_string()),
            ];
            all.push(("multi_contrast", "none; the section adds a generator of several contrasts", keys));
        }
        if self.evaluate.is_none() {
            let usual = EvaluateConfig::default();
            let mut keys = usual_keys("evaluate", &usual);
            keys.extend(unset_of_evaluate(&usual));
            all.push(("evaluate", "none; the section adds distances of all sets of images to held-out rims", keys));
        }
        if self.explain.is_none() {
            let keys = usual_keys("explain", &ExplainConfig::default());
            all.push(("explain", "none; the section adds what the classifiers look at", keys));
        }
        if self.segment.is_none() {
            let mut keys = usual_keys("segment", &SegmentConfig::default());
            keys.push(unset("segment", "trust_origin", UNTRUSTED));
            all.push(("segment", "none; the section adds masks of rims learnt from several contrasts", keys));
        }
        all
    }
}

/// What `segment.trust_origin` is where it is not set.
const UNTRUSTED: &str = "false: images of networks of other or unknown data are refused";

/// The keys of a section that is left out, as they would be in it.
fn usual_keys(section: &'static str, usual: &impl Serialize) -> Vec<Unset> {
    let table = toml::Table::try_from(usual).unwrap_or_default();
    table.into_iter().map(|(key, value)| unset(section, key, value.to_string())).collect()
}

/// Keys of `evaluate` without a value.
fn unset_of_evaluate(evaluate: &EvaluateConfig) -> Vec<Unset> {
    let own = "none: the program's own small net";
    [
        ("features", own, evaluate.features.is_none()),
        ("lpips", own, evaluate.lpips.is_none()),
        ("lpips_weights", "none, or in the file of evaluate.lpips", evaluate.lpips_weights.is_none()),
        ("clip", "none: no CMMD", evaluate.clip.is_none()),
        ("class", "as generate.class", evaluate.class.is_none()),
    ]
    .into_iter()
    .filter(|(.., is_unset)| *is_unset)
    .map(|(key, meaning, _)| unset("evaluate", key, meaning))
    .collect()
}

/// The sections of a TOML text in their order; the first holds the keys before any header.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = vec![Block { section: String::new(), lines: vec![] }];
    for line in text.lines().filter(|line| !line.is_empty()) {
        // Elements of a list that goes over several lines are indented.
        let section = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match (section, blocks.last_mut()) {
            (Some(section), _) => blocks.push(Block { section: section.to_owned(), lines: vec![] }),
            (None, Some(last)) => last.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    blocks
}

/// The block of `section`: where it has no header so far it comes before its first sub-section, or last.
fn block<'a>(blocks: &'a mut Vec<Block>, section: &str) -> &'a mut Block {
    let at = blocks.iter().position(|block| block.section == section).unwrap_or_else(|| {
        let below = format!("{section}.");
        let at = blocks.iter().position(|block| block.section.starts_with(&below)).unwrap_or(blocks.len());
        blocks.insert(at, Block { section: section.to_owned(), lines: vec![] });
        at
    });
    &mut blocks[at]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::rim_lesions::config::{CohortSource, ConditionalConfig};

    fn simulated() -> RimStudy {
        let simulate = Some(CohortConfig::default());
        RimStudy { cohort: CohortSource { path: None, simulate }, ..RimStudy::default() }
    }

    #[test]
    fn what_is_not_set_is_a_comment_with_what_it_comes_to() {
        let text = simulated().shown();
        for line in [
            "kind = \"rim-lesions\"",
            "# r1_gamma: 0.0002 x side^2 / batch, relativistic 16 times that (0.0256 at batch 32 and 64 pixels)",
            "# ema_kimg: batch x 10 / 32 (10 at batch 32)",
            "# z_dim: of the preset (128)",
            "# speed_kimg: 500, or 100 from a trained network (500 with train.base = \"none\")",
            "# patients: of the preset (36)",
            "# inversion: of the preset (\"tv\")",
            "# prevalence: of the preset (0.333)",
            "# chimap: { low = -80, high = 120 }, in ppb",
            "# [conditional]: none; the section adds a generator that is told rims from non-rims",
            "# kimg: as train.kimg (100)",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same_study() {
        let mut given = RimStudy::default();
        given.cohort.path = Some("cohort".into());
        given.conditional = Some(ConditionalConfig::default());
        given.evaluate = Some(EvaluateConfig::default());
        given.segment = Some(SegmentConfig::default());
        given.two_sided = Some(TwoSidedConfig::default());
        given.multi_contrast = Some(MultiContrastConfig { kimg: Some(2.0), ..MultiContrastConfig::default() });
        for study in [simulated(), given] {
            assert_eq!(toml::from_str::<RimStudy>(&study.shown()).unwrap(), study);
        }
    }

    #[test]
    fn what_a_study_leaves_of_itself_holds_no_comment_and_no_kind() {
        let text = simulated().resolved();
        assert!(!text.contains('#') && !text.contains("kind"), "{text}");
    }
}
