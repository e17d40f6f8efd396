//! Pictures of the latent space beside the images of the stage: styles mixed, ways from seed to seed, truncation.

use std::ops::RangeInclusive;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::GenerateConfig;
use super::stage::Opened;
use crate::feed::image::Image;
use crate::feed::network_source::as_refs;
use crate::feed::padding;
use crate::files;
use crate::latent::paths;
use crate::latent::seeds::parse_seeds;
use crate::nets::Generator;
use crate::problem::{Problem, Result};
use crate::raster::{BLACK, Canvas};

/// Pictures in a sheet, and frames in a film, at most.
const MOST: usize = 4096;

/// Names of all files that it can write.
pub(super) const SHEETS: [&str; 4] = ["style-mixing.png", "walk-strip.png", "walk.png", "truncation.png"];

/// Frames a second of a walk.
const FRAMES_PER_SECOND: u16 = 15;

/// Which sheets to draw; none unless asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exploration {
    /// "0-4:10-14": seeds of rows and columns of a grid that mixes their styles.
    pub mix: Option<String>,
    /// "0-4": the layers that take the columns' styles, from 0 (coarse); absent: the coarser half.
    pub mix_layers: Option<String>,
    /// "1,5,7": seeds of a strip and a film (animated PNG) on the way from seed to seed.
    pub walk: Option<String>,
    /// Steps of the walk between two seeds.
    pub walk_frames: usize,
    /// What the walk runs through.
    pub walk_space: paths::Path,
    /// Truncations (-2 to 2) of a sheet of the first 8 seeds.
    pub truncation_sweep: Vec<f64>,
}

impl Default for Exploration {
    fn default() -> Self {
        Self {
            mix: None,
            mix_layers: None,
            walk: None,
            walk_frames: 8,
            walk_space: paths::Path::W,
            truncation_sweep: vec![],
        }
    }
}

impl Exploration {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.mix.is_none() && self.walk.is_none() && self.truncation_sweep.is_empty()
    }

    /// Names of the files that it asks for.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let [mix, strip, walk, sweep] = SHEETS;
        let mixed = self.mix.iter().map(|_| mix);
        let walked = self.walk.iter().flat_map(|_| [strip, walk]);
        mixed.chain(walked).chain((!self.truncation_sweep.is_empty()).then_some(sweep)).collect()
    }

    /// Refuses what no network could draw, before anything is drawn.
    ///
    /// # Errors
    /// Seeds, layers or truncations that make no sense, or more pictures than a sheet takes.
    pub fn check(&self) -> Result<()> {
        self.mix.iter().try_for_each(|text| mix_seeds(text).map(|_| ()))?;
        self.mix_layers.iter().try_for_each(|text| parse_layers(text).map(|_| ()))?;
        self.walk.iter().try_for_each(|text| walk_seeds(text, self.walk_frames).map(|_| ()))?;
        check_psis(&self.truncation_sweep)
    }
}

/// Writes `style-mixing.png`, `walk-strip.png` and `walk.png`, `truncation.png` into `out`, as far as asked for;
/// returns their names. Network, seeds, truncation and class are those of `config`.
///
/// # Errors
/// Seeds, layers or truncations that make no sense, or a failed write.
pub(super) fn explore(
    opened: &Opened,
    config: &GenerateConfig,
    asked: &Exploration,
    out: &Path,
) -> Result<Vec<&'static str>> {
    let explorer = Explorer {
        opened,
        class: opened.class.as_ref(),
        truncation: config.truncation,
        seeds: &config.seed_numbers()?,
        out,
    };
    explorer.write(asked)
}

/// Draws the sheets of one network.
struct Explorer<'a> {
    opened: &'a Opened,
    /// \[1, c_dim\] of a conditional network.
    class: Option<&'a Tensor>,
    truncation: f64,
    seeds: &'a [u32],
    out: &'a Path,
}

