//! PNGs that lie among photographs and are named after them, as masks and maps of photographs are: which of the two are
//! the images of the set is nobody's to guess.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::image_files::{is_jpeg, is_png};
use super::near_names::spelled;
use crate::problem::{Problem, Result};

/// Folder and stem of a path, in lower case: "Images/ISIC_1.jpg" -> ("images", "isic_1").
fn parts(path: &str) -> (String, String) {
    let lower = path.to_lowercase();
    let (folder, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    (folder.to_owned(), stem.to_owned())
}

/// What of a stem may be the name that it is made of: itself, and all that ends before or begins behind a character
/// that joins words: "mask_isic_1_lesion" -> "mask_isic_1", "isic_1_lesion", ...
fn within(stem: &str) -> impl Iterator<Item = &str> {
    let joints = || stem.char_indices().filter(|(_, letter)| !letter.is_alphanumeric());
    let before = joints().map(|(at, _)| &stem[..at]);
    let behind = joints().map(|(at, letter)| &stem[at + letter.len_utf8()..]);
    std::iter::once(stem).chain(before).chain(behind).filter(|part| !part.is_empty())
}

/// Masks and maps of one photograph, at most: the challenge of 2018 has five of its attributes.
const MOST_OF_ONE: usize = 6;

/// Refuses a set whose PNGs are for the most part named after JPEGs of it: by the same name in another folder, or by
/// more words before or behind ("ISIC_1.jpg", "ISIC_1_segmentation.png"). A PNG of the same name in the same folder is
/// the image of which the JPEG is a preview.
///
/// # Errors
/// How many there are, and the first with its JPEG.
pub(super) fn require_images(place: &Path, names: &[String]) -> Result<()> {
    let jpegs: BTreeSet<(String, String)> = names.iter().filter(|name| is_jpeg(name)).map(|name| parts(name)).collect();
    let stems: HashSet<&str> = jpegs.iter().map(|(_, stem)| stem.as_str()).collect();
    let pngs: Vec<&String> = names.iter().filter(|name| is_png(name)).collect();
    // Each PNG that is named so, with the stem that it is named after.
    let after = |png: &&String| {
        let own = parts(png);
        let stem = within(&own.1).find(|part| stems.contains(part)).map(str::to_owned);
        stem.filter(|_| !jpegs.contains(&own))
    };
    let named: Vec<(&&String, String)> = pngs.iter().filter_map(|png| Some((png, after(png)?))).collect();
    let hit: HashSet<&str> = named.iter().map(|(_, stem)| stem.as_str()).collect();
    // One photograph after which a whole class is named ("mel.jpg", "mel_001.png", ...) is an overview.
    let some = 2 * named.len() >= pngs.len() && named.len() <= MOST_OF_ONE * hit.len();
    let Some((first, stem)) = named.first().filter(|_| some) else { return Ok(()) };
    let of = names.iter().filter(|name| is_jpeg(name)).find(|name| parts(name).1 == *stem);
    let of = of.map(|of| format!(", {} after {}", spelled(first), spelled(of))).unwrap_or_default();
    let found = format!("{} of {} PNGs are named after JPEGs that lie here too{of}", named.len(), pngs.len());
    Err(Problem::input(place, found)
        .expected("images in one of the two formats, or JPEGs only as previews of PNGs of the same name and folder")
        .advice(
            "if the PNGs are masks or maps of the photographs, move them elsewhere and the JPEGs are read; if they are \
             the images, move the JPEGs elsewhere",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(names: &[&str]) -> String {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let held = require_images(Path::new("set"), &names);
        held.err().map(|problem| problem.to_string()).unwrap_or_default()
    }

    #[test]
    fn masks_of_photographs_are_not_taken_for_the_images() {
        for (photograph, mask) in [
            ("ISIC_1.jpg", "ISIC_1_segmentation.png"),
            ("mel/ISIC_1.JPG", "masks/ISIC_1.png"),
            ("images/p1.jpeg", "truth/mask_p1.PNG"),
            ("IMD002.jpg", "IMD002-lesion.png"),
            ("nv/a b.jpg", "nv/A b (mask).png"),
        ] {
            let said = said(&[photograph, mask]);
            assert!(said.contains("1 of 1 PNGs are named after JPEGs that lie here too"), "{photograph}: {said}");
            assert!(said.contains(photograph) && said.contains(mask), "{said}");
        }
        // One that is not named so among three that are.
        assert!(said(&["a.jpg", "b.jpg", "a_m.png", "b_m.png", "a_n.png", "logo.png"]).contains("3 of 4 PNGs"));
    }

    #[test]
    fn previews_and_names_that_only_begin_alike_are_passed_over() {
        for names in [
            &["nv/a.png", "nv/a.jpg"][..],
            &["1.jpg", "10.png", "11.png"],
            &["a.png", "b.png", "c_1.png", "c.jpg"],
            &["cover.jpg", "a.png"],
            &["mel.jpg", "mel_1.png", "mel_2.png", "mel_3.png", "mel_4.png", "mel_5.png", "mel_6.png", "mel_7.png"],
            &["a.png", "b.png"],
            &["a.jpg"],
            &[".png", "_.png", "x.jpg"],
        ] {
            assert_eq!(said(names), "", "{names:?}");
        }
    }
}
