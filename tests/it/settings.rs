//! Every key of a study file at, below and above its limits; contradictions; and that no key is forgotten here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use assert_cmd::Command;
use rimforge::problem::{Kind, Problem, Result};
use rimforge::study::{DermatoscopyStudy, GliomaStudy, ProjectionAccuracyStudy, RimStudy, StudyFile, StudyKind};

/// A study that is good as it stands.
pub const STUDY: &str = "[cohort.simulate]\npreset = \"demo\"\n";

/// One on a cohort of the user's.
pub const REAL: &str = "[cohort]\npath = \"cohort\"\n";

/// What a value is; values of other kinds are refused for all keys alike.
#[derive(Clone, Copy)]
enum Type {
    Number,
    Count,
    Flag,
    /// Any text.
    Text,
    /// One of a few words.
    Word,
    List,
}

impl Type {
    fn wrong(self) -> &'static [&'static str] {
        match self {
            Self::Number => &["nan", "inf", "-inf", "many", "true"],
            Self::Count => &["-1", "1.5", "many", "true", "99999999999999999999"],
            Self::Flag => &["1", "yes"],
            Self::Text => &["7", "true", "\"\""],
            Self::Word => &["7", "true", "nonsense", "\"\""],
            Self::List => &["7", "many", "[[]]"],
        }
    }
}

/// A section that `segment` needs.
const MULTI: &[&str] = &["multi_contrast.denoise=8"];

/// Values of a key that are taken and that are refused, as `--set` has them.
struct Row {
    key: &'static str,
    of: Type,
    good: &'static [&'static str],
    bad: &'static [&'static str],
    study: &'static str,
    with: &'static [&'static str],
}

impl Row {
    /// Beside these settings.
    fn with(self, with: &'static [&'static str]) -> Self {
        Self { with, ..self }
    }

    fn of_real(self) -> Self {
        Self { study: REAL, ..self }
    }
}

