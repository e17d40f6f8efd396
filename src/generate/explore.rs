//! Pictures of the latent space beside the images of `rimforge generate`.

use std::ops::RangeInclusive;
use std::path::Path;

use clap::Args;
use tch::Tensor;

use crate::feed::image::Image;
use crate::feed::network_source::{Source, as_refs};
use crate::files;
use crate::latent::paths;
use crate::latent::seeds::parse_seeds;
use crate::nets::Generator;
use crate::problem::{Problem, Result};
use crate::raster::{BLACK, Canvas};

/// Pictures in a sheet, and frames in a film, at most.
const MOST: usize = 4096;

/// Frames a second of a walk.
const FRAMES_PER_SECOND: u16 = 15;

#[derive(Args, Debug)]
pub struct ExploreArgs {
    /// Also a grid that mixes styles of seeds: rows, then columns whose styles replace the rows' on --mix-layers.
    #[arg(long, value_name = "0-4:10-14")]
    mix: Option<String>,
    /// Layers of --mix, from 0 (coarse); the coarser half by default.
    #[arg(long, value_name = "0-4", requires = "mix")]
    mix_layers: Option<String>,
    /// Also a strip and a film (animated PNG) on the way from seed to seed.
    #[arg(long, value_name = "SEEDS")]
    walk: Option<String>,
    /// Steps of --walk between two seeds.
    #[arg(long, default_value_t = 8, value_name = "N", requires = "walk")]
    walk_frames: usize,
    /// What --walk runs through: w (straight) or z (on the sphere).
    #[arg(long, default_value = "w", requires = "walk", value_parser = path)]
    walk_space: paths::Path,
    /// Also a sheet of the first 8 seeds at these truncations.
    #[arg(long, value_name = "0,0.5,1", allow_hyphen_values = true, value_delimiter = ',')]
    truncation_sweep: Vec<f64>,
}

impl ExploreArgs {
    pub fn is_empty(&self) -> bool {
        self.mix.is_none() && self.walk.is_none() && self.truncation_sweep.is_empty()
    }
}

/// The sheets that are asked for.
pub struct Explorer<'a> {
    pub generator: &'a Generator,
    pub source: &'a Source,
    pub class: Option<&'a Tensor>,
    pub truncation: f64,
    pub seeds: &'a [u32],
    pub out: &'a Path,
}

