//! Images to patches of depth 1 in grey levels: decoded, brought to one size where that is asked for, compared,
//! written, as many at once as a fixed amount of memory holds.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rayon::prelude::*;

use super::area_average::centred_square;
use super::extracted::{Extracted, PATCHES, hash_pixels, stop_if_asked};
use super::image_store::ImageStore;
use super::manifest::{Class, Lesion, Slice, Split};
use super::name_join::listed;
use super::near_names::spelled;
use super::patch_file;
use super::picture;
use super::png_image::{self, Form, PngImage};
use super::prepare_config::PrepareConfig;
use super::split::PixelHash;
use super::thumbnail::Thumbnail;
use crate::digest;
use crate::name::{Inside, Name, shown};
use crate::nifti::Affine;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;
use crate::records::label::{Contrast, Window};

/// Images that are in memory at once, at most.
const CHUNK: usize = 256;

/// Memory that they may take together, in bytes; a single one may take more.
const IN_FLIGHT: u64 = 96 << 20;

/// Memory of one value of an image while it is decoded and written: as stored, as a level, and in the file.
const BYTES_PER_VALUE: u64 = 10;

/// The gamma that images for screens have, and what an image without any is taken for.
const SCREEN_GAMMA: f32 = 1.0 / 2.2;

/// An image before it is decoded.
pub(super) struct Image {
    /// In the folder or zip.
    pub path: String,
    /// Usable as a file name.
    pub id: Name,
    pub patient: String,
    pub class: Class,
    /// What two readers say; absent where the label is the class.
    pub votes: Option<(bool, bool)>,
    pub label: Option<String>,
    pub split: Split,
}

impl Image {
    /// The file of its patch, relative to the data folder.
    pub fn patch(&self) -> Inside {
        Inside::of(PATCHES, &self.id, ".npy")
    }
}

/// What does not depend on the image.
pub(super) struct Job<'a> {
    pub out: &'a Path,
    pub config: &'a PrepareConfig,
    pub observer: &'a dyn Observer,
    /// Whether these are photographs, which must be in colours of 8 bits and leave a thumbnail each.
    pub photographs: bool,
}

/// A patch that was written, and what is known of its image.
struct Written {
    lesion: Lesion,
    hash: PixelHash,
    input: FileHash,
    levels: [f32; 2],
    /// Whether the file says that its levels are not as screens show them.
    other_gamma: bool,
    /// Whether its levels are stretched from fewer than 8 bits.
    few_bits: bool,
    /// Whether there are two of them, as a mask has.
    two_levels: bool,
    /// Width and height before it was brought to another size.
    size: [u32; 2],
    thumbnail: Option<Thumbnail>,
}

