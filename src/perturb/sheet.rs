//! Pictures of spoiled and projected lesions beside the originals, with signed differences.

use super::workbench::Spoiled;
use crate::name::{Inside, Name};
use crate::problem::Result;
use crate::project::acceptance::Gauge;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, WHITE};
use crate::records::perturbation::{PerturbedCase, Sheet};
use crate::run_dir::PerturbationDir;

/// Held-out rims that get a sheet of their own.
const RIMS: usize = 2;

/// Rows of the sheets of training rims and of non-rims.
const ROWS: usize = 4;

/// Roles of the other sheets, and what these show.
const OTHERS: [(&str, &str); 2] = [("training rim", "identity"), ("non-rim", "hallucination")];

const PICTURE: usize = 128;
const GAP: usize = 6;
const LINE: usize = GLYPH_HEIGHT + 5;
/// Left of the pictures.
const LABEL: usize = 150;

/// A case and its projection \[C, H, W\].
pub struct Row<'a> {
    /// The slice before.
    pub item: &'a Spoiled,
    /// What was measured.
    pub case: &'a PerturbedCase,
    /// The projection.
    pub image: Vec<f32>,
}

/// The files of the sheets of these slices, relative to the folder.
pub fn names(spoiled: &[Spoiled]) -> Vec<Inside> {
    let rims: Vec<&Spoiled> = spoiled.iter().filter(|item| item.role == "rim").collect();
    let rims =
        rims.chunk_by(|a, b| a.original.id == b.original.id).take(RIMS).map(|group| group[0].original.id.clone());
    let others = OTHERS.iter().filter(|(role, _)| spoiled.iter().any(|item| item.role == *role));
    let others = others.map(|(role, _)| Name::of_known(&role.replace(' ', "-")));
    rims.chain(others).map(|name| PerturbationDir::sheet(&name)).collect()
}

/// Where sheets go, and how lesions on them are measured and labelled.
pub struct Sheets<'a> {
    /// Where they are written.
    pub dir: &'a PerturbationDir,
    /// How lesions are measured.
    pub gauge: &'a Gauge,
    /// Physical unit of what is measured.
    pub unit: &'a str,
    /// Whether the files say SIMULATED.
    pub simulated: bool,
}

impl Sheets<'_> {
    /// Writes all; returns them with their captions.
    pub fn write_all(&self, rows: &[Row<'_>]) -> Result<Vec<Sheet>> {
        let mut sheets = Vec::new();
        let rims: Vec<&Row<'_>> = rows.iter().filter(|row| row.case.role == "rim").collect();
        for group in rims.chunk_by(|a, b| a.item.original.id == b.item.original.id).take(RIMS) {
            let id = &group[0].item.original.id;
            let caption = format!("Held-out rim {id}, spoiled in each way and projected.");
            let label = |case: &PerturbedCase| vec![case.corruption.clone(), case.strength.clone()];
            sheets.push(self.write(id, caption, group, &label)?);
        }
        for (role, what) in OTHERS {
            let own: Vec<&Row<'_>> = rows.iter().filter(|row| row.case.role == role).take(ROWS).collect();
            if own.is_empty() {
                continue;
            }
            let caption = format!("{what}: the first {} {role}s, projected as they are.", own.len());
            let caption = caption[..1].to_uppercase() + &caption[1..];
            let label = |case: &PerturbedCase| vec![case.lesion_id.to_string(), format!("slice {}", case.slice)];
            sheets.push(self.write(&role.replace(' ', "-"), caption, &own, &label)?);
        }
        Ok(sheets)
    }

    /// One sheet: a row a case, `label` the first lines beside it.
    fn write(
        &self,
        name: &str,
        caption: String,
        rows: &[&Row<'_>],
        label: &dyn Fn(&PerturbedCase) -> Vec<String>,
    ) -> Result<Sheet> {
        let (gauge, unit) = (self.gauge, self.unit);
        let factor = (PICTURE / gauge.width).max(1);
        let (wide, high) = (gauge.width * factor, gauge.height * factor);
        let spoiled = rows.iter().any(|row| row.case.corruption != "none");
        let mut heads = vec!["original".to_owned()];
        heads.extend(spoiled.then(|| "spoiled".to_owned()));
        heads.extend(["projected".to_owned(), format!("projected - original (+-{} {unit})", self.range())]);
        let width = LABEL + heads.len() * (wide + GAP) + 90;
        let mut canvas = Canvas::new(width, LINE + rows.len() * (high + GAP), WHITE);
        let column = |at: usize| LABEL + at * (wide + GAP);
        for (at, head) in heads.iter().enumerate() {
            canvas.text(column(at), 2, head, BLACK, 1);
        }
        for (index, row) in rows.iter().enumerate() {
            let top = LINE + index * (high + GAP);
            for (at, picture) in self.pictures(row, spoiled).iter().enumerate() {
                canvas.blit(&picture.enlarged(factor), column(at), top);
            }
            let lines = label(row.case).into_iter().chain(self.measured(row.case));
            for (at, line) in lines.enumerate() {
                canvas.text(2, top + at * LINE, &line, BLACK, 1);
            }
        }
        let file = PerturbationDir::sheet(&Name::of_known(name));
        let note = if self.simulated { "SIMULATED; " } else { "" };
        canvas.write_png(self.dir.root().join(&file), &[("Description", &format!("{note}{caption}"))])?;
        Ok(Sheet { file, caption })
    }

    /// Where the colours of a difference end, in physical units.
    fn range(&self) -> f64 {
        (self.gauge.scale / 2.0).round()
    }

    /// Original, where asked for the spoiled one, projection, and the signed difference of the last to the first.
    fn pictures(&self, row: &Row<'_>, spoiled: bool) -> Vec<Canvas> {
        let Gauge { channel, height, width, scale } = *self.gauge;
        let channel = |pixels: &[f32]| pixels[channel * height * width..][..height * width].to_vec();
        let (before, after) = (channel(&row.item.original.pixels), channel(&row.image));
        let difference: Vec<f32> = after.iter().zip(&before).map(|(a, b)| ((a - b) as f64 * scale) as f32).collect();
        let mut pictures = vec![Canvas::grey(width, &before)];
        pictures.extend(spoiled.then(|| Canvas::grey(width, &channel(&row.item.target.pixels))));
        pictures.push(Canvas::grey(width, &after));
        pictures.push(Canvas::signed(width, &difference, self.range() as f32));
        pictures
    }

    fn measured(&self, case: &PerturbedCase) -> [String; 4] {
        let unit = self.unit;
        [
            format!("SSIM {:.2}", case.projected.ssim),
            format!("MSE {:.4}", case.projected.mse),
            format!("lesion RMS {:.1} {unit}", case.projected.lesion_rms),
            format!("rim {:.0} -> {:.0} {unit}", case.contrast, case.projected.contrast),
        ]
    }
}
