//! A patient as a reader sees it: one axial slice of each contrast with arrows at the lesions that readers call rims.
//!
//! For the eye alone, so that a wrong orientation, window or table is seen before anything is learned.

use std::collections::HashMap;

use super::bids::Patient;
use super::channel::{Channel, Wanted};
use super::cohort_patient::Work;
use super::intensity::default_contrast;
use super::label_map::{LabelMap, Lesion};
use super::manifest::Split;
use super::measure::Measure;
use super::reader_table::LesionKey;
use crate::nifti;
use crate::problem::Result;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, Rgb, WHITE, text_width};
use crate::records::prepare::PatientFigure;

/// Its name in the data folder.
pub const FILE: &str = "patient.png";

const BOTH: Rgb = [255, 64, 64];
const ONE: Rgb = [255, 176, 0];
const NEITHER: Rgb = [96, 160, 255];

const GAP: usize = 6;

/// Width of a slice in the picture, at least; larger slices are shown as they are.
const LEAST_WIDTH: usize = 384;

/// Length of an arrow and of its head in pixels of the picture, and how far its tip stays from the lesion.
const ARROW: [i64; 3] = [22, 6, 3];

/// One lesion where it is cut.
struct Marked {
    /// Column and row in the picture of one slice.
    centre: [i64; 2],
    radius: i64,
    colour: Rgb,
}

/// The slice of the training patient with most agreed rims in which most of them are cut, each contrast beside the
/// others but traced maps; `None` where no agreed rim lies on the training side.
///
/// # Errors
/// A file that cannot be read any more.
pub(super) fn draw(work: &Work<'_>, sides: &HashMap<String, Split>) -> Result<Option<(Canvas, PatientFigure)>> {
    let Some(patient) = most_rims(work, sides) else { return Ok(None) };
    let map = &work.maps[&patient.id];
    let Some(z) = most_cut(&agreed(work, &patient.id, map)) else { return Ok(None) };
    let [width, height, _] = map.placement.grid.shape;
    let factor = LEAST_WIDTH.div_ceil(width).max(1);
    let mut panels = Vec::new();
    let mut names = Vec::new();
    for contrast in patient.contrasts.iter().filter(|contrast| contrast.measure() != Measure::Traced) {
        let Some(path) = &contrast.path else { continue };
        let centre = [width as i64 / 2, height as i64 / 2, z];
        let centres = [centre];
        let shape = [1, height as u32, width as u32];
        let wanted = Wanted { centres: &centres, shape, rim_softness: 0.0, form: work.config.form };
        let channel = Channel::read(nifti::open(path, wanted.form)?, contrast, path, &wanted, &mut Vec::new())?;
        let mut values = vec![0.0; width * height];
        channel.cut(0, centre, shape, &mut values);
        let shown = work.config.with_window(default_contrast(&contrast.name));
        // Anterior is up.
        let rows = values.chunks(width).rev().flatten().map(|&value| shown.window.to_network(value));
        panels.push(Canvas::grey(width, &rows.collect::<Vec<_>>()).enlarged(factor));
        let (low, high) = (shown.window.low, shown.window.high);
        names.push(format!("{} {low} to {high} {}", shown.name, shown.unit));
    }
    let marked = marked(work, &patient.id, map, z, factor as i64);
    let figure = PatientFigure {
        file: FILE.into(),
        patient: patient.id.clone(),
        slice: z as u64,
        contrasts: names.clone(),
        rims: marked.iter().filter(|one| one.colour == BOTH).count() as u64,
        contested: marked.iter().filter(|one| one.colour == ONE).count() as u64,
        others: marked.iter().filter(|one| one.colour == NEITHER).count() as u64,
    };
    for panel in &mut panels {
        marked.iter().for_each(|lesion| arrow(panel, lesion));
    }
    Ok(Some((sheet(&panels, &names, work.cohort.simulated), figure)))
}

