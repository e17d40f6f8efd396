//! Absorption and reduced scattering of skin between 400 and 720 nm, in 1/cm.
//!
//! Fits and tables as collected by S. L. Jacques (*Optical properties of biological tissues: a review*, Phys. Med.
//! Biol. 58, R37, 2013, and his tables of haemoglobin); the scattering laws are those of S-SYNTH (CC0).

/// Wavelengths: 400, 410, ..., 720 nm.
pub const BANDS: usize = 33;

/// One value a wavelength.
pub type Spectrum = [f64; BANDS];

/// Molar extinction of oxygenated haemoglobin, 1/cm/(mol/l).
const OXYGENATED: Spectrum = [
    266_232.0, 466_840.0, 480_360.0, 246_072.0, 102_580.0, 62_816.0, 44_480.0, 33_209.2, 26_629.2, 23_684.4, 20_932.8,
    20_035.2, 24_202.4, 39_956.8, 53_236.0, 43_016.0, 32_613.2, 44_496.0, 50_104.0, 14_400.8, 3_200.0, 1_506.0, 942.0,
    610.0, 442.0, 368.0, 319.6, 294.0, 277.6, 276.0, 290.0, 314.0, 348.0,
];

/// The same of deoxygenated haemoglobin.
const DEOXYGENATED: Spectrum = [
    223_296.0, 303_956.0, 407_560.0, 528_600.0, 413_280.0, 103_292.0, 23_388.8, 16_156.4, 14_550.0, 16_684.0, 20_862.0,
    25_773.6, 31_589.6, 39_036.4, 46_592.0, 53_412.0, 53_788.0, 45_072.0, 37_020.0, 28_324.4, 14_677.2, 9_443.6,
    6_509.6, 5_148.8, 4_345.2, 3_750.12, 3_226.56, 2_795.12, 2_407.92, 2_051.96, 1_794.28, 1_540.48, 1_325.88,
];

/// Haemoglobin of whole blood, g/l, and of a mole of it, g.
const HAEMOGLOBIN: [f64; 2] = [150.0, 64_500.0];

/// Share of it that carries oxygen in skin.
const SATURATION: f64 = 0.75;

/// In nm.
pub fn wavelength(band: usize) -> f64 {
    400.0 + 10.0 * band as f64
}

/// Absorption of the inside of a melanosome.
pub fn melanosome(nm: f64) -> f64 {
    6.6e11 * nm.powf(-3.33)
}

/// Absorption of skin without melanin and blood.
pub fn bloodless(nm: f64) -> f64 {
    0.244 + 85.3 * (-(nm - 154.0) / 66.2).exp()
}

/// Absorption of whole blood.
pub fn blood(band: usize) -> f64 {
    let molar = SATURATION * OXYGENATED[band] + (1.0 - SATURATION) * DEOXYGENATED[band];
    std::f64::consts::LN_10 * HAEMOGLOBIN[0] / HAEMOGLOBIN[1] * molar
}

/// Reduced scattering of the epidermis.
pub fn epidermis(nm: f64) -> f64 {
    68.7 * (nm / 500.0).powf(-1.161)
}

/// Reduced scattering of the dermis.
pub fn dermis(nm: f64) -> f64 {
    45.3 * (nm / 500.0).powf(-1.292)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_can_be_looked_up() {
        // At 500 nm: baseline .244 + 85.3 exp(-346 / 66.2), scattering at its own reference wavelength.
        assert!((bloodless(500.0) - 0.703).abs() < 1e-3, "{}", bloodless(500.0));
        assert_eq!((dermis(500.0), epidermis(500.0)), (45.3, 68.7));
        // 2.303 x 150 / 64500 x (.75 x 53236 + .25 x 46592) at 540 nm.
        assert!((blood(14) - 276.2).abs() < 0.2, "{}", blood(14));
        assert_eq!((wavelength(0), wavelength(BANDS - 1)), (400.0, 720.0));
    }
}
