//! What is measured: keys, names, and what each number shows and does not show.

use super::eye::Names;
use crate::records::evaluate::{Better, Measure};

/// Keys of the record, in the order of the tables.
pub mod key {
    /// Frechet distance.
    pub const FRECHET: &str = "frechet";
    /// Squared MMD with the cubic kernel.
    pub const CUBIC: &str = "kernel-cubic";
    /// Squared MMD with the Gaussian kernel, times 1000.
    pub const GAUSSIAN: &str = "kernel-gaussian";
    /// Squared MMD of CLIP's embeddings with a Gaussian kernel of sigma 10, times 1000.
    pub const CMMD: &str = "cmmd";
    /// Share of images among the held-out ones.
    pub const PRECISION: &str = "precision";
    /// Share of held-out ones among the images.
    pub const RECALL: &str = "recall";
    /// How densely they lie there.
    pub const DENSITY: &str = "density";
    /// Share of held-out ones with an image near.
    pub const COVERAGE: &str = "coverage";
    /// Wasserstein-1 of the readouts.
    pub const READOUTS: [&str; 4] = ["rim-ppb", "rim-thickness", "rim-closure", "core-ppb"];
    /// Mean distance between two images of a set.
    pub const DIVERSITY: &str = "diversity";
    /// Mean likeness of two images of a set.
    pub const LIKENESS: &str = "ms-ssim";
    /// Mean distance of a projection to its original.
    pub const TO_ORIGINAL: &str = "distance-to-original";
    /// Mean likeness of a projection and its original.
    pub const LIKE_ORIGINAL: &str = "ms-ssim-to-original";
}

/// Measures that grow with the distance to the held-out images.
pub fn distances() -> impl Iterator<Item = &'static str> {
    [key::FRECHET, key::CUBIC, key::GAUSSIAN, key::CMMD].into_iter().chain(key::READOUTS)
}

/// All that may stand in a table; `scales` are those of the structural similarity, `thickness` the unit of the rim's.
pub fn all(names: &Names, components: Option<u64>, neighbours: u64, scales: usize, thickness: &str) -> Vec<Measure> {
    let axes = components.map_or(String::new(), |count| format!(", {count} components"));
    let likeness = if scales == 5 { "MS-SSIM".to_owned() } else { format!("MS-SSIM of {scales} scales") };
    let shares = |what: &str| format!("{what} (k = {neighbours})");
    let gaussian = "kernel distance (Gaussian) x 1000";
    let rows = [
        (key::FRECHET, format!("{}{axes}", names.frechet), "", Better::Lower, FRECHET),
        (key::CUBIC, names.cubic.clone(), "", Better::Lower, CUBIC),
        (key::GAUSSIAN, gaussian.to_owned(), "", Better::Lower, GAUSSIAN),
        (key::CMMD, names.clip.clone().unwrap_or_default(), "", Better::Lower, CMMD),
        (key::PRECISION, shares("precision"), "", Better::Higher, PRECISION),
        (key::RECALL, shares("recall"), "", Better::Higher, RECALL),
        (key::DENSITY, shares("density"), "", Better::Alike, DENSITY),
        (key::COVERAGE, shares("coverage"), "", Better::Higher, COVERAGE),
        (key::READOUTS[0], "rim contrast, Wasserstein-1".to_owned(), "ppb", Better::Lower, READOUT),
        (key::READOUTS[1], "rim thickness, Wasserstein-1".to_owned(), thickness, Better::Lower, READOUT),
        (key::READOUTS[2], "rim closure, Wasserstein-1".to_owned(), "", Better::Lower, READOUT),
        (key::READOUTS[3], "core contrast, Wasserstein-1".to_owned(), "ppb", Better::Lower, READOUT),
        (key::DIVERSITY, format!("diversity: {}", names.pair), "", Better::Alike, DIVERSITY),
        (key::LIKENESS, format!("likeness of two images: {likeness}"), "", Better::Alike, LIKENESS),
        (key::TO_ORIGINAL, format!("to the original: {}", names.pair), "", Better::Lower, TO_ORIGINAL),
        (key::LIKE_ORIGINAL, format!("to the original: {likeness}"), "", Better::Higher, TO_ORIGINAL),
    ];
    let measure = |(key, name, unit, better, about): (&str, String, &str, Better, &str)| Measure {
        key: key.into(),
        name,
        unit: unit.into(),
        better,
        about: about.into(),
    };
    let is_there = |row: &(&str, String, &str, Better, &str)| row.0 != key::CMMD || names.clip.is_some();
    rows.into_iter().filter(is_there).map(measure).collect()
}

const FRECHET: &str = "Means and covariances of two sets: shows a shift of the whole, not one bad image; its level \
                       is mostly the number of images, so only rows of one table compare, and only with the floor.";
const CUBIC: &str = "As the Frechet distance, but free of the number of images in expectation: 0 (negative, too) \
                     where the sets are alike. Pairs of one patient are left out.";
const GAUSSIAN: &str = "The statistic of CMMD with the median distance of the held-out images as width: sees more \
                        than means and covariances; its size depends on that width.";
const CMMD: &str = "A kernel distance by what an encoder of photographs and their captions sees, free of the number of \
                    images in expectation: 0 (negative, too) where the sets are alike; the published code adds a \
                    little, 40 / n at most. Pairs of one patient are left out.";
const PRECISION: &str = "Share of the images that lie where held-out ones do: realism, not variety; grows with k.";
const RECALL: &str = "Share of the held-out images that lie where the set does: variety, not realism.";
const DENSITY: &str = "How many held-out neighbourhoods an image lies in: 1 where the sets are alike, more where a \
                       set keeps to the usual.";
const COVERAGE: &str =
    "Share of the held-out images with one of the set near: 1 is not to be expected even of real ones.";
const READOUT: &str = "How far the distribution of a readout in its own unit lies from that of the held-out ones: \
                       physics, not looks; the readout is of the most rim-like ellipse, which any texture has.";
const DIVERSITY: &str = "Mean distance of two images of different patients: less than that of the held-out ones is a \
                         set with few kinds of images, more is noise or another kind.";
const LIKENESS: &str = "Mean similarity of two images of different patients: more than that of the held-out ones is \
                        a set with few kinds of images.";
const TO_ORIGINAL: &str = "How much a projection keeps of its slice: everything kept is nothing denoised, little \
                           kept is another lesion.";