/// Decodes and writes all images; `all` is what is known of the set already.
///
/// # Errors
/// An image that cannot be read, is no PNG or JPEG of sense or has another form than the first; the same pixels under
/// two classes.
pub(super) fn extract(
    images: Vec<Image>,
    store: &mut dyn ImageStore,
    mut all: Extracted,
    job: &Job,
) -> Result<Extracted> {
    let folder = job.out.join(PATCHES);
    crate::files::make_folder(&folder)?;
    let mut first: Option<(Form, String)> = None;
    let (mut range, mut other_gamma) = ([f32::INFINITY, f32::NEG_INFINITY], 0);
    let (mut few_bits, mut two_levels) = (Vec::new(), Vec::new());
    let mut sizes: BTreeMap<[u32; 2], usize> = BTreeMap::new();
    job.observer.begin("decoding images", "images", images.len() as u64);
    let place = store.place().to_owned();
    let mut rest = images.into_iter();
    while !rest.as_slice().is_empty() {
        stop_if_asked(job.observer)?;
        let files = job.read(rest.as_slice(), store, &mut first)?;
        let chunk: Vec<Image> = rest.by_ref().take(files.len()).collect();
        let count = chunk.len() as u64;
        let written: Vec<Result<Written>> =
            chunk.into_par_iter().zip(&files).map(|(image, bytes)| job.patch(image, bytes, &place)).collect();
        for written in written {
            let Written {
                lesion,
                hash,
                input,
                levels,
                other_gamma: other,
                few_bits: few,
                two_levels: two,
                size,
                thumbnail,
            } = written?;
            *sizes.entry(size).or_default() += 1;
            all.thumbnails.extend(thumbnail);
            few_bits.extend(few.then(|| input.path.clone()));
            two_levels.extend(two.then(|| input.path.clone()));
            if lesion.split == Split::Train {
                range = [range[0].min(levels[0]), range[1].max(levels[1])];
            }
            other_gamma += usize::from(other);
            all.slices.push(Slice { lesion: all.lesions.len() as u32, z: 0, voxels: 0 });
            all.lesions.push(lesion);
            all.hashes.push(hash);
            all.inputs.push(input);
        }
        job.observer.advance(count);
    }
    job.observer.end();
    require_one_class(&place, &all)?;
    if let Some((form, _)) = first {
        all.patch = [1, form.height, form.width];
        let channel = |number| Contrast {
            name: Name::of_known(&format!("image{number}")),
            unit: "grey level".into(),
            window: Window { low: 0.0, high: f64::from(form.white) },
        };
        all.contrasts = (0..form.channels).map(|number| job.config.with_window(channel(number))).collect();
        all.notes.push(format!("{form}"));
        all.notes.extend(job.config.side.map(|side| brought_to(side, &sizes)));
        let said = job.photographs || !job.config.windows.is_empty();
        all.notes.extend(unused_range(form, range).filter(|_| !said));
    }
    if !few_bits.is_empty() && few_bits.len() < all.lesions.len() {
        all.notes.push(format!(
            "{} images have fewer than 8 bits among others of 8, masks perhaps: {}",
            few_bits.len(),
            listed(&few_bits)
        ));
    }
    if !two_levels.is_empty() {
        all.notes.push(format!(
            "{} of {} images hold two levels alone, as masks do: {}",
            two_levels.len(),
            all.lesions.len(),
            listed(&two_levels)
        ));
    }
    if other_gamma > 0 {
        all.notes
            .push(format!("{other_gamma} images declare another gamma than screens have; levels are taken as stored"));
    }
    Ok(all)
}

/// How images came to their size, and from which.
fn brought_to(side: u32, sizes: &BTreeMap<[u32; 2], usize>) -> String {
    let before: Vec<String> =
        sizes.iter().map(|([width, height], images)| format!("{width} x {height} ({images} images)")).collect();
    format!(
        "brought to {side} x {side} by the centred square and averages over areas of levels as stored (sRGB); before: {}",
        listed(&before)
    )
}

/// What to say where the training images use less than half of the levels that they could: 12 bits in files of 16.
fn unused_range(form: Form, [low, high]: [f32; 2]) -> Option<String> {
    let white = form.white;
    (low < high && f64::from(high - low) < f64::from(white) / 2.0).then(|| {
        format!(
            "the training images use the levels {low} to {high} of 0 to {white}; a window makes use of the networks' \
             whole range: --window image0={low}:{high} (image1, image2 for green and blue)"
        )
    })
}

/// Refuses the same pixels under two classes, whatever their patients: one of the two is wrong.
fn require_one_class(place: &Path, all: &Extracted) -> Result<()> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (at, hash) in all.hashes.iter().enumerate() {
        let first = *seen.entry(&hash.sha256).or_insert(at);
        let (one, other) = (&all.lesions[first], &all.lesions[at]);
        if one.class != other.class {
            let of = |lesion: &Lesion| format!("{} ({})", spelled(&lesion.id), shown(lesion.class.name()));
            return Err(Problem::input(
                place,
                format!("identical pixels of two classes: {} and {}", of(one), of(other)),
            )
            .expected("one class for one image")
            .advice("remove the one whose label does not hold"));
        }
    }
    Ok(())
}