/// For the picture's file.
pub(super) fn texts(figure: &PatientFigure, simulated: bool) -> [(&'static str, String); 1] {
    let origin = if simulated { "SIMULATED, no patient. " } else { "" };
    let PatientFigure { patient, slice, .. } = figure;
    [(
        "Description",
        format!("{origin}{patient}, axial slice {slice}, arrows at lesions. {}", figure.contrasts.join("; ")),
    )]
}

/// The training patient with most agreed rims, the first of several.
fn most_rims<'a>(work: &'a Work<'_>, sides: &HashMap<String, Split>) -> Option<&'a Patient> {
    let training = work.cohort.patients.iter().filter(|patient| sides.get(&patient.id) == Some(&Split::Train));
    let counted = training.map(|patient| {
        let own = work.cohort.votes.iter().filter(|(key, _)| key.patient == patient.id);
        (own.filter(|(_, votes)| **votes == (true, true)).count(), patient)
    });
    let best = counted.rev().max_by_key(|(rims, _)| *rims)?;
    (best.0 > 0).then_some(best.1)
}

fn agreed<'a>(work: &Work<'_>, patient: &str, map: &'a LabelMap) -> Vec<&'a Lesion> {
    let rim =
        |number: u32| work.cohort.votes.get(&LesionKey { patient: patient.into(), number }) == Some(&(true, true));
    map.lesions.iter().filter(|(number, _)| rim(**number)).map(|(_, lesion)| lesion).collect()
}

/// The axial slice that cuts most of the lesions, and of those the one with most of their voxels.
fn most_cut(lesions: &[&Lesion]) -> Option<i64> {
    let mut found: HashMap<i64, (usize, u64)> = HashMap::new();
    for lesion in lesions {
        for (z, voxels) in lesion.slices() {
            let entry = found.entry(z).or_default();
            *entry = (entry.0 + 1, entry.1 + voxels);
        }
    }
    found.into_iter().max_by_key(|&(z, cut)| (cut, -z)).map(|(z, _)| z)
}

/// All lesions of the reader table that the slice cuts.
fn marked(work: &Work<'_>, patient: &str, map: &LabelMap, z: i64, factor: i64) -> Vec<Marked> {
    let height = map.placement.grid.shape[1] as i64;
    let one = |(&number, lesion): (&u32, &Lesion)| {
        let votes = work.cohort.votes.get(&LesionKey { patient: patient.into(), number })?;
        let colour = match votes {
            (true, true) => BOTH,
            (false, false) => NEITHER,
            _ => ONE,
        };
        let ([x, y], voxels) = lesion.middle_of(z)?;
        let radius = (voxels as f64 / std::f64::consts::PI).sqrt();
        let place = |at: f64| ((at + 0.5) * factor as f64) as i64;
        let centre = [place(x), place(height as f64 - 1.0 - y)];
        Some(Marked { centre, radius: (radius * factor as f64).ceil() as i64, colour })
    };
    map.lesions.iter().filter_map(one).collect()
}

/// Points at a lesion from the upper right, or from whichever sides have room.
fn arrow(panel: &mut Canvas, lesion: &Marked) {
    let [length, head, apart] = ARROW;
    let reach = lesion.radius + apart + length;
    let towards = |at: i64, size: usize, usual: i64| {
        let room = |way: i64| (0..size as i64).contains(&(at + way * reach));
        if room(usual) { usual } else { -usual }
    };
    let way = [towards(lesion.centre[0], panel.width(), 1), towards(lesion.centre[1], panel.height(), -1)];
    // Along the diagonal.
    let step = |distance: f64| {
        [0, 1].map(|axis| {
            let along = distance * std::f64::consts::FRAC_1_SQRT_2 * way[axis] as f64;
            lesion.centre[axis] + along.round() as i64
        })
    };
    let mut dot = |[x, y]: [i64; 2]| {
        if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) {
            panel.fill(x, y, 2, 2, lesion.colour);
        }
    };
    let tip = step((lesion.radius + apart) as f64);
    for at in 0..=length {
        dot(step((lesion.radius + apart + at) as f64));
    }
    for at in 0..=head {
        dot([tip[0] + way[0] * at, tip[1]]);
        dot([tip[0], tip[1] + way[1] * at]);
    }
}

fn sheet(panels: &[Canvas], names: &[String], simulated: bool) -> Canvas {
    let line = GLYPH_HEIGHT + GAP;
    let width = panels.iter().map(Canvas::width).max().unwrap_or(0);
    let height = panels.iter().map(Canvas::height).max().unwrap_or(0);
    let mut sheet = Canvas::new(panels.len() * (width + GAP) + GAP, height + 2 * line + 2 * GAP, BLACK);
    for (at, (panel, name)) in panels.iter().zip(names).enumerate() {
        let x = GAP + at * (width + GAP);
        sheet.text(x, GAP, name, WHITE, 1);
        sheet.blit(panel, x, line + GAP);
    }
    let mut x = GAP;
    let y = height + line + 2 * GAP;
    let words = [("rim: both readers", BOTH), ("one reader", ONE), ("neither", NEITHER)];
    for (text, colour) in words.into_iter().chain(simulated.then_some(("SIMULATED", ONE))) {
        sheet.text(x, y, text, colour, 1);
        x += text_width(text, 1) + 3 * GAP;
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tip(centre: [i64; 2]) -> [usize; 2] {
        let mut panel = Canvas::new(100, 100, BLACK);
        arrow(&mut panel, &Marked { centre, radius: 4, colour: BOTH });
        let coloured = (0..100).flat_map(|y| (0..100).map(move |x| [x, y]));
        let coloured = coloured.filter(|&[x, y]| panel.get(x, y) == Some(BOTH));
        let far = |at: &[usize; 2]| (at[0] as i64 - centre[0]).pow(2) + (at[1] as i64 - centre[1]).pow(2);
        coloured.min_by_key(far).unwrap()
    }

    #[test]
    fn an_arrow_stays_off_the_lesion_and_comes_from_where_there_is_room() {
        let [x, y] = tip([50, 50]);
        assert!((53..=56).contains(&x) && (44..=47).contains(&y), "{x} {y}: from the upper right");
        let [x, y] = tip([90, 8]);
        assert!((84..=87).contains(&x) && (11..=14).contains(&y), "{x} {y}: from the lower left");
    }

    #[test]
    fn panels_stand_side_by_side_above_their_words() {
        let panel = Canvas::new(40, 30, WHITE);
        let sheet = sheet(&[panel.clone(), panel], &["a".into(), "b".into()], false);
        let top = GLYPH_HEIGHT + 2 * GAP;
        assert_eq!(
            [sheet.get(GAP, top), sheet.get(GAP + 39, top), sheet.get(GAP + 40, top)],
            [Some(WHITE), Some(WHITE), Some(BLACK)]
        );
        assert_eq!(sheet.width(), 2 * (40 + GAP) + GAP);
    }
}
