//! Finished projections on disk: image, noise, figure, and last the item's own record, which says that it is done.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::batches::Made;
use super::targets::Target;
use crate::files;
use crate::name::Inside;
use crate::problem::Result;
use crate::project::{Projected, figure, store};
use crate::raster::{BLACK, Canvas};
use crate::records::projection::{ProjectedImage, ProjectedLesion};
use crate::run_dir::ProjectionDir;

/// What one projection left behind.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Hash of everything that the result depends on.
    fingerprint: String,
    /// \[L, w_dim\], L 1 where one w serves all layers.
    pub w: Vec<f32>,
    /// Frames of its film; 0 without one.
    film: u64,
    /// How it came about; absent where an older version made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
    /// As it goes into the stage's record.
    pub outcome: Outcome,
}

/// What a projection came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Of a lesion of a data set, judged.
    Lesion(ProjectedLesion),
    /// Of a plain image.
    Image(ProjectedImage),
}

/// The finished item of a target, if it was made from the same things and its files are there, its film too where
/// wanted.
///
/// # Errors
/// Its record or a file is there and cannot be read just now.
pub fn finished(dir: &ProjectionDir, target: &Target, fingerprint: &str, film: u64) -> Result<Option<Item>> {
    // A record that says nothing, or of other settings, is one that is not there: it is made again.
    let mut item = files::read_note::<Item>(dir.item(&target.id))?
        .filter(|item| item.fingerprint == fingerprint && (film == 0 || item.film == film));
    let there = |name: Inside| files::is_there(&dir.root().join(name));
    let whole = there(ProjectionDir::image(&target.id))?
        && there(ProjectionDir::figure(&target.id))?
        && files::is_there(&dir.noise(&target.id))?
        && (film == 0 || there(ProjectionDir::film(&target.id))?);
    if let Some(Item { outcome: Outcome::Lesion(lesion), .. }) = item.as_mut().filter(|_| whole) {
        // An item of an earlier version gets its hash now; an image that is another by now is made again.
        let found = files::sha256(dir.root().join(ProjectionDir::image(&target.id)))?;
        if lesion.image_sha256.get_or_insert_with(|| found.clone()) != &found {
            return Ok(None);
        }
    }
    Ok(item.filter(|_| whole))
}

/// Whether what the folder has of a target was made with other settings, of another data set or network.
///
/// # Errors
/// It is there and cannot be read just now.
pub fn is_of_others(dir: &ProjectionDir, target: &Target, fingerprint: &str) -> Result<bool> {
    let item = files::read_note::<Item>(dir.item(&target.id))?;
    Ok(item.is_some_and(|item| item.fingerprint != fingerprint))
}

/// A channel as figures name and scale it.
#[derive(Clone, Debug)]
pub struct Channel {
    /// "chimap", "flair".
    pub name: String,
    /// "ppb", "a.u."; "network units" for plain images.
    pub unit: String,
    /// Units per unit of the network's range.
    pub scale: f64,
}

/// What [`write`] draws and labels with.
pub struct Captions<'a> {
    /// In the images' order.
    pub channels: &'a [Channel],
    /// Of the images, in pixels.
    pub width: usize,
    /// Frames of a film.
    pub film: u64,
    /// Whether figures say SIMULATED.
    pub simulated: bool,
    /// Names of the noise maps.
    pub maps: &'a [String],
}

/// A projection that is done and judged.
pub struct Finished<'a> {
    /// What was projected.
    pub target: &'a Target,
    /// The batch that it was projected in.
    pub projected: &'a Projected,
    /// Its place there.
    pub index: usize,
    /// What it came to.
    pub outcome: Outcome,
    /// Hash of everything that it depends on.
    pub fingerprint: String,
    /// How it came about.
    pub made: Made,
}