fn row(key: &'static str, of: Type, good: &'static [&'static str], bad: &'static [&'static str]) -> Row {
    Row { key, of, good, bad, study: STUDY, with: &[] }
}

fn table() -> Vec<Row> {
    use Type::{Count, Flag, List, Number, Text, Word};
    let conditional = &["train.condition=readers", "generate.class=rim", "project.condition=rim"];
    let above_0 = &["0", "-1", "1e10"];
    vec![
        row("kind", Word, &["rim-lesions"], &["rim-lesion"]),
        row("name", Text, &["a", "\"a b\""], &["\" \""]),
        row("out", Text, &["x/y"], &[]),
        row("seed", Count, &["0", "9223372036854775807"], &[]),
        row("generators", Count, &["1", "5"], &["0", "6"]).with(&["classify.seeds=5"]),
        row("engine.device", Word, &["auto", "cpu", "cuda"], &["tpu", "cuda:1", "CPU"]),
        row("engine.threads", Count, &["0", "1", "4096"], &["4097"]),
        row("engine.graphs", Flag, &["true", "false"], &[]),
        row("engine.winograd", Flag, &["true", "false"], &["1"]),
        row("engine.elsewhere", Flag, &["true", "false"], &[]),
        row("cohort.path", Text, &["my/cohort"], &["\" \""]).of_real(),
        row("cohort.simulate.preset", Word, &["paper", "paper-optimist", "tiny", "hard"], &["big"]),
        row("cohort.simulate.seed", Count, &["0", "1"], &[]),
        row("cohort.simulate.patients", Count, &["1", "9999"], &["0", "10000"]),
        row("cohort.simulate.inversion", Word, &["tv", "l2", "tkd"], &["TV"]),
        row("cohort.simulate.snr", Number, &["5", "40.5", "1e6"], &["4.9", "1e7"]),
        row("cohort.simulate.prevalence", Number, &["0.01", "0.5"], &["0", "0.51", "-0.1"]),
        row(
            "prepare.contrasts",
            List,
            &["['chimap']", "['flair', 'rim']"],
            &["[]", "['']", "['T1w']", "['rim', 'rim']"],
        ),
        row("prepare.contrasts", List, &["['t1w']"], &["['t1 w']"]).of_real(),
        row(
            "prepare.patch",
            List,
            &["[1, 8, 8]", "[1024, 1024, 1024]"],
            &["[0, 64, 64]", "[24, 7, 7]", "[24, 64, 48]", "[24, 1025, 1025]", "[24, 64]", "[24, 64, 64.5]"],
        ),
        row("prepare.slice_area_fraction", Number, &["0", "1"], &["-0.1", "1.1"]),
        row("prepare.test_fraction", Number, &["0.01", "0.84"], &["0", "0.85", "1", "-0.1", "2"]),
        row("prepare.validation_fraction", Number, &["0", "0.74"], &["0.75", "1", "-0.1"]),
        row("prepare.rim_softness", Number, &["0", "10"], &["-0.1", "10.1"]),
        row(
            "prepare.windows",
            List,
            &["{ chimap = { low = -1, high = 1.5 } }", "{}"],
            &[
                "{ chimap = { low = 1, high = 1 } }",
                "{ chimap = { low = nan, high = 1 } }",
                "{ chimap = { low = 1, high = inf } }",
                "{ chimap = { low = 2, high = 1 } }",
                "{ chimap = { low = 2 } }",
                "{ flair = { low = 0, high = 1 } }",
            ],
        ),
        row("prepare.session", Text, &["'01'", "ses-baseline"], &["ses-", "../x"]).of_real(),
        row("prepare.entities", List, &["['run-2', 'part-none']"], &["['run']", "['ses-01']", "['run-../x']"])
            .of_real(),
        row("prepare.form", Word, &["sform", "qform"], &["SFORM"]),
        row("prepare.classes", Word, &["interest"], &["labels"]),
        row("prepare.items", Word, &["slices"], &["volumes"]),
        row("prepare.rim_label", Text, &[], &["light"]),
        row("prepare.ambiguous_label", Text, &[], &["light"]),
        row("prepare.patients", Text, &[], &["patients.tsv"]),
        row("prepare.max_zip_bytes", Count, &["1"], &["0"]),
        row("prepare.max_pixels", Count, &["1", "67108864"], &["0", "67108865"]),
        row("prepare.side", Count, &[], &["3", "64", "1025"]),
        row("prepare.near_duplicates", Flag, &["false"], &["true"]),
        // Of brains: a study of lesions has no use for others than the defaults.
        row("prepare.brats.planes", List, &[], &["[]", "['axial', 'axial']", "['oblique']", "['axial']"]),
        row("prepare.brats.classes", Word, &["plane-tumour"], &["plane", "slice"]),
        row("prepare.brats.least_area", Number, &["0.2"], &["-0.1", "1.1", "0.3"]),
        row("prepare.brats.least_tumour", Count, &["20"], &["0", "5"]),
        row("prepare.brats.step", Count, &["1"], &["0", "2"]),
        row("prepare.brats.window", Word, &["percentile"], &["min-max", "max"]),
        row("prepare.brats.labels", Word, &["by-name"], &["msd", "brats"]),
        row("prepare.brats.other_neoplasms", Flag, &["false"], &["true"]),
        row("prepare.brats.volumes", Flag, &["false"], &["true"]),
        row("prepare.brats.volume_classes", Word, &["population"], &["enhancement", "region"]),
        row("prepare.fa.slices", Count, &["21"], &["0", "1001", "20"]),
        row("prepare.fa.least_area", Number, &["0.5"], &["-0.1", "1.1", "0.3"]),
        row("prepare.fa.group", Text, &["group"], &["arm"]),
        row("prepare.fa.healthy", Text, &["healthy"], &["control"]),
        row("prepare.fa.learns", Word, &["healthy"], &["all"]),
        row("prepare.fa.lesion_share", Number, &["0.5"], &["0", "1.1", "0.3"]),
        row("prepare.max_files", Count, &["1", "10000000"], &["0", "10000001"]),
        row("train.batch", Count, &["2", "3", "4", "65536"], &["0", "1", "6", "65540"]),
        row("train.kimg", Number, &["1", "0.001", "1e9"], above_0),
        row("train.learning_rate", Number, &["0", "1"], &["-0.1", "1.1"]),
        row("train.betas", List, &["[0, 0]", "[0.5, 0.999]"], &["[1, 0]", "[0, 1]", "[-0.1, 0]", "[0, nan]", "[0]"]),
        row("train.epsilon", Number, &["1e-30", "1"], &["0", "1.1"]),
        row("train.r1_gamma", Number, &["0", "1e9"], &["-1", "1e10"]),
        row("train.path_length_weight", Number, &["0", "1e9"], &["-1", "1e10"]),
        row("train.style_mixing", Number, &["0", "1"], &["-0.1", "1.1"]),
        row("train.symmetry", Word, &["none", "mirror", "dihedral"], &["mirrors"]),
        row("train.condition", Word, &["readers"], &["reader", "labels"])
            .with(&["generate.class=rim", "project.condition=rim"]),
        row("train.condition", Word, &["none"], &["labels"]),
        row("train.non_rims_per_rim", Number, &["0", "1e9"], &["-1", "1e10"]),
        row("train.fake_classes", Word, &["natural", "balanced"], &["even"]),
        row("train.ema_kimg", Number, &["0", "1e9"], &["-1", "1e10"]),
        row("train.ema_ramp", Number, &["0", "1e9"], &["-1", "1e10"]),
        row("train.tick_kimg", Number, &["1", "0.001", "1e9"], above_0),
        row("train.checkpoint_ticks", Count, &["1", "1000000"], &["0"]),
        row("train.preview_ticks", Count, &["0", "1000000"], &[]),
        row("train.frechet_ticks", Count, &["0", "1000000"], &[]),
        row("train.base", Text, &["none", "embedded", "out/gan"], &["\" \""]),
        row("train.precision", Word, &["auto", "float32", "tf32", "bfloat16", "float16"], &["float64"]),
        row("train.replicas", Count, &["1", "2", "4"], &["0", "3", "65536"]),
        row("train.freeze_discriminator", Count, &["0", "4"], &["5", "9"]).with(&["train.base=embedded"]),
        row("train.net.preset", Word, &["small", "paper"], &["large"]),
        row("train.net.z_dim", Count, &["1", "65536"], &["0", "65537"]),
        row("train.net.w_dim", Count, &["1", "8192"], &["0", "65536", "65537"]),
        row("train.net.channel_base", Count, &["64", "16777216"], &["0", "63", "16777217"]),
        row("train.net.channel_max", Count, &["1", "65536"], &["0", "65537"]),
        row("train.net.mapping_layers", Count, &["1", "64"], &["0", "65"]),
        row("train.net.modulation", Word, &["weights", "adain"], &["styles"]),
        row("train.net.resampling", Word, &["filter", "transposed"], &["nearest"]),
        row("train.net.attention", Count, &["4", "32"], &["0", "2", "24", "64", "128"]),
        row("train.lazy.path_length_every", Count, &["0", "1000000"], &["1000001"]),
        row("train.lazy.r1_every", Count, &["0", "1000000"], &["1000001"]),
        row(
            "train.ada.augment",
            Word,
            &[
                "medical",
                "none",
                "bgc",
                "diffaugment",
                "diffaugment-medical",
                "blit",
                "geom+blit",
                "blit+geom+color+filter+noise+cutout",
            ],
            &["blur", "blit+", "blit+blit", "medical+blit"],
        ),
        row("train.ada.initial_p", Number, &["0", "0.8"], &["-0.1", "0.81"]),
        row("train.ada.target", Number, &["-1", "1", "none"], &["-1.1", "1.1", "off"]),
        row("train.ada.ceiling", Number, &["0", "1"], &["-0.1", "1.1"]),
        row("train.ada.speed_kimg", Number, &["1", "1e9"], above_0),
        row("train.objective.loss", Word, &["logistic", "relativistic"], &["hinge"]),
        row("train.objective.r2", Flag, &["true", "false"], &[]),
        row("train.objective.top_k", Number, &["0.01", "1"], &["0", "1.1"]),
        row("train.objective.top_k_kimg", Number, &["1", "1e9"], above_0),
        row("train.objective.lecam", Number, &["0", "1000"], &["-1", "1001"]),
        row("train.objective.lecam_from_kimg", Number, &["0", "1e9"], &["-1", "1e10"]),
        row("train.quantise.sides", List, &["[]", "[32]", "[16, 8]"], &["[64]", "[12]", "[2]", "[8, 8]"]),
        row("train.quantise.codes", Count, &["2", "4096"], &["1", "4097"]).with(&["train.quantise.sides=[8]"]),
        row("train.quantise.decay", Number, &["0", "0.9"], &["-0.1", "1"]).with(&["train.quantise.sides=[8]"]),
        row("train.quantise.weight", Number, &["0", "1000"], &["-1", "1001"]).with(&["train.quantise.sides=[8]"]),
        row("train.quantise.pass_on", Flag, &["true", "false"], &[]).with(&["train.quantise.sides=[8]"]),
        row("generate.seeds", Text, &["'0-99'", "'1, 5,7-9'", "'0'"], &["abc", "3-1", "'1,'", "'-1'", "'4294967296'"]),
        row("generate.truncation", Number, &["0", "2"], &["-0.1", "2.1"]),
        row("generate.noise", Word, &["const", "random", "none"], &["fresh"]),
        row(
            "generate.formats",
            List,
            &["['npy']", "['nifti', 'npy', 'png']"],
            &["[]", "['npy', 'npy']", "['jpg']", "['png']"],
        ),
        row("generate.class", Text, &["rim", "1"], &["'non-rim'", "0", "-1", "2", "ring", "1.5"]).with(conditional),
        row("project.class", Word, &["ambiguous"], &["contested", "rim", "non-rim"]),
        row("project.class", Word, &["rim", "non-rim"], &["contested"]).with(&["classify.arms=['none', 'ada-gan']"]),
        row("project.split", Word, &["train"], &["test", "validation"]),
        row("project.split", Word, &["validation"], &["test"]).with(&["classify.arms=['none', 'ada-gan']"]),
        row("project.limit", Count, &["0", "1000000"], &[]),
        row("project.slices", Count, &["1", "1024"], &["0", "1025"]),
        row("project.controls", Count, &["0", "1000000"], &[]),
        row("project.steps", Count, &["1", "1000000"], &["0", "1000001"]),
        row("project.learning_rate", Number, &["0", "1e6"], &["-0.1", "1e7"]),
        row("project.w_noise", Number, &["0", "1e6"], &["-0.1", "1e7"]),
        row("project.noise_regularisation", Number, &["0", "1e12"], &["-1", "1e13"]),
        row(
            "project.features",
            Word,
            &["auto", "random-vgg", "pixels", "discriminator", "nets/vgg.pt"],
            &["vgg", ".pt"],
        ),
        row("project.choose_features", Count, &["0", "1000000"], &[]),
        row("project.w_samples", Count, &["2", "10000000"], &["1", "10000001"]),
        row("project.batch", Count, &["1", "65536"], &["0", "65537"]),
        row("project.space", Word, &["w", "w-plus", "w-plus-coarse"], &["z"]),
        row("project.noise_maps", Word, &["optimised", "fixed", "dropped"], &["none"]),
        row("project.start", Word, &["nearest", "mean"], &["random"]),
        row("project.candidates", Count, &["1", "10000000"], &["0", "10000001"]),
        row("project.background", Number, &["1", "0.001"], &["0", "-1", "1.1"]),
        row("project.margin", Count, &["0", "1024"], &["1025"]),
        row("project.cloud_pull", Number, &["0", "1e6"], &["-0.1", "1e7"]),
        row("project.towards_rim", Number, &["0", "1"], &["-0.1", "1.1"]),
        row("project.evidence", Word, &["slice", "lesion"], &["slices"]),
        row("project.curve", List, &["[]", "[0, 0.5, 1]"], &["[-0.1]", "[0, 1.1]"]),
        row("project.film", Count, &["0", "1000"], &["1001"]),
        row("project.precision", Word, &["auto", "float32", "tf32", "bfloat16", "float16"], &["float64"]),
        row("project.condition", Text, &["rim", "1"], &["'non-rim'", "0", "estimate", "-1", "2", "ring"])
            .with(conditional),
        row("project.condition", Text, &["rim", "'non-rim'", "0", "1", "estimate"], &["-1", "2", "ring"]).with(&[
            "train.condition=readers",
            "generate.class=rim",
            "project.condition=rim",
            "classify.arms=['none', 'ada-gan']",
        ]),
        row("perturb.lesions", Count, &["0", "1000000"], &[]),
        row("perturb.noise", Number, &["0", "10"], &["-0.1", "10.1"]),
        row("perturb.salt_and_pepper", Number, &["0", "1"], &["-0.1", "1.1"]),
        row("perturb.blur", Number, &["0", "100"], &["-0.1", "101"]),
        row("perturb.inpainting", Number, &["0", "1"], &["-0.1", "1.1"]),
        row(
            "classify.arms",
            List,
            &["['none']", "['ada-gan+ld', 'none']"],
            &["[]", "['none', 'none']", "['gan']", "['ada-cgan']"],
        ),
        row("classify.arms", List, &["['ada-cgan']"], &["['none', 'none']"]).with(&["conditional={}"]),
        row("classify.seeds", Count, &["1", "10000"], &["0", "10001"]),
        row("classify.epochs", Count, &["1", "1000000"], &["0", "1000001"]),
        row("classify.batch", Count, &["4", "1000000"], &["0", "3", "1000001"]),
        row("classify.learning_rate", Number, &["1e-9", "1000"], &["0", "-1", "1001"]),
        row("classify.extra", Count, &["1", "1000000"], &["0", "1000001"]),
        row(
            "classify.network",
            Word,
            &["cnn", "densenet-small", "densenet-121", "densenet-169", "densenet-201"],
            &["densenet", "densenet121"],
        ),
        row("classify.stem", Word, &["full", "small"], &["large"]).with(&["classify.network=densenet-small"]),
        row("classify.weights", Text, &["w.pth"], &[]).with(&["classify.network=densenet-121"]),
        row("classify.width", Word, &["small", "paper"], &["wide"]),
        row("classify.non_rims_per_rim", Number, &["0.1", "1e9"], above_0),
        row("classify.pooling", Word, &["mean", "top-half"], &["max"]),
        row("classify.threshold", Word, &["youden", "f1"], &["F1"]),
        row("classify.accepted_only", Flag, &["true", "false"], &[]),
        row("classify.trust_origin", Flag, &["true", "false"], &[]),
        row("classify.external_apart", Flag, &["true", "false"], &[]),
        row("classify.bootstrap_draws", Count, &["100", "10000000"], &["0", "99", "10000001"]),
        row("classify.reference_prevalence", Number, &["0.001", "0.999"], &["0", "1", "-0.1"]),
        row("classify.maps", Count, &["0", "1000"], &[]),
        row("classify.primary.arm", Word, &["ada-gan", "affine"], &["none", "ada-cgan", "ada"]),
        row("classify.primary.metric", Word, &["auprc", "auroc", "balanced-accuracy"], &["auc"]),
        row("classify.primary.against", Word, &["auto", "readers", "truth"], &["labels"]),
        row("classify.control", Word, &["shuffle-labels", "duplicate-leak"], &["none"]),
        row("evaluate.features", Text, &["a.pt", "nets/a.pth", "a.safetensors"], &["a", ".pt"]),
        row("evaluate.lpips", Text, &["a.pth"], &["a.onnx"]),
        row("evaluate.lpips_weights", Text, &["b.pth"], &["b"]).with(&["evaluate.lpips=a.pth"]),
        row("evaluate.clip", Text, &["ViT-L-14-336px.pt"], &["clip.bin.gz"]),
        row("evaluate.images", Count, &["8", "100000"], &["7", "100001"]),
        row("evaluate.components", Count, &["1", "4096"], &["0", "4097"]),
        row("evaluate.neighbours", Count, &["1", "1000"], &["0", "1001"]),
        row("evaluate.pairs", Count, &["1", "1000000"], &["0", "1000001"]),
        row("evaluate.extra", Count, &["1", "1000000"], &["0", "1000001"]),
        row("evaluate.arms", List, &["[]", "[\"affine\", \"deep-smote\"]"], &["[\"none\"]", "[\"smote\", \"smote\"]"]),
        row("evaluate.draws", Count, &["20", "100000"], &["19", "100001"]),
        row("evaluate.yardsticks", Flag, &["true", "false"], &[]),
        row("evaluate.paths", Count, &["0", "1000000"], &["1000001"]),
        row("evaluate.truncations", List, &["[]", "[0, 2]"], &["[-0.1]", "[2.1]", "[nan]"]),
        row(
            "segment.arms",
            List,
            &["[\"real\"]", "[\"both\", \"real\"]"],
            &["[]", "[\"fake\"]", "[\"real\", \"real\"]"],
        )
        .with(&["multi_contrast.denoise=2"]),
        row("segment.seeds", Count, &["1", "10000"], &["0", "10001"]).with(MULTI),
        row("segment.steps", Count, &["1", "1000000"], &["0", "1000001"]).with(MULTI),
        row("segment.batch", Count, &["4", "1000000"], &["3", "1000001"]).with(MULTI),
        row("segment.learning_rate", Number, &["1e-6", "1000"], &["0", "-1", "1001"]).with(MULTI),
        row("segment.width", Word, &["tiny", "small", "large"], &["paper"]).with(MULTI),
        row("segment.rim_free_per_rim", Number, &["0.1", "1e9"], above_0).with(MULTI),
        row("segment.extra", Count, &["1", "1000000"], &["0", "1000001"]).with(MULTI),
        row("segment.extra_weight", Number, &["0", "1000"], &["-0.1", "1001"]).with(MULTI),
        row("segment.accepted_only", Flag, &["true", "false"], &[]).with(MULTI),
        row("segment.trust_origin", Flag, &["true", "false"], &[]).with(MULTI),
        row("segment.margin_mm", Number, &["0", "100"], &["-0.1", "101"]).with(MULTI),
        row("segment.tolerance_mm", Number, &["0", "100"], &["-0.1", "101"]).with(MULTI),
        row("segment.least_voxels", Count, &["1", "1000000"], &["0", "1000001"]).with(MULTI),
        row("segment.draws", Count, &["100", "10000000"], &["99", "10000001"]).with(MULTI),
        row("segment.shown", Count, &["0", "100"], &["101"]).with(MULTI),
        row("evaluate.class", Text, &["rim", "1"], &["-1"]).with(conditional),
        row("explain.arms", List, &["[\"none\"]"], &["[]", "[\"none\", \"none\"]"]),
        row("explain.fits", Count, &["1", "1000"], &["0", "1001"]),
        row("explain.lesions", Count, &["2", "100000"], &["1", "100001"]),
        row("explain.layer", Count, &["1", "6"], &["0", "7"]),
        row("explain.steps", Count, &["2", "256"], &["1", "257"]),
        row("explain.orders", Count, &["1", "100"], &["0", "101"]),
        row("explain.twins", Flag, &["true", "false"], &[]),
        row("explain.shown", Count, &["0", "20"], &["21"]),
        row("explain.draws", Count, &["100", "100000"], &["99", "100001"]),
        row("classify.additions", Word, &["on-top", "in-place"], &["beside"]),
        row("classify.extra_weight", Number, &["0", "0.25", "1000"], &["-0.1", "1001"]),
        row("classify.extra_weights", List, &["[]", "[0, 0.5, 1000]"], &["[-0.1]", "[1001]", "[nan]", "[1, 1]"]),
        row("classify.augment", Word, &["none", "dihedral-shift"], &["mirror"]),
        row("classify.deep_smote_latent", Count, &["2", "1024"], &["1", "1025"]),
        row("classify.deep_smote_epochs", Count, &["1", "1000000"], &["0", "1000001"]),
        row("two_sided.calibrate", Word, &["validation"], &["test", "all"]).with(&["conditional={}"]),
        row("two_sided.calibrate", Word, &["train"], &["test"]).with(&["conditional={}", "two_sided.seen=9"]),
        row("two_sided.prior", Number, &["0.01", "0.99"], &["0", "1", "-0.1"]).with(&["conditional={}"]),
        row("two_sided.covariates", Flag, &["true", "false"], &[]).with(&["conditional={}"]),
        row("two_sided.held_out", Count, &["1", "1000000"], &["0", "1000001"]).with(&["conditional={}"]),
        row("two_sided.seen", Count, &["0", "1000000"], &["1000001"]).with(&["conditional={}"]),
        row("conditional.kimg", Number, &["1", "1e9"], above_0),
        row(
            "multi_contrast.contrasts",
            List,
            &["['chimap']", "['rim', 'flair']"],
            &["[]", "['']", "['rim', 'rim']", "['t1w']"],
        ),
        row("multi_contrast.kimg", Number, &["1", "1e9"], above_0),
        row("multi_contrast.denoise", Count, &["0", "1000000"], &[]),
    ]
}

/// Settings that are good one by one and not together, and what is said of them.
const CLASHES: &[(&str, &[&str], &[&str])] = &[
    ("", &[], &["no cohort", "[cohort.simulate]"]),
    (STUDY, &["generators=4"], &["generators = 4 with classify.seeds = ", "a repetition for each generator"]),
    (
        STUDY,
        &["generators=2", "classify.seeds=4", "classify.accepted_only=true"],
        &["generators = 2 with classify.accepted_only = true"],
    ),
    (STUDY, &["cohort.path=x"], &["cohort.path = \"x\"", "one of the two"]),
    (REAL, &["out=cohort"], &["out = \"cohort\" with cohort.path"]),
    (STUDY, &["prepare.session='01'"], &["prepare.session = \"01\" with [cohort.simulate]"]),
    (STUDY, &["prepare.contrasts=['t1w']"], &["prepare.contrasts = [\"t1w\"]", "chimap, flair, rim"]),
    (STUDY, &["multi_contrast.contrasts=['t1w']"], &["multi_contrast.contrasts = [\"t1w\"]"]),
    (
        STUDY,
        &["prepare.windows.chimap={low = 0, high = 1}", "multi_contrast.contrasts=['rim']"],
        &["a window for \"chimap\"", "expected rim"],
    ),
    (
        STUDY,
        &["prepare.test_fraction=0.5", "prepare.validation_fraction=0.5"],
        &["prepare.test_fraction = 0.5 with prepare.validation_fraction = 0.5", "a sum below 1"],
    ),
    (
        STUDY,
        &["prepare.validation_fraction=0", "project.controls=1"],
        &["project.controls = 1 with prepare.validation"],
    ),
    (STUDY, &["prepare.validation_fraction=0", "project.choose_features=1"], &["project.choose_features = 1 with"]),
    (STUDY, &["prepare.validation_fraction=0", "perturb.lesions=1"], &["perturb.lesions = 1 with prepare.validation"]),
    (
        STUDY,
        &["prepare.validation_fraction=0", "project.split=validation"],
        &["project.split = \"validation\" with prepare.validation_fraction = 0"],
    ),
    (STUDY, &["train.freeze_discriminator=1"], &["train.freeze_discriminator = 1", "train.base = \"none\""]),
    (STUDY, &["prepare.patch=[24, 128, 128]", "train.net.channel_base=64"], &["train.net.channel_base = 64", "128"]),
    (STUDY, &["prepare.patch=[24, 32, 32]", "train.net.attention=32"], &["attention = 32", "from 4 to 16"]),
    (
        STUDY,
        &["train.base=embedded", "train.net.modulation=adain"],
        &["train.base = \"embedded\" with networks of 64 pixels", "modulation adain"],
    ),
    (
        STUDY,
        &["train.base=embedded", "train.net.preset=paper"],
        &["train.base = \"embedded\" with networks of 64 pixels"],
    ),
    (STUDY, &["train.base=embedded", "prepare.patch=[24, 32, 32]"], &["train.base = \"embedded\" with networks of 32"]),
    (REAL, &["train.base=embedded", "prepare.contrasts=['t1w']"], &["train.base = \"embedded\" for t1w", "chimap"]),
    (
        REAL,
        &["train.base=embedded", "train.freeze_discriminator=1", "prepare.contrasts=['chimap', 't1w']"],
        &["train.freeze_discriminator = 1 with contrasts"],
    ),
    (STUDY, &["train.ada.augment=bgc", "multi_contrast={}"], &["train.ada.augment = \"bgc\"", "\"color\""]),
    (STUDY, &["generate.class=rim"], &["generate.class = \"rim\" with train.condition = \"none\""]),
    (STUDY, &["project.condition=estimate"], &["project.condition = \"estimate\" with train.condition = \"none\""]),
    (STUDY, &["train.condition=readers"], &["generate.class = nothing with train.condition = \"readers\""]),
    (STUDY, &["train.condition=readers", "generate.class=rim"], &["project.condition = nothing with train.condition"]),
    (
        STUDY,
        &["train.condition=readers", "generate.class='non-rim'", "project.condition=rim"],
        &["generate.class = \"non-rim\" with \"ada-gan\" in classify.arms"],
    ),
    (
        STUDY,
        &["train.condition=readers", "generate.class=rim", "project.condition=estimate"],
        &["project.condition = \"estimate\" with \"ada-gan-ld\" in classify.arms"],
    ),
    (STUDY, &["two_sided={}"], &["[two_sided] without a conditional generator", "[conditional]"]),
    (STUDY, &["conditional={}", "classify.arms=['two-sided']"], &["\"two-sided\" in classify.arms", "[two_sided]"]),
    (STUDY, &["conditional={}", "two_sided.calibrate=train"], &["two_sided.seen = 0 with two_sided.calibrate"]),
    (
        STUDY,
        &["conditional={}", "two_sided={}", "prepare.validation_fraction=0"],
        &["two_sided.held_out = 200 with prepare.validation_fraction = 0"],
    ),
    (
        STUDY,
        &["conditional={}", "two_sided={}", "project.class=rim", "classify.arms=['none']"],
        &["project.class = \"rim\" with [two_sided]"],
    ),
    (STUDY, &["classify.arms=['none', 'ada-cgan']"], &["\"ada-cgan\" in classify.arms without", "[conditional]"]),
    (
        STUDY,
        &["classify.arms=['none', 'ada-gan-realism']", "generate.seeds='7'"],
        &["generate.seeds = 1 with \"ada-gan-realism\" in classify.arms", "at least two"],
    ),
    (STUDY, &["explain.arms=['none', 'ada-cgan']"], &["explain.arms = \"ada-cgan\" with classify.arms without it"]),
    (STUDY, &["classify.arms=['em']", "project.class=rim"], &["project.class = \"rim\" with \"em\" in classify.arms"]),
    (STUDY, &["generate.formats=['png']"], &["generate.formats = [\"png\"] with \"ada-gan\" in classify.arms"]),
    (STUDY, &["project.class=rim"], &["project.class = \"rim\" with \"ambiguous\" in classify.arms"]),
    (STUDY, &["project.split=validation"], &["project.split = \"validation\" with \"ambiguous\" in classify.arms"]),
    (
        STUDY,
        &["engine.device=cpu", "train.precision=tf32"],
        &["train.precision = \"tf32\" with engine.device = \"cpu\""],
    ),
    (
        STUDY,
        &["engine.device=cpu", "project.precision=float16"],
        &["project.precision = \"float16\" with engine.device"],
    ),
    (STUDY, &["train.ada.ceiling=0.2", "train.ada.initial_p=0.3"], &["train.ada.initial_p = 0.3", "which is 0.2"]),
];

/// The study `text` with `settings` laid over it.
pub fn load(text: &str, settings: &[String]) -> Result<RimStudy> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.toml");
    std::fs::write(&path, text).unwrap();
    RimStudy::load(&path, settings)
}

/// A refusal is a person's mistake and says the key, what is expected and what to do.
fn assert_says(problem: &Problem, words: &[&str], case: &str) {
    let text = problem.to_string();
    assert_eq!(problem.kind(), Kind::Usage, "{case}: {text}");
    for word in words.iter().chain(&["; expected ", "\n  what to do: "]) {
        assert!(text.contains(word), "{case}: {word:?} is missing in: {text}");
    }
}

#[test]
fn every_key_is_taken_within_its_limits_and_refused_beyond_them() {
    for Row { key, of, good, bad, study, with } in table() {
        let settings = |value: &str| -> Vec<String> {
            let others = with.iter().filter(|setting| setting.split('=').next() != Some(key));
            others.map(|setting| (*setting).to_owned()).chain([format!("{key}={value}")]).collect()
        };
        for value in good {
            if let Err(problem) = load(study, &settings(value)) {
                panic!("{key}={value} is refused: {problem}");
            }
        }
        // A class may be a number as well as a name.
        let class = ["generate.class", "project.condition"].contains(&key);
        let wrong = of.wrong().iter().filter(|value| !class || **value != "7");
        for value in bad.iter().chain(wrong) {
            match load(study, &settings(value)) {
                Ok(_) => panic!("{key}={value} is taken"),
                Err(problem) => assert_says(&problem, &[key, "--set"], &format!("{key}={value}")),
            }
        }
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (study, settings, words) in CLASHES {
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        match load(study, &settings) {
            Ok(_) => panic!("{settings:?} are taken together"),
            Err(problem) => assert_says(&problem, words, &format!("{settings:?}")),
        }
    }
}

/// Keys of the section `path`, as a refusal lists them; `None` for what is no section.
fn keys_of(path: &str) -> Option<Vec<String>> {
    let unknown = if path.is_empty() { "zzz".to_owned() } else { format!("{path}.zzz") };
    let problem = load(STUDY, &[format!("{unknown}=1")]).unwrap_err().to_string();
    let known = problem.contains(&format!("unknown key `{unknown}`")).then_some(problem)?;
    let (_, list) = known.split_once("Known here: ")?;
    Some(list.trim().split(", ").map(str::to_owned).collect())
}

/// Every key that a study file may have, sections followed down.
pub fn all_keys(path: &str, found: &mut BTreeSet<String>) {
    for key in keys_of(path).unwrap() {
        let key = if path.is_empty() { key } else { format!("{path}.{key}") };
        match keys_of(&key) {
            Some(_) => all_keys(&key, found),
            None => {
                found.insert(key);
            }
        }
    }
}

#[test]
fn no_key_is_without_a_row_and_no_row_without_a_key() {
    let mut keys = BTreeSet::new();
    all_keys("", &mut keys);
    let rows: BTreeSet<String> = table().into_iter().map(|row| row.key.to_owned()).collect();
    assert_eq!(keys.difference(&rows).collect::<Vec<_>>(), Vec::<&String>::new(), "keys without a row");
    assert_eq!(rows.difference(&keys).collect::<Vec<_>>(), Vec::<&String>::new(), "rows without a key");
    // The walk goes through all that a default study writes.
    let written: toml::Table = load(STUDY, &[]).unwrap().resolved().parse().unwrap();
    assert_eq!(written.len(), 11, "{written:?}");
    assert!(written.keys().all(|key| keys.iter().any(|known| known.split('.').next() == Some(key))));
}

#[test]
fn config_show_prints_every_key_of_a_simulated_and_of_a_real_study() {
    let mut keys = BTreeSet::new();
    all_keys("", &mut keys);
    for (study, moot) in [(STUDY, "-"), (REAL, "cohort.simulate.")] {
        let text = load(study, &[]).unwrap().shown();
        let mut section = String::new();
        let mut shown: BTreeMap<String, &str> = BTreeMap::new();
        for line in text.lines() {
            let bare = line.trim_start_matches("# ");
            if let Some((name, _)) = bare.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                section = name.to_owned();
            } else if let Some((key, _)) = bare.split_once([' ', ':']) {
                let key = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
                shown.insert(key, line);
            }
            // A section may be empty.
            shown.insert(section.clone(), line);
        }
        let hidden: Vec<_> = keys.iter().filter(|key| !shown.contains_key(*key) && !key.starts_with(moot)).collect();
        assert!(hidden.is_empty(), "{hidden:?} are missing in\n{text}");
    }
}

#[test]
fn what_is_shown_is_the_same_study_again() {
    for settings in [&[][..], &["multi_contrast={}", "conditional={}", "train.ada.target=none", "train.r1_gamma=1"]] {
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let study = load(STUDY, &settings).unwrap();
        assert_eq!(load(&study.shown(), &[]).unwrap(), study);
        assert_eq!(load(&study.resolved(), &[]).unwrap(), study);
    }
}

/// The settings of a study, whatever its kind, can be used.
pub fn load_any(path: &Path) -> Result<()> {
    let file = StudyFile::open(path, &[])?;
    match StudyKind::of(&file)? {
        StudyKind::RimLesions => file.settings::<RimStudy>().map(drop),
        StudyKind::Dermatoscopy => file.settings::<DermatoscopyStudy>().map(drop),
        StudyKind::ProjectionAccuracy => file.settings::<ProjectionAccuracyStudy>().map(drop),
        StudyKind::Glioma => file.settings::<GliomaStudy>().map(drop),
    }
}

#[test]
fn the_studies_that_come_with_the_program_are_good() {
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("studies")).unwrap() {
        let path = entry.unwrap().path();
        load_any(&path).unwrap_or_else(|problem| panic!("{problem}"));
    }
}

