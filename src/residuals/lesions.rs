//! Lesions as wholes: connected patches of an image, which of them a score finds, and at the price of how many false
//! findings.

/// Thresholds that a curve of findings is drawn at.
const STEPS: usize = 60;

/// Share of the pixels above the highest and the lowest of them.
const SHARES: [f64; 2] = [1e-5, 0.2];

/// Connected patches of a mask \[H, W\] of `width` columns, over sides and corners; each the pixels in it.
pub fn patches(mask: &[bool], width: usize) -> Vec<Vec<usize>> {
    let (mut seen, mut found) = (vec![false; mask.len()], vec![]);
    for start in (0..mask.len()).filter(|&at| mask[at]) {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let (mut patch, mut next) = (vec![], vec![start]);
        while let Some(at) = next.pop() {
            patch.push(at);
            let (x, y) = (at % width, at / width);
            for other_y in y.saturating_sub(1)..=(y + 1).min(mask.len() / width - 1) {
                for other_x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let other = other_y * width + other_x;
                    if mask[other] && !seen[other] {
                        seen[other] = true;
                        next.push(other);
                    }
                }
            }
        }
        patch.sort_unstable();
        found.push(patch);
    }
    found
}

/// A scored image with its lesions.
pub struct Image {
    /// \[H, W\]; lowest where nothing is scored.
    pub scores: Vec<f32>,
    /// Its lesions.
    pub lesions: Vec<Vec<usize>>,
    /// \[H, W\]: pixels of any of them.
    pub truth: Vec<bool>,
}

/// Least part of a called patch that must be of lesions: one that covers half a brain finds nothing.
const LEAST_PART: f64 = 0.1;

/// Which lesions of an image are found where scores of at least `threshold` are called, and how many called patches
/// find none.
pub fn findings(image: &Image, threshold: f32, width: usize) -> (Vec<bool>, usize) {
    let called: Vec<bool> = image.scores.iter().map(|&score| score >= threshold).collect();
    let (mut right, mut wrong) = (vec![false; called.len()], 0);
    for patch in patches(&called, width) {
        let hits = patch.iter().filter(|&&at| image.truth[at]).count();
        if hits > 0 && hits as f64 >= LEAST_PART * patch.len() as f64 {
            patch.iter().for_each(|&at| right[at] = true);
        } else {
            wrong += 1;
        }
    }
    let found = image.lesions.iter().map(|lesion| lesion.iter().any(|&at| right[at])).collect();
    (found, wrong)
}

/// For each limit the largest share of lesions found with at most so many false findings an image; `None` where no
/// threshold has so few (Bunch et al. 1977, the free-response curve).
pub fn free_response(images: &[Image], width: usize, limits: &[f64]) -> Vec<(f64, Option<f64>)> {
    let mut scores: Vec<f32> = images
        .iter()
        .flat_map(|image| image.scores.iter().copied().filter(|score| *score > f32::NEG_INFINITY))
        .collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let all = images.iter().map(|image| image.lesions.len()).sum::<usize>();
    if scores.is_empty() || all == 0 {
        return limits.iter().map(|limit| (*limit, None)).collect();
    }
    let share = |step: usize| SHARES[0] * (SHARES[1] / SHARES[0]).powf(step as f64 / (STEPS - 1) as f64);
    let places = (0..STEPS).map(|step| ((share(step) * scores.len() as f64) as usize).min(scores.len() - 1));
    let curve: Vec<(f64, f64)> = places
        .map(|at| scores[at])
        .map(|threshold| {
            let found = images.iter().map(|image| findings(image, threshold, width));
            let (right, wrong) = found.fold((0, 0), |(right, wrong), (found, more)| {
                (right + found.into_iter().filter(|found| *found).count(), wrong + more)
            });
            (wrong as f64 / images.len() as f64, right as f64 / all as f64)
        })
        .collect();
    let best =
        |limit: f64| curve.iter().filter(|(wrong, _)| *wrong <= limit).map(|(_, right)| *right).max_by(f64::total_cmp);
    limits.iter().map(|&limit| (limit, best(limit))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5 x 4: two patches, the second joined over a corner.
    const MASK: [u8; 20] = [1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0];

    #[test]
    fn patches_are_joined_over_corners() {
        let mask: Vec<bool> = MASK.iter().map(|&one| one == 1).collect();
        assert_eq!(patches(&mask, 5), [vec![0, 1], vec![8, 14]]);
        assert!(patches(&[false; 20], 5).is_empty());
    }

    #[test]
    fn findings_by_hand() {
        let truth: Vec<bool> = MASK.iter().map(|&one| one == 1).collect();
        let mut scores = vec![0.0; 20];
        // The first lesion at 3, a false finding at 2, the second lesion at 1.
        (scores[1], scores[16], scores[14]) = (3.0, 2.0, 1.0);
        let image = Image { scores, lesions: patches(&truth, 5), truth };
        assert_eq!(findings(&image, 2.5, 5), (vec![true, false], 0));
        assert_eq!(findings(&image, 1.5, 5), (vec![true, false], 1));
        assert_eq!(findings(&image, 1.0, 5), (vec![true, true], 1));
        // All twenty pixels are one patch, a fifth of them of lesions; with two pixels of lesions it would be none.
        assert_eq!(findings(&image, 0.0, 5), (vec![true, true], 0));
        let far =
            Image { scores: image.scores.clone(), lesions: vec![vec![0]], truth: (0..20).map(|at| at == 0).collect() };
        assert_eq!(findings(&far, 0.0, 5), (vec![false], 1));
        // Without the pixels at 0, which are not scored here.
        let scores = image.scores.iter().map(|&score| if score > 0.0 { score } else { f32::NEG_INFINITY }).collect();
        let curve = free_response(&[Image { scores, ..image }], 5, &[0.0, 1.0]);
        assert_eq!(curve, [(0.0, Some(0.5)), (1.0, Some(0.5))]);
        assert_eq!(free_response(&[], 5, &[1.0]), [(1.0, None)]);
    }
}
