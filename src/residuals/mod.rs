//! How far to trust a projection, and whether what it leaves out tells lesions: healthy, lesioned and spoiled images
//! are projected, compared with what they were, and the difference is tried as a detector.
//!
//! items (which images) -> projected (a descent each) -> likeness (SSIM, MSE) and, of what healthy images leave
//! ([`normal`]), scores of pixels ([`detectors`]) -> pixels, lesions -> detection.
//!
//! After Guellmar, Hsu, Ropele, Reichenbach (ISMRM): projections of maps of fractional anisotropy heal lesions of
//! multiple sclerosis while SSIM and MSE hardly notice. That residuals detect is their open idea; it is held here to
//! scores that need no generator (Meissen et al. 2021, "Challenging current semi-supervised anomaly segmentation
//! methods for brain MRI"; Saase et al. 2020).

pub mod config;

pub mod items;

mod projected;

pub mod likeness;

pub mod normal;

pub mod detectors;

pub mod pixels;

pub mod lesions;

mod detection;

mod sheets;

pub mod stage;

pub use config::ResidualsConfig;
pub use stage::{Inputs, OWNER, run_share, run_stage, run_with};