#[test]
fn the_program_refuses_at_once_with_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.toml");
    let show = |text: &str, settings: &[&str]| {
        std::fs::write(&path, text).unwrap();
        let mut command = Command::cargo_bin("rimforge").unwrap();
        command.args(["config", "show"]).arg(&path);
        settings.iter().for_each(|setting| {
            command.args(["--set", setting]);
        });
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    for (key, value) in [
        ("classify.seeds", "0"),
        ("train.batch", "6"),
        ("train.kimg", "-1"),
        ("project.steps", "0"),
        ("generate.seeds", "abc"),
        ("prepare.test_fraction", "2"),
        ("train.ada.augment", "blur"),
        ("engine.device", "tpu"),
    ] {
        let (code, said, printed) = show(STUDY, &[&format!("{key}={value}")]);
        assert_eq!((code, printed.as_str()), (Some(2), ""), "{key}: {said}");
        assert!(said.contains(key) && said.contains(&format!("--set {key}={value}")), "{said}");
        let quoted = if value.parse::<f64>().is_ok() { value.to_owned() } else { format!("{value:?}") };
        let (section, name) = key.rsplit_once('.').unwrap();
        let (code, said, _) = show(&format!("{STUDY}[{section}]\n{name} = {quoted}\n"), &[]);
        assert_eq!(code, Some(2), "{key}: {said}");
        assert!(said.contains(key) && said.contains("study.toml") && !said.contains("--set"), "{said}");
    }
    let (code, _, printed) = show(STUDY, &["train.batch=8"]);
    assert_eq!(code, Some(0));
    assert!(printed.contains("batch = 8\n") && printed.contains("# r1_gamma: "), "{printed}");
}

#[test]
fn a_study_whose_files_are_missing_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("cohort")).unwrap();
    std::fs::write(dir.path().join("study.toml"), format!("out = \"out\"\n{REAL}")).unwrap();
    for (key, file) in [("cohort.path", "absent"), ("train.base", "absent"), ("project.features", "absent.pt")] {
        let mut command = Command::cargo_bin("rimforge").unwrap();
        command.current_dir(dir.path()).args(["run", "study.toml", "--set", "engine.device=cpu"]);
        let output = command.args(["--set", &format!("{key}={file}")]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(&format!("{file}: nothing there, and {key} names it")), "{said}");
        assert!(!dir.path().join("out").exists());
    }
}
