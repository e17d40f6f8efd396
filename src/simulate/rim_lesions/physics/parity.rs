//! The physics against `tests/fixtures/physics.npz` (numpy, double precision; `make_physics.py`).

use std::path::Path;

use realfft::num_complex::Complex32;

use super::dipole;
use super::fit::FieldFit;
use super::fit::fit_field;
use super::inversion::{l2, tkd};
use super::k_space::KSpace;
use super::matrix::SliceResampler;
use super::signal::{EchoConfig, Echoes};
use super::tv::{TvConfig, Weights, solve};
use crate::nifti::{Grid, Volume};
use crate::seed::RunSeed;
use crate::simulate::rim_lesions::phantom::Tissue;

struct Fixture(std::path::PathBuf);

impl Fixture {
    fn open() -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/physics.npz"))
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let mut archive = npyz::npz::NpzArchive::open(&self.0).unwrap();
        archive.by_name(name).unwrap().unwrap().into_vec().unwrap()
    }

    fn doubles(&self, name: &str) -> [f64; 3] {
        let mut archive = npyz::npz::NpzArchive::open(&self.0).unwrap();
        archive.by_name(name).unwrap().unwrap().into_vec().unwrap().try_into().unwrap()
    }

    fn complex(&self, name: &str) -> Vec<Complex32> {
        let [re, im] = ["re", "im"].map(|part| self.floats(&format!("{name}_{part}")));
        re.into_iter().zip(im).map(|(re, im)| Complex32::new(re, im)).collect()
    }

    fn grid(&self) -> Grid {
        Grid::centred([12, 10, 8], self.doubles("voxel"))
    }

    /// The transforms on the field padded by 3 mm, as in the script.
    fn space(&self) -> KSpace {
        let space = KSpace::new(self.grid(), self.doubles("b0"), 3.0);
        assert_eq!(space.padded(), [16, 16, 12]);
        space
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn forward_field() {
    let fixture = Fixture::open();
    let chi = Volume { grid: fixture.grid(), data: fixture.floats("chi") };
    let field = dipole::field_of(&chi, fixture.doubles("b0"));
    assert!(largest_difference(&field.data, &fixture.floats("field")) < 2e-4);
}

#[test]
fn thresholded_division_and_closed_form() {
    let fixture = Fixture::open();
    let (space, measured) = (fixture.space(), fixture.floats("measured"));
    assert!(largest_difference(&tkd(&space, &measured, 0.18), &fixture.floats("tkd")) < 1e-3);
    assert!(largest_difference(&l2(&space, &measured, 0.03), &fixture.floats("l2")) < 1e-3);
}

#[test]
fn six_total_variation_iterations() {
    let fixture = Fixture::open();
    let weights = Weights {
        data_squared: fixture.floats("w2"),
        edges: std::array::from_fn(|axis| fixture.floats(&format!("edges{axis}"))),
    };
    let config = TvConfig { alpha: 0.8, iterations: 6, gradient_step: 0.3, ..TvConfig::DEFAULT };
    let chi = solve(&fixture.space(), &fixture.floats("measured"), &weights, &config);
    assert!(largest_difference(&chi, &fixture.floats("tv")) < 2e-3);
}

#[test]
fn phase_fit() {
    let fixture = Fixture::open();
    let signal = fixture.complex("echoes").chunks(64).map(<[Complex32]>::to_vec).collect();
    let echoes = Echoes { grid: Grid::centred([64, 1, 1], [1.0; 3]), config: EchoConfig::default(), signal };
    let fit = fit_field(&echoes);
    assert!(largest_difference(&fit.field_ppb.data, &fixture.floats("fitted")) < 2e-2);
}

#[test]
fn k_space_crop() {
    let fixture = Fixture::open();
    let cropped = SliceResampler::new([20, 16], [10, 12]).slice(fixture.complex("slice"));
    let worst = cropped.iter().zip(fixture.complex("cropped")).map(|(a, b)| (a - b).norm()).fold(0.0, f32::max);
    assert!(worst < 1e-5);
}

/// Field noise of uniform white matter against the table of the cohort's specification: 3.2 / 1.6 / 0.8 ppb at
/// signal-to-noise 20 / 40 / 80 with a fitted offset.
#[test]
fn field_noise_matches_its_formula() {
    let grid = Grid::centred([24, 24, 8], [0.8, 0.8, 1.0]);
    let tissue = Tissue {
        chi_ppb: Volume::filled(grid, 0.0),
        r2star_per_s: Volume::filled(grid, 20.0),
        magnitude: Volume::filled(grid, 1.0),
        brain: Volume::filled(grid, true),
        csf: Volume::filled(grid, true),
    };
    for (snr, expected) in [(20.0, 3.2), (40.0, 1.6), (80.0, 0.8)] {
        let echoes = super::signal::measure(&tissue, &tissue.chi_ppb, &EchoConfig::default(), snr, RunSeed(5));
        let FieldFit { field_ppb, precision, .. } = fit_field(&echoes);
        let n = grid.voxels() as f64;
        let mean = field_ppb.data.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let sd = (field_ppb.data.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert!((sd / expected - 1.0).abs() < 0.06, "snr {snr}: {sd:.3} ppb for {expected}");
        // The fit's own precision, times the noise of one channel, is that standard deviation.
        let noise = (-0.1256f64).exp() / snr;
        assert!((f64::from(precision.data[0]) * sd / noise - 1.0).abs() < 0.25);
    }
}