impl Explorer<'_> {
    fn write(&self, asked: &Exploration) -> Result<Vec<&'static str>> {
        if let Some(mix) = &asked.mix {
            self.mix(mix, asked.mix_layers.as_deref())?;
        }
        if let Some(seeds) = &asked.walk {
            self.walk(seeds, asked.walk_frames, asked.walk_space)?;
        }
        if !asked.truncation_sweep.is_empty() {
            self.sweep(&asked.truncation_sweep)?;
        }
        Ok(asked.names())
    }

    fn generator(&self) -> &Generator {
        &self.opened.network.generator
    }

    fn mix(&self, text: &str, layers: Option<&str>) -> Result<()> {
        let (rows, columns) = mix_seeds(text)?;
        let layers = match layers {
            Some(text) => parse_layers(text)?,
            None => 0..=self.generator().config().num_ws() / 2 - 1,
        };
        let inner = paths::mixed(self.generator(), (&rows, &columns), &layers, self.class, self.truncation)?;
        let alone = |seeds: &[u32]| paths::truncation_sweep(self.generator(), seeds, &[self.truncation], self.class);
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
        let seeds = walk_seeds(text, frames)?;
        let walk = |closed| paths::walk(self.generator(), &seeds, frames, (path, closed), self.class, self.truncation);
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
        let film = Canvas::film(&film, FRAMES_PER_SECOND, &as_refs(&self.opened.source.texts(&what)))?;
        files::write(self.out.join("walk.png"), &film)
    }

    fn sweep(&self, psis: &[f64]) -> Result<()> {
        check_psis(psis)?;
        let seeds = &self.seeds[..self.seeds.len().min(8)];
        check_count("--truncation-sweep", seeds.len().saturating_mul(psis.len()))?;
        let cells = self.canvases(&paths::truncation_sweep(self.generator(), seeds, psis, self.class))?;
        self.sheet(
            "truncation.png",
            &cells,
            psis.len(),
            &format!("truncation {psis:?}, a row for each of seeds {seeds:?}"),
        )
    }

    fn canvases(&self, images: &Tensor) -> Result<Vec<Canvas>> {
        let images = Image::drawn(&padding::crop(&self.opened.source.padding, images), &self.opened.file)?;
        Ok(images.iter().map(|image| image.canvas(self.opened.source.look())).collect())
    }

    fn sheet(&self, name: &str, cells: &[Canvas], columns: usize, what: &str) -> Result<()> {
        let sheet = Canvas::tiled(cells, columns, 2, BLACK);
        let sheet = if cells.iter().all(|cell| cell.width() < 128) { sheet.enlarged(2) } else { sheet };
        sheet.write_png(self.out.join(name), &as_refs(&self.opened.source.texts(what)))
    }
}

/// Seeds of the rows and of the columns of "0-4:10-14".
fn mix_seeds(text: &str) -> Result<(Vec<u32>, Vec<u32>)> {
    let (rows, columns) = text.split_once(':').ok_or_else(|| {
        Problem::usage(format!("--mix {text}")).expected("seeds of the rows, a colon, seeds of the columns")
    })?;
    let (rows, columns) = (parse_seeds(rows)?, parse_seeds(columns)?);
    check_count("--mix", rows.len().saturating_mul(columns.len()))?;
    Ok((rows, columns))
}

/// Seeds of a walk of `frames` steps from one to the next.
fn walk_seeds(text: &str, frames: usize) -> Result<Vec<u32>> {
    let seeds = parse_seeds(text)?;
    if seeds.len() < 2 || frames == 0 {
        return Err(
            Problem::usage(format!("--walk {text} with {frames} steps")).expected("two seeds and a step, or more")
        );
    }
    check_count("--walk", seeds.len().saturating_mul(frames))?;
    Ok(seeds)
}

fn check_psis(psis: &[f64]) -> Result<()> {
    match psis.iter().find(|psi| !(-2.0..=2.0).contains(*psi)) {
        Some(psi) => Err(Problem::usage(format!("--truncation-sweep {psi}")).expected("numbers from -2 to 2")),
        None => Ok(()),
    }
}

fn check_count(option: &str, count: usize) -> Result<()> {
    match count {
        0..=MOST => Ok(()),
        _ => Err(Problem::usage(format!("{option} makes {count} pictures")).expected(format!("at most {MOST}"))),
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
