//! Pictures of spoiled and projected lesions beside the originals, with signed differences.

use super::stage::Spoiled;
use crate::problem::Result;
use crate::project::acceptance::Gauge;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, WHITE};
use crate::records::perturbation::{PerturbedCase, Sheet};
use crate::run_dir::PerturbationDir;

/// Held-out rims that get a sheet of their own.
const RIMS: usize = 2;

/// Rows of the sheets of training rims and of non-rims.
const ROWS: usize = 4;

const PICTURE: usize = 128;
const GAP: usize = 6;
const LINE: usize = GLYPH_HEIGHT + 5;
/// Left of the pictures.
const LABEL: usize = 150;

/// A case and its projection \[C, H, W\].
pub struct Row<'a> {
    pub item: &'a Spoiled,
    pub case: &'a PerturbedCase,
    pub image: Vec<f32>,
}

/// Writes the sheets; returns them with their captions.
pub fn write_all(
    dir: &PerturbationDir,
    rows: &[Row<'_>],
    gauge: &Gauge,
    unit: &str,
    simulated: bool,
) -> Result<Vec<Sheet>> {
    let mut sheets = Vec::new();
    let rims: Vec<&Row<'_>> = rows.iter().filter(|row| row.case.role == "rim").collect();
    for group in rims.chunk_by(|a, b| a.item.original.id == b.item.original.id).take(RIMS) {
        let id = &group[0].item.original.id;
        let caption = format!("Held-out rim {id}, spoiled in each way and projected.");
        let label = |case: &PerturbedCase| vec![case.corruption.clone(), case.strength.clone()];
        sheets.push(write(dir, id, caption, group, gauge, unit, simulated, &label)?);
    }
    for (role, what) in [("training rim", "identity"), ("non-rim", "hallucination")] {
        let own: Vec<&Row<'_>> = rows.iter().filter(|row| row.case.role == role).take(ROWS).collect();
        if own.is_empty() {
            continue;
        }
        let caption = format!("{what}: the first {} {role}s, projected as they are.", own.len());
        let caption = caption[..1].to_uppercase() + &caption[1..];
        let label = |case: &PerturbedCase| vec![case.lesion_id.clone(), format!("slice {}", case.slice)];
        sheets.push(write(dir, &role.replace(' ', "-"), caption, &own, gauge, unit, simulated, &label)?);
    }
    Ok(sheets)
}

#[expect(clippy::too_many_arguments, reason = "a picture and what is written on it")]
fn write(
    dir: &PerturbationDir,
    name: &str,
    caption: String,
    rows: &[&Row<'_>],
    gauge: &Gauge,
    unit: &str,
    simulated: bool,
    label: &dyn Fn(&PerturbedCase) -> Vec<String>,
) -> Result<Sheet> {
    let plane = gauge.height * gauge.width;
    let factor = (PICTURE / gauge.width).max(1);
    let (wide, high) = (gauge.width * factor, gauge.height * factor);
    let channel = |pixels: &[f32]| pixels[gauge.channel * plane..][..plane].to_vec();
    let range = (gauge.scale / 2.0).round();
    let spoiled = rows.iter().any(|row| row.case.corruption != "none");
    let mut heads = vec!["original".to_owned()];
    heads.extend(spoiled.then(|| "spoiled".to_owned()));
    heads.extend(["projected".to_owned(), format!("projected - original (+-{range} {unit})")]);
    let width = LABEL + heads.len() * (wide + GAP) + 90;
    let mut canvas = Canvas::new(width, LINE + rows.len() * (high + GAP), WHITE);
    let column = |at: usize| LABEL + at * (wide + GAP);
    for (at, head) in heads.iter().enumerate() {
        canvas.text(column(at), 2, head, BLACK, 1);
    }
    for (index, row) in rows.iter().enumerate() {
        let top = LINE + index * (high + GAP);
        let (before, after) = (channel(&row.item.original.pixels), channel(&row.image));
        let difference: Vec<f32> =
            after.iter().zip(&before).map(|(a, b)| ((a - b) as f64 * gauge.scale) as f32).collect();
        let mut pictures = vec![Canvas::grey(gauge.width, &before)];
        pictures.extend(spoiled.then(|| Canvas::grey(gauge.width, &channel(&row.item.target.pixels))));
        pictures.push(Canvas::grey(gauge.width, &after));
        pictures.push(Canvas::signed(gauge.width, &difference, range as f32));
        for (at, picture) in pictures.iter().enumerate() {
            canvas.blit(&picture.enlarged(factor), column(at), top);
        }
        let case = row.case;
        let mut lines = label(case);
        lines.push(format!("SSIM {:.2}", case.projected.ssim));
        lines.push(format!("MSE {:.4}", case.projected.mse));
        lines.push(format!("lesion RMS {:.1} {unit}", case.projected.lesion_rms));
        lines.push(format!("rim {:.0} -> {:.0} {unit}", case.contrast, case.projected.contrast));
        for (at, line) in lines.iter().enumerate() {
            canvas.text(2, top + at * LINE, line, BLACK, 1);
        }
    }
    let file = PerturbationDir::sheet(name);
    let note = if simulated { "SIMULATED; " } else { "" };
    canvas.write_png(dir.root().join(&file), &[("Description", &format!("{note}{caption}"))])?;
    Ok(Sheet { file, caption })
}