/// Writes the files of a projection, its record last.
///
/// # Errors
/// A failed write.
pub fn write(dir: &ProjectionDir, finished: Finished<'_>, captions: &Captions<'_>) -> Result<Item> {
    let Finished { target, projected, index, mut outcome, fingerprint, made } = finished;
    let image = projected.images.get(index as i64);
    let path = dir.root().join(ProjectionDir::image(&target.id));
    store::write_npy(&path, &image)?;
    if let Outcome::Lesion(lesion) = &mut outcome {
        lesion.image_sha256 = Some(files::sha256(&path)?);
    }
    let maps: Vec<Tensor> = projected.noise.iter().map(|map| map.get(index as i64).squeeze_dim(0)).collect();
    let named: Vec<(&str, &Tensor)> = captions.maps.iter().map(String::as_str).zip(&maps).collect();
    store::write_npz(&dir.noise(&target.id), &named)?;
    let after = Vec::<f32>::try_from(image.to_device(tch::Device::Cpu).flatten(0, -1))?;
    draw(&dir.root().join(ProjectionDir::figure(&target.id)), target, &after, &outcome, captions)?;
    let w = Vec::<f32>::try_from(projected.w.get(index as i64).flatten(0, -1).to_device(tch::Device::Cpu))?;
    let item = Item { fingerprint, w, film: captions.film, made: Some(made), outcome };
    files::write_json(dir.item(&target.id), &item)?;
    Ok(item)
}

/// Side of a film's picture, about.
const FILM_SIDE: usize = 192;

/// Frames a second of a film.
const FRAMES_PER_SECOND: u16 = 10;

/// Writes the film of a projection: original beside each of `frames` \[C, H, W\].
///
/// # Errors
/// A failed write.
pub fn write_film(dir: &ProjectionDir, target: &Target, frames: &[Vec<f32>], captions: &Captions<'_>) -> Result<()> {
    let width = captions.width;
    let row = |pixels: &[f32]| -> Vec<Canvas> {
        let plane = pixels.len() / captions.channels.len();
        pixels.chunks_exact(plane).map(|channel| Canvas::grey(width, channel)).collect()
    };
    let columns = captions.channels.len();
    let canvases: Vec<Canvas> = frames
        .iter()
        .map(|frame| {
            let cells: Vec<Canvas> = row(&target.pixels).into_iter().chain(row(frame)).collect();
            Canvas::tiled(&cells, columns, 2, BLACK).enlarged((FILM_SIDE / width).max(1))
        })
        .collect();
    let note = if captions.simulated { "SIMULATED; " } else { "" };
    let description = format!("{note}{}: above the original, below its projection", target.id);
    let film = Canvas::film(&canvases, FRAMES_PER_SECOND, &[("Description", &description)])?;
    files::write(dir.root().join(ProjectionDir::film(&target.id)), &film)
}

fn draw(path: &Path, target: &Target, after: &[f32], outcome: &Outcome, captions: &Captions<'_>) -> Result<()> {
    let plane = target.pixels.len() / captions.channels.len();
    let width = captions.width;
    let unit = captions.channels.first().map_or("", |channel| channel.unit.as_str());
    let mut lines = match outcome {
        Outcome::Lesion(lesion) => vec![
            format!("{} slice {}, {}", lesion.lesion_id, lesion.slice, lesion.role),
            format!(
                "rim contrast {:.1} -> {:.1} {unit}{}{}; lesion rms {:.1} {unit}; w distance {:.1}",
                lesion.contrast_before,
                lesion.contrast_after,
                if lesion.rim_erased { " RIM ERASED" } else { "" },
                if lesion.rim_invented { " RIM INVENTED" } else { "" },
                lesion.lesion_rms,
                lesion.w_distance
            ),
        ],
        Outcome::Image(image) => {
            vec![image.id.to_string(), format!("rms {:.4}; w distance {:.1}", image.rms, image.w_distance)]
        }
    };
    if captions.simulated {
        lines[0].push_str(" - SIMULATED");
    }
    let panels: Vec<figure::Panel<'_>> = captions
        .channels
        .iter()
        .zip(target.pixels.chunks_exact(plane).zip(after.chunks_exact(plane)))
        .map(|(channel, (before, after))| figure::Panel {
            name: &channel.name,
            unit: &channel.unit,
            scale: channel.scale,
            before,
            after,
        })
        .collect();
    let note = if captions.simulated { "SIMULATED; projection of " } else { "projection of " };
    let description = format!("{note}{}", target.id);
    figure::draw(&lines, &panels, width).write_png(path, &[("Description", &description)])
}
