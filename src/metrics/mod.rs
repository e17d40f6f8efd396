//! Features or images to numbers with intervals.
//!
//! A distance says whose features it used: "FID" is a name for Inception's alone, and nothing here carries it.

pub mod features;

pub mod groups;

pub mod half_samples;

pub mod components;

pub mod frechet;

pub mod kid;

pub mod mmd;

pub mod prdc;

pub mod volume_similarity;

pub mod wasserstein;

pub mod rim_contrast;

pub mod rim_readouts;

pub mod rim_meter;

pub mod map_meter;

pub mod overlap;

pub mod skeleton;

pub mod surface;

pub mod ssim;

pub mod ms_ssim;

pub mod path_length;

#[cfg(test)]
mod tests {
    //! The reference values of `tests/fixtures/make_metrics.py` and `make_evaluate.py`.
    use serde::Deserialize;

    use super::features::Features;

    #[derive(Deserialize)]
    pub struct Evaluate {
        pub n: usize,
        pub f: usize,
        pub k: i64,
        a: Vec<f64>,
        b: Vec<f64>,
        pub groups_a: Vec<u32>,
        pub groups_b: Vec<u32>,
        pub fid: f64,
        pub components: i64,
        pub fid_of_components: f64,
        pub kid: f64,
        pub kid_of_groups: f64,
        pub sigma: f64,
        pub rbf: f64,
        pub cmmd_published: f64,
        pub cmmd_unbiased: f64,
        pub prdc: Shares,
        pub prdc_of_groups: Shares,
        pub wasserstein: Samples,
        pub ms_ssim: Vec<Similarity>,
        pub rim: Rim,
        pub path_length: Lengths,
    }

    impl Evaluate {
        pub fn set_a(&self) -> Features {
            Features::from_rows(&self.a, self.n, self.f).unwrap()
        }

        pub fn set_b(&self) -> Features {
            Features::from_rows(&self.b, self.n, self.f).unwrap()
        }
    }

    #[derive(Deserialize)]
    pub struct Shares {
        pub precision: f64,
        pub recall: f64,
        pub density: f64,
        pub coverage: f64,
    }

    #[derive(Deserialize)]
    pub struct Samples {
        pub a: Vec<f64>,
        pub b: Vec<f64>,
        pub value: f64,
    }

    #[derive(Deserialize)]
    pub struct Similarity {
        pub side: usize,
        pub channels: usize,
        pub phases: [f64; 2],
        pub scales: usize,
        pub value: f64,
    }

    #[derive(Deserialize)]
    pub struct Rim {
        pub side: usize,
        pub centre: [f64; 2],
        pub axes: [f64; 2],
        pub angle: f64,
        pub height: f64,
        pub width: f64,
        pub gap: f64,
        pub thickness: f64,
        pub core: f64,
    }

    #[derive(Deserialize)]
    pub struct Lengths {
        pub lengths: Vec<f64>,
        pub mean: f64,
    }

    pub fn evaluate() -> Evaluate {
        serde_json::from_str(include_str!("../../tests/fixtures/evaluate.json")).unwrap()
    }

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