impl Job<'_> {
    /// The files of the next images: as many as may be in memory at once. Each has the first one's form.
    fn read(
        &self,
        images: &[Image],
        store: &mut dyn ImageStore,
        first: &mut Option<(Form, String)>,
    ) -> Result<Vec<Vec<u8>>> {
        let most = png_image::most_bytes(self.config.max_pixels);
        let (mut files, mut held) = (Vec::new(), 0);
        for image in images.iter().take(CHUNK) {
            let bytes = store.read(&image.path, most, picture::words(&image.path))?;
            let place = store.place();
            let form = picture::form(&image.path, &bytes, self.config.max_pixels)
                .map_err(|found| refused(place, image, &found))?;
            let made = self.made(form).map_err(|problem| problem.at(place.join(&image.path)))?;
            let (wanted, of) = first.get_or_insert_with(|| (made, image.path.clone()));
            if made != *wanted {
                let (name, of) = (shown(&image.path), shown(of));
                return Err(Problem::input(place, format!("{name} is {made} but {of} is {wanted}"))
                    .expected("one size, depth and colour in the whole set")
                    .advice("convert them to one form first"));
            }
            let cost = bytes.len() as u64 + BYTES_PER_VALUE * form.samples() as u64;
            held += cost;
            files.push(bytes);
            if held + cost > IN_FLIGHT {
                break;
            }
        }
        Ok(files)
    }

    /// What an image of this form becomes.
    fn made(&self, form: Form) -> Result<Form> {
        if self.photographs && (form.channels != 3 || form.white != 255) {
            return Err(Problem::new(Kind::Input, format!("{form}")).expected("8-bit RGB, as photographs of skin are"));
        }
        match self.config.side {
            None => Ok(form),
            Some(side) if form.height.min(form.width) < side => {
                Err(Problem::new(Kind::Input, format!("an image of {} x {} pixels", form.width, form.height))
                    .expected(format!("at least {side} each way, as pixels are averaged and none is made up"))
                    .advice("leave the image out, or lower prepare.side (--side)"))
            }
            Some(side) => Ok(Form { height: side, width: side, ..form }),
        }
    }

    fn patch(&self, image: Image, bytes: &[u8], place: &Path) -> Result<Written> {
        let PngImage { form: stored, mut levels, gamma, few_bits } =
            picture::decode(&image.path, bytes, self.config.max_pixels)
                .map_err(|found| refused(place, &image, &found))?;
        let form = self.made(stored)?;
        if self.config.side.is_some() {
            levels = centred_square(&levels, [stored.height as usize, stored.width as usize], form.width as usize);
        }
        let patch = image.patch();
        let shape = [form.channels, 1, form.height, form.width].map(u64::from);
        let hash = PixelHash { sha256: hash_pixels(&levels), patient: image.patient.clone(), name: image.path.clone() };
        let range = levels
            .iter()
            .fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], &level| [low.min(level), high.max(level)]);
        let two_levels = range[0] < range[1] && levels.iter().all(|level| range.contains(level));
        let lesion = Lesion {
            sha256: patch_file::write(&self.out.join(&patch), &shape, &levels)?,
            mask_sha256: None,
            id: image.id,
            patient: image.patient,
            centre: [0; 3],
            affine: Affine::IDENTITY,
            patch_affine: None,
            reader1: image.votes.map(|votes| votes.0),
            reader2: image.votes.map(|votes| votes.1),
            class: image.class,
            label: image.label,
            split: image.split,
            voxels: 0,
            patch,
            mask: None,
        };
        let input = FileHash { path: image.path, sha256: digest::sha256(bytes) };
        let other_gamma = gamma.is_some_and(|gamma| (gamma - SCREEN_GAMMA).abs() > 0.01);
        let size = [stored.width, stored.height];
        let thumbnail = self.photographs.then(|| Thumbnail::of(&levels, form.width as usize));
        Ok(Written { lesion, hash, input, levels: range, other_gamma, few_bits, two_levels, size, thumbnail })
    }
}

fn refused(place: &Path, image: &Image, found: &str) -> Problem {
    Problem::input(place, format!("{}: {found}", shown(&image.path))).expected(picture::expected(&image.path))
}
