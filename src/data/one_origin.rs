//! Names of images that say what pixels do not: copies of one original, slices of one volume.

use std::collections::BTreeMap;

use super::name_join::listed;

/// Endings that programs of augmentation write behind the original's name.
const CHANGED: [&str; 11] =
    ["flip", "flipped", "hflip", "vflip", "mirrored", "rot", "rotated", "aug", "augmented", "noise", "blur"];

/// Words for a slice's number.
const SLICES: [&str; 4] = ["slice", "slc", "sl", "z"];

fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn stem(name: &str) -> &str {
    let file = name.rsplit_once('/').map_or(name, |(_, file)| file);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// The word and the number at the end of a name, with what stands before them; the number may be empty.
fn ending(stem: &str) -> Option<(&str, &str)> {
    let before = stem.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let before = before.trim_end_matches(['_', '-', ' ']);
    before.rsplit_once(['_', '-', ' ', '.']).filter(|(original, _)| !original.is_empty())
}

/// The original that a copy under this name was made of; `None` where the name is no copy's.
fn original(name: &str) -> Option<&str> {
    // "IMG_0001_jpg.rf.0f3c9...": Roboflow calls originals so, too.
    if let Some((original, _)) = stem(name).split_once(".rf.") {
        return Some(original);
    }
    let (original, word) = ending(stem(name))?;
    CHANGED.iter().any(|known| word.eq_ignore_ascii_case(known)).then_some(original)
}

/// Images of which some are copies of others, or several of one original that is not there but has a number
/// ("photo_aug_2019" is of August); `None` where none are.
pub(super) fn copies<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut of: BTreeMap<(&str, &str), (bool, bool, Vec<&str>)> = BTreeMap::new();
    for name in names {
        let made_of = original(name);
        let original = made_of.unwrap_or(stem(name));
        let (has_copy, is_known, images) = of.entry((folder(name), original)).or_default();
        *has_copy |= made_of.is_some();
        *is_known |= made_of.is_none() || original.bytes().any(|byte| byte.is_ascii_digit()) || name.contains(".rf.");
        images.push(name);
    }
    let several = of.into_values().filter(|(has_copy, is_known, images)| *has_copy && *is_known && images.len() > 1);
    let several: Vec<&str> = several.flat_map(|(.., images)| images).collect();
    (!several.is_empty()).then(|| listed(&several))
}

/// Images whose names differ in the number of a slice alone; `None` where none do.
pub(super) fn slices<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut of: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for name in names {
        if let Some((volume, word)) =
            ending(stem(name)).filter(|(volume, _)| volume.bytes().any(|byte| byte.is_ascii_digit()))
            && SLICES.iter().any(|known| word.eq_ignore_ascii_case(known))
        {
            of.entry((folder(name), volume)).or_default().push(name);
        }
    }
    let several: Vec<&str> = of.into_values().filter(|images| images.len() > 1).flatten().collect();
    (!several.is_empty()).then(|| listed(&several))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_slices_are_told_by_their_names() {
        assert_eq!(
            copies(["a_jpg.rf.01.png", "a_jpg.rf.02.png", "b_jpg.rf.03.png"]).unwrap(),
            "a_jpg.rf.01.png, a_jpg.rf.02.png"
        );
        assert_eq!(copies(["x/a.png", "x/a_flipped.png", "x/b_aug.png"]).unwrap(), "x/a.png, x/a_flipped.png");
        assert_eq!(copies(["a1_rot90.png", "a1-rot-270.png"]).unwrap(), "a1_rot90.png, a1-rot-270.png");
        // Two folders with images of one name, and names that only look so.
        assert_eq!(
            copies(["x/a.png", "y/a_aug.png", "b_aug.png", "flip_1.png", "flip_2.png", "c_1.png", "c_2.png"]),
            None
        );
        assert_eq!(
            slices(["P1_slice000.png", "P1_slice001.png", "P2_z1.png"]).unwrap(),
            "P1_slice000.png, P1_slice001.png"
        );
        assert_eq!(slices(["slice_1.png", "brain_slice_1.png", "brain_slice_2.png", "a1_1.png", "a1_2.png"]), None);
    }
}
