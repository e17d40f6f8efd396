//! Features or images to numbers with intervals.
//!
//! A distance says whose features it used: "FID" is a name for Inception's alone, and nothing here carries it.

pub mod features;

pub mod frechet;

pub mod kid;

pub mod prdc;

pub mod rim_contrast;

pub mod rim_meter;

pub mod map_meter;

pub mod ssim;

#[cfg(test)]
mod tests {
    //! The reference values of `tests/fixtures/make_metrics.py`.
    use serde::Deserialize;

    #[derive(Deserialize)]
    pub struct Reference {
        pub frechet: Vec<FrechetCase>,
        pub kid: KidCase,
        pub prdc: PrdcCase,
        pub ssim: SsimCase,
    }

    #[derive(Deserialize)]
    pub struct FrechetCase {
        pub n_a: usize,
        pub n_b: usize,
        pub f: usize,
        pub a: Vec<f64>,
        pub b: Vec<f64>,
        pub distance: f64,
    }

    #[derive(Deserialize)]
    pub struct KidCase {
        pub n_a: usize,
        pub n_b: usize,
        pub f: usize,
        pub a: Vec<f64>,
        pub b: Vec<f64>,
        pub mmd2: f64,
        pub standard_error: f64,
    }

    #[derive(Deserialize)]
    pub struct PrdcCase {
        pub n_a: usize,
        pub n_b: usize,
        pub f: usize,
        pub a: Vec<f64>,
        pub b: Vec<f64>,
        pub k: i64,
        pub precision: f64,
        pub recall: f64,
        pub density: f64,
        pub coverage: f64,
    }

    #[derive(Deserialize)]
    pub struct SsimCase {
        pub height: usize,
        pub width: usize,
        pub range: f64,
        pub a: Vec<f64>,
        pub b: Vec<f64>,
        pub value: f64,
    }

    pub fn fixture() -> Reference {
        serde_json::from_str(include_str!("../../tests/fixtures/metrics.json")).unwrap()
    }
}
