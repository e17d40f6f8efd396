//! A figure of held-out lesions: their image contrast by contrast, the traced mask, and every arm's.

use std::collections::BTreeSet;

use tch::{Device, Tensor};

use super::judge::HeldLesion;
use crate::data::Prepared;
use crate::problem::Result;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, Rgb, WHITE};
use crate::records::label::SUSCEPTIBILITY;

/// Pixels shown of a slice's side, about its middle; where patches are larger, their surround is left out.
const SHOWN: usize = 48;

/// Enlargement, gap between cells, height of the headings.
const SCALE: usize = 3;
const GAP: usize = 6;
const HEAD: usize = GLYPH_HEIGHT + 12;

/// Of what was traced, and of what was found.
const TRACED: Rgb = [255, 196, 0];
const FOUND: Rgb = [0, 226, 255];

/// The lesions to show: `count` traced ones, one of each patient before a second of any, and one rim-free lesion.
pub fn choice<'a>(lesions: &'a [HeldLesion], data: &Prepared, count: usize) -> Vec<&'a HeldLesion> {
    let patient = |lesion: &HeldLesion| data.lesion(lesion.lesion).patient.as_str();
    let mut chosen: Vec<&HeldLesion> = Vec::new();
    while chosen.len() < count {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let before = chosen.len();
        for lesion in lesions.iter().filter(|lesion| lesion.is_traced()) {
            let known = chosen.iter().any(|other| other.lesion == lesion.lesion);
            if chosen.len() < count && !known && seen.insert(patient(lesion)) {
                chosen.push(lesion);
            }
        }
        if chosen.len() == before {
            break;
        }
    }
    if count > 0 {
        chosen.extend(lesions.iter().find(|lesion| !lesion.of_interest));
    }
    chosen
}

/// What the figure shows of a lesion.
pub struct Row {
    /// Its slice's row.
    row: usize,
    /// Traced in it.
    traced: Vec<bool>,
    /// Where its rim was looked for.
    region: Vec<bool>,
}

impl Row {
    /// The slice with most of the traced mask, else with most of the region; the lowest of equals.
    pub fn of(lesion: &HeldLesion) -> Self {
        let plane = lesion.shape[1] * lesion.shape[2];
        let cut = |stack: &[bool], z: u32| stack[(z - lesion.z[0]) as usize * plane..][..plane].to_vec();
        let voxels = |stack: &[bool], z: u32| cut(stack, z).into_iter().filter(|inside| *inside).count();
        let most = |stack: &[bool]| {
            let best = lesion.z.iter().map(|&z| voxels(stack, z)).max().unwrap_or(0);
            lesion.z.iter().position(|&z| voxels(stack, z) == best).unwrap_or(0)
        };
        let at = if lesion.is_traced() { most(&lesion.reference) } else { most(&lesion.region) };
        let z = lesion.z[at];
        Self { row: lesion.rows[at], traced: cut(&lesion.reference, z), region: cut(&lesion.region, z) }
    }
}

/// Draws one row a lesion. `images` \[N, C, S, S\] by row; `contrasts` their names; `arms` names with planes by row.
///
/// # Errors
/// Images of another shape.
pub fn figure(
    rows: &[Row],
    images: &Tensor,
    contrasts: &[&str],
    arms: &[(&str, Vec<Vec<bool>>)],
    footer: &str,
) -> Result<Canvas> {
    let side = images.size()[3] as usize;
    let shown = SHOWN.min(side);
    let cell = shown * SCALE + GAP;
    let columns = contrasts.len() + 1 + arms.len();
    let mut sheet = Canvas::new(columns * cell + GAP, HEAD + rows.len() * cell + HEAD, WHITE);
    let spelled = |name: &&str| match *name {
        SUSCEPTIBILITY => "QSM".to_owned(),
        "flair" => "FLAIR".to_owned(),
        other => other.to_owned(),
    };
    let headings = contrasts.iter().map(spelled).chain(["traced".to_owned()]);
    for (column, name) in headings.chain(arms.iter().map(|(name, _)| (*name).to_owned())).enumerate() {
        sheet.text(GAP + column * cell, GAP, &name, BLACK, 1);
    }
    for (line, Row { row, traced, region }) in rows.iter().enumerate() {
        let top = HEAD + line * cell;
        let mut first = None;
        for channel in 0..contrasts.len() {
            let plane = images.get(*row as i64).get(channel as i64).to_device(Device::Cpu).contiguous();
            let values: Vec<f32> = Vec::try_from(plane.reshape([-1]))?;
            let picture = Canvas::grey(shown, &middle(&values, side, shown)).enlarged(SCALE);
            sheet.blit(&picture, GAP + channel * cell, top);
            first.get_or_insert(picture);
        }
        let Some(first) = first else { continue };
        let outlined = |mask: &[bool], colour: Rgb| outlined(&first, &middle(mask, side, shown), shown, colour);
        sheet.blit(&outlined(traced, TRACED), GAP + contrasts.len() * cell, top);
        for (at, (_, planes)) in arms.iter().enumerate() {
            let found: Vec<bool> = planes[*row].iter().zip(region).map(|(found, region)| *found && *region).collect();
            sheet.blit(&outlined(&found, FOUND), GAP + (contrasts.len() + 1 + at) * cell, top);
        }
    }
    sheet.text(GAP, HEAD + rows.len() * cell + GAP, footer, BLACK, 1);
    Ok(sheet)
}

/// The middle `shown` x `shown` of a square plane.
fn middle<T: Copy>(plane: &[T], side: usize, shown: usize) -> Vec<T> {
    let from = (side - shown) / 2;
    (0..shown).flat_map(|y| plane[(from + y) * side + from..][..shown].iter().copied()).collect()
}

/// A picture with the outline of a mask, drawn inside it.
fn outlined(picture: &Canvas, mask: &[bool], side: usize, colour: Rgb) -> Canvas {
    let mut outlined = picture.clone();
    let large = (side * SCALE) as i64;
    let inside = |x: i64, y: i64| {
        let within = (0..large).contains(&x) && (0..large).contains(&y);
        within && mask[y as usize / SCALE * side + x as usize / SCALE]
    };
    for (y, x) in (0..large).flat_map(|y| (0..large).map(move |x| (y, x))).filter(|&(y, x)| inside(x, y)) {
        if ![(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)].into_iter().all(|(x, y)| inside(x, y)) {
            outlined.set(x as usize, y as usize, colour);
        }
    }
    outlined
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One pixel of a mask is three by three on the sheet: eight of the nine are its outline.
    #[test]
    fn a_mask_is_outlined_over_the_first_contrast() {
        let images = Tensor::zeros([1, 1, 8, 8], (tch::Kind::Float, Device::Cpu));
        let one: Vec<bool> = (0..64).map(|at| at == 27).collect();
        let row = Row { row: 0, traced: one.clone(), region: vec![true; 64] };
        let sheet = figure(&[row], &images, &[SUSCEPTIBILITY], &[("Real", vec![vec![false; 64]])], "").unwrap();
        assert_eq!((sheet.width(), sheet.height()), (3 * (8 * SCALE + GAP) + GAP, 2 * HEAD + 8 * SCALE + GAP));
        let count = |colour: Rgb| {
            let places = (0..sheet.height()).flat_map(|y| (0..sheet.width()).map(move |x| (x, y)));
            places.filter(|&(x, y)| sheet.get(x, y) == Some(colour)).count()
        };
        assert_eq!((count(TRACED), count(FOUND)), (8, 0));
    }
}
