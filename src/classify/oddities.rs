//! What is to be told of images that are taken though no network of the data set should have drawn them so.

use std::collections::HashSet;

use super::extras::Synthetic;
use crate::records::FileHash;

/// Farther from 0 than a network that learned images of -1 to 1 draws but here and there.
const FAR: f32 = 1.5;

/// Share of an image's values that may lie beyond [`FAR`].
const FEW: f64 = 0.01;

/// Of images `called` so, "synthetic images of class rim", that are copies of each other or far out of range.
pub(super) fn told<'a>(called: &str, taken: impl IntoIterator<Item = (&'a FileHash, &'a Synthetic)>) -> Vec<String> {
    let (mut all, mut out, mut distinct) = (0, 0, HashSet::new());
    for (file, Synthetic { pixels }) in taken {
        let far = pixels.iter().filter(|value| value.abs() > FAR).count();
        all += 1;
        out += usize::from(far as f64 > FEW * pixels.len() as f64);
        distinct.insert(&file.sha256);
    }
    let copies = all - distinct.len();
    let mut notes = Vec::new();
    if copies > 0 {
        notes.push(format!("{copies} of {all} {called} are copies of another one, and count as images of their own."));
    }
    if out > 0 {
        notes.push(format!(
            "{out} of {all} {called} have values far out of the network's range of -1 to 1 (more than {} % beyond \
             {FAR}): what made them did not learn, or went too far.",
            100.0 * FEW
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: of 200 values two may lie beyond 1.5, and any number up to there.
    #[test]
    fn copies_and_images_out_of_range_are_told() {
        let image = |far: usize| Synthetic { pixels: (0..200).map(|at| if at < far { -1.6 } else { 1.5 }).collect() };
        let of = |hashes: &str, far: &[usize]| {
            let file = |(at, hash): (usize, char)| FileHash { path: format!("{at}.npy"), sha256: hash.to_string() };
            let files: Vec<FileHash> = hashes.chars().enumerate().map(file).collect();
            let images: Vec<Synthetic> = far.iter().map(|&far| image(far)).collect();
            told("drawn images", files.iter().zip(&images))
        };
        assert!(of("abc", &[0, 1, 2]).is_empty());
        let [copies] = &of("aabac", &[0; 5])[..] else { panic!("one note") };
        assert!(copies.starts_with("2 of 5 drawn images are copies"), "{copies}");
        let [far] = &of("abc", &[2, 3, 200])[..] else { panic!("one note") };
        assert!(far.starts_with("2 of 3 drawn images have values far out"), "{far}");
    }
}
