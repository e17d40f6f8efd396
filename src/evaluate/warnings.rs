//! What stands between a number and what it is usually taken for, in plain words.

use crate::metrics::prdc::expected_coverage;

/// Images below which a kernel distance is estimated from all pairs, not from subsets, and a Frechet distance is mostly
/// bias.
const USUAL_SUBSET: u64 = 1000;

/// Patients below which intervals over patients are rough.
const FEW_PATIENTS: u64 = 20;

/// Patients below which there is no interval.
const FEWEST_PATIENTS: u64 = 4;

/// Facts that decide what to warn of.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Smallest number of images of a table.
    pub images: u64,
    /// Patients of the held-out images.
    pub patients: u64,
    /// Numbers an image that the Frechet distance is taken on.
    pub dimensions: u64,
    /// Whether the distances are of the program's own net.
    pub own_net: bool,
    /// Whether the weights of a CLIP are the published ones; `None` without one.
    pub clip: Option<bool>,
    /// Neighbours.
    pub neighbours: u64,
    /// Scales of the structural similarity.
    pub scales: usize,
    /// The images' smaller side.
    pub side: u64,
    /// Channels.
    pub channels: u64,
}

/// One sentence or two for each thing to know.
pub fn of(facts: &Facts) -> Vec<String> {
    let Facts { images, patients, dimensions, own_net, clip, neighbours, scales, side, channels } = *facts;
    let mut warnings = Vec::new();
    if images <= dimensions {
        warnings.push(format!(
            "Frechet distance: {images} images for {dimensions} numbers an image leave its covariances singular; its \
             level is that of the number of images. Compare rows of one table, with the floor, or take the kernel \
             distances."
        ));
    }
    if images < USUAL_SUBSET {
        warnings.push(format!(
            "{images} images a set are fewer than the {USUAL_SUBSET} of a usual subset: kernel distances are \
             computed of all pairs at once, and no Frechet distance here may be set beside a published one."
        ));
    }
    if patients < FEW_PATIENTS {
        warnings.push(format!(
            "Held-out images of {patients} patients: below {FEW_PATIENTS} intervals over patients are rough and \
             mostly too narrow."
        ));
    }
    if patients < FEWEST_PATIENTS {
        warnings.push(format!(
            "Fewer than {FEWEST_PATIENTS} patients cannot be halved: numbers without an interval are left out."
        ));
    }
    if images <= neighbours {
        warnings.push(format!(
            "Precision, recall, density and coverage with {neighbours} neighbours need more than {images} \
             images and are left out."
        ));
    } else {
        let coverage = expected_coverage(images, neighbours);
        warnings.push(format!(
            "Coverage of two samples of one distribution is {coverage:.2} at this number of images, if they are \
             independent; slices of a patient are not."
        ));
    }
    if scales < 5 {
        warnings.push(match scales {
            0 => format!("MS-SSIM needs a side of 11 pixels, images have {side}: left out."),
            _ => format!(
                "MS-SSIM of five scales needs a side of 161 pixels, images have {side}: {scales} scales were taken, \
                 and the value is not comparable with published ones."
            ),
        });
    }
    if own_net {
        let but = if clip.is_some() { " (all but those of CLIP)" } else { "" };
        warnings.push(format!(
            "Without a file of weights (evaluate.features, evaluate.lpips) distances{but} are those of the program's \
             own net with random weights: good for comparing rows of a table, not with other publications."
        ));
    }
    if clip == Some(false) {
        warnings.push(
            "CLIP's embeddings are computed with OpenAI's activation; weights that were trained with GELU, as many of \
             others were, would need that, and their file does not say so."
                .into(),
        );
    }
    if (!own_net || clip.is_some()) && channels != 3 {
        warnings.push(
            "The weights were learned from colour photographs; that such features see what matters in maps of one \
             channel is to be checked on the yardsticks."
                .into(),
        );
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_that_is_too_small_is_told() {
        let enough = Facts {
            images: 5000,
            patients: 200,
            dimensions: 2048,
            own_net: false,
            clip: None,
            neighbours: 5,
            scales: 5,
            side: 256,
            channels: 3,
        };
        assert_eq!(of(&enough).len(), 1, "{:?}", of(&enough));
        let has = |facts: Facts, words: &str| assert!(of(&facts).iter().any(|w| w.contains(words)), "{:?}", of(&facts));
        has(Facts { images: 2048, ..enough }, "leave its covariances singular");
        has(Facts { images: 999, ..enough }, "fewer than the 1000");
        has(Facts { patients: 19, ..enough }, "19 patients");
        has(Facts { patients: 3, ..enough }, "cannot be halved");
        has(Facts { images: 5, ..enough }, "are left out");
        has(Facts { scales: 3, side: 64, ..enough }, "3 scales");
        has(Facts { channels: 1, ..enough }, "yardsticks");
        has(Facts { own_net: true, ..enough }, "random weights");
        has(Facts { own_net: true, clip: Some(true), channels: 1, ..enough }, "all but those of CLIP");
        has(Facts { own_net: true, clip: Some(true), channels: 1, ..enough }, "yardsticks");
        has(Facts { clip: Some(false), ..enough }, "trained with GELU");
    }
}