impl Explorer<'_> {
    /// Writes `style-mixing.png`, `walk-strip.png` and `walk.png`, `truncation.png`, as far as asked for; returns their names.
    ///
    /// # Errors
    /// Seeds, layers or truncations that make no sense, or a failed write.
    pub fn write(&self, args: &ExploreArgs) -> Result<Vec<&'static str>> {
        let mut written = Vec::new();
        if let Some(mix) = &args.mix {
            self.mix(mix, args.mix_layers.as_deref())?;
            written.push("style-mixing.png");
        }
        if let Some(seeds) = &args.walk {
            self.walk(seeds, args.walk_frames, args.walk_space)?;
            written.extend(["walk-strip.png", "walk.png"]);
        }
        if !args.truncation_sweep.is_empty() {
            self.sweep(&args.truncation_sweep)?;
            written.push("truncation.png");
        }
        Ok(written)
    }

    fn mix(&self, text: &str, layers: Option<&str>) -> Result<()> {
        let (rows, columns) = text.split_once(':').ok_or_else(|| {
            Problem::usage(format!("--mix {text}")).expected("seeds of the rows, a colon, seeds of the columns")
        })?;
        let (rows, columns) = (parse_seeds(rows)?, parse_seeds(columns)?);
        check_count("--mix", rows.len().saturating_mul(columns.len()))?;
        let layers = match layers {
            Some(text) => parse_layers(text)?,
            None => 0..=self.generator.config().num_ws() / 2 - 1,
        };
        let inner = paths::mixed(self.generator, (&rows, &columns), &layers, self.class, self.truncation)?;
        let alone = |seeds: &[u32]| paths::truncation_sweep(self.generator, seeds, &[self.truncation], self.class);
        let (left, top) = (self.canvases(&alone(&rows))?, self.canvases(&alone(&columns))?);
        let inner = self.canvases(&inner)?;
        let corner = Canvas::new(inner[0].width(), inner[0].height(), BLACK);
        let mut cells = vec![corner];
        cells.extend(top);
        for (row, left) in left.into_iter().enumerate() {
            cells.push(left);
            cells.extend_from_slice(&inner[row * columns.len()..][..columns.len()]);
        }
        let what = format!(
            "styles of the columns' seeds on layers {}-{} of the rows' seeds; seeds {text}",
            layers.start(),
            layers.end()
        );
        self.sheet("style-mixing.png", &cells, columns.len() + 1, &what)
    }

    fn walk(&self, text: &str, frames: usize, path: paths::Path) -> Result<()> {
        let seeds = parse_seeds(text)?;
        if seeds.len() < 2 || frames == 0 {
            return Err(
                Problem::usage(format!("--walk {text} with {frames} steps")).expected("two seeds and a step, or more")
            );
        }
        check_count("--walk", seeds.len().saturating_mul(frames))?;
        let walk = |closed| paths::walk(self.generator, &seeds, frames, (path, closed), self.class, self.truncation);
        let what = format!("on the way between seeds {text}");
        let strip = self.canvases(&walk(false))?;
        let (last, rows) = strip.split_last().expect("two seeds and a step");
        // A row for each pair, from seed to seed.
        let cells = rows.chunks(frames).enumerate().flat_map(|(row, cells)| {
            let end = rows.get((row + 1) * frames).unwrap_or(last);
            cells.iter().chain([end]).cloned().collect::<Vec<_>>()
        });
        self.sheet("walk-strip.png", &cells.collect::<Vec<_>>(), frames + 1, &what)?;
        let film: Vec<Canvas> =
            self.canvases(&walk(true))?.iter().map(|frame| frame.enlarged((256 / frame.width()).max(1))).collect();
        let film = Canvas::film(&film, FRAMES_PER_SECOND, &as_refs(&self.source.texts(&what)))?;
        files::write(self.out.join("walk.png"), &film)
    }

    fn sweep(&self, psis: &[f64]) -> Result<()> {
        if let Some(psi) = psis.iter().find(|psi| !(-2.0..=2.0).contains(*psi)) {
            return Err(Problem::usage(format!("--truncation-sweep {psi}")).expected("numbers from -2 to 2"));
        }
        let seeds = &self.seeds[..self.seeds.len().min(8)];
        check_count("--truncation-sweep", seeds.len().saturating_mul(psis.len()))?;
        let cells = self.canvases(&paths::truncation_sweep(self.generator, seeds, psis, self.class))?;
        self.sheet(
            "truncation.png",
            &cells,
            psis.len(),
            &format!("truncation {psis:?}, a row for each of seeds {seeds:?}"),
        )
    }

    fn canvases(&self, images: &Tensor) -> Result<Vec<Canvas>> {
        let images = Image::split(&self.source.padding.crop(images))?;
        Ok(images.iter().map(|image| image.canvas(self.source.look())).collect())
    }

    fn sheet(&self, name: &str, cells: &[Canvas], columns: usize, what: &str) -> Result<()> {
        let sheet = Canvas::tiled(cells, columns, 2, BLACK);
        let sheet = if cells.iter().all(|cell| cell.width() < 128) { sheet.enlarged(2) } else { sheet };
        sheet.write_png(self.out.join(name), &as_refs(&self.source.texts(what)))
    }
}

fn check_count(option: &str, count: usize) -> Result<()> {
    match count {
        0..=MOST => Ok(()),
        _ => Err(Problem::usage(format!("{option} makes {count} pictures")).expected(format!("at most {MOST}"))),
    }
}

fn path(text: &str) -> std::result::Result<paths::Path, String> {
    match text {
        "w" => Ok(paths::Path::W),
        "z" => Ok(paths::Path::Z),
        _ => Err("w or z".into()),
    }
}

/// "0-4" or "3".
fn parse_layers(text: &str) -> Result<RangeInclusive<i64>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) => Ok(first..=last),
        _ => Err(Problem::usage(format!("--mix-layers {text}")).expected("a range of layers, e.g. 0-4")),
    }
}
