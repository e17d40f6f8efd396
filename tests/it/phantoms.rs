//! A prepared data set of drawn rings, for tests that need images to train on before anything is simulated.

use std::path::Path;

use rand::RngExt;
use rand_distr::{Distribution, Normal};
use rimforge::data::manifest::{Class, Classes, Items, Lesion, Manifest, SCHEMA, Slice, Split};
use rimforge::data::patch_file;
use rimforge::files;
use rimforge::name::{Inside, Name};
use rimforge::records::label::{Contrast, Window};
use rimforge::seed::RunSeed;

/// Window of the only channel, ppb.
pub const WINDOW: Window = Window { low: -100.0, high: 100.0 };

/// Writes `lesions` training rims of `slices` slices, `side` x `side` pixels: a bright ring about 60 ppb above noise.
pub fn rings(folder: &Path, lesions: u32, slices: u32, side: u32) {
    rings_and_plain(folder, lesions, 0, slices, side);
}

/// The same, and `plain` training non-rims of noise alone.
pub fn rings_and_plain(folder: &Path, lesions: u32, plain: u32, slices: u32, side: u32) {
    write(folder, lesions, plain, slices, side, false);
}

/// Rims with a second channel: the probability that a pixel is ring.
pub fn rings_with_map(folder: &Path, lesions: u32, slices: u32, side: u32) {
    write(folder, lesions, 0, slices, side, true);
}

fn write(folder: &Path, lesions: u32, plain: u32, slices: u32, side: u32, map: bool) {
    let mut manifest = Manifest {
        schema: SCHEMA,
        simulated: true,
        contrasts: [
            Contrast { name: "chimap".into(), unit: "ppb".into(), window: WINDOW },
            Contrast { name: "rim".into(), unit: "probability".into(), window: Window { low: 0.0, high: 1.0 } },
        ][..if map { 2 } else { 1 }]
            .to_vec(),
        patch: [slices, side, side],
        patient_source: "participant_id".into(),
        voxel_mm: Some([1.0, 0.4, 0.4]),
        seed: 0,
        classes: Classes::of_readers(),
        items: Items::Slices,
        lesions: vec![],
        slices: vec![],
        inputs: vec![],
    };
    std::fs::create_dir_all(folder.join("patches")).unwrap();
    let shape = [u64::from(slices), u64::from(side), u64::from(side)];
    for index in 0..lesions + plain {
        let rim = index < lesions;
        let id = Name::of_known(&format!("sub-{index:03}_lesion-001"));
        let (patch, mask) = (Inside::of("patches", &id, ".npy"), Inside::of("patches", &id, "_mask.npy"));
        let (mut values, inside) = ring(index, if rim { 60.0 } else { 0.0 }, slices, side);
        if map {
            values.extend(values.clone().iter().map(|ppb| f32::from(u8::from(*ppb > 15.0))));
        }
        let channels = manifest.contrasts.len() as u64;
        let shape4 = [channels, shape[0], shape[1], shape[2]];
        let sha256 = patch_file::write(&folder.join(&patch), &shape4, &values).unwrap();
        manifest.slices.extend((0..slices).map(|z| Slice { lesion: index, z, voxels: 1 }));
        manifest.lesions.push(Lesion {
            id,
            patient: format!("sub-{index:03}"),
            centre: [0; 3],
            affine: rimforge::nifti::Affine::IDENTITY,
            patch_affine: None,
            reader1: Some(rim),
            reader2: Some(rim),
            class: if rim { Class::RIM } else { Class::NON_RIM },
            label: None,
            split: Split::Train,
            voxels: u64::from(slices),
            patch,
            mask: Some(mask.clone()),
            sha256,
            mask_sha256: Some(patch_file::write(&folder.join(&mask), &shape, &inside).unwrap()),
        });
    }
    files::write_json(folder.join("manifest.json"), &manifest).unwrap();
}

/// Values in ppb, of a ring that high, and the disc that the ring surrounds.
fn ring(index: u32, ppb: f64, slices: u32, side: u32) -> (Vec<f32>, Vec<u8>) {
    let mut draws = RunSeed(99).stream("phantom", u64::from(index));
    let noise = Normal::new(0.0, 8.0).unwrap();
    let unit = f64::from(side) / 32.0;
    let radius = draws.random_range(6.0..9.0) * unit;
    let centre = [0, 1].map(|_| f64::from(side) / 2.0 + draws.random_range(-2.0..2.0) * unit);
    let (mut values, mut inside) = (vec![], vec![]);
    for at in 0..slices * side * side {
        let (x, y) = (f64::from(at % side), f64::from(at / side % side));
        let distance = ((x - centre[0]).powi(2) + (y - centre[1]).powi(2)).sqrt();
        let ring = ppb * (-((distance - radius) / (1.3 * unit)).powi(2)).exp();
        values.push((ring - 20.0 + noise.sample(&mut draws)) as f32);
        inside.push(u8::from(distance < radius));
    }
    (values, inside)
}
