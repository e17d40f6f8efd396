//! Reflectance of a stack of layers by Kubelka and Munk (*Ein Beitrag zur Optik der Farbanstriche*, 1931).

use super::spectra::{BANDS, Spectrum, blood, bloodless, dermis, epidermis, melanosome, wavelength};

/// Share of diffuse light that the surface of the skin throws back inside.
const INTERNAL: f64 = 0.45;

/// Which scattering law a layer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tissue {
    /// Of the epidermis.
    Epidermis,
    /// Of the dermis.
    Dermis,
}

/// One layer; the last of a stack is endless.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// Its scattering.
    pub tissue: Tissue,
    /// Share of its volume that is melanosomes.
    pub melanin: f64,
    /// Share that is blood.
    pub blood: f64,
    /// Factor of its scattering; a scar has about 1.8.
    pub scattering: f64,
    /// In cm.
    pub thickness: f64,
}

impl Layer {
    /// Epidermis of `thickness` cm.
    pub fn epidermis(melanin: f64, thickness: f64) -> Self {
        Self { tissue: Tissue::Epidermis, melanin, blood: 0.0, scattering: 1.0, thickness }
    }

    /// Dermis of `thickness` cm without melanin.
    pub fn dermis(blood: f64, thickness: f64) -> Self {
        Self { tissue: Tissue::Dermis, melanin: 0.0, blood, scattering: 1.0, thickness }
    }

    /// Kubelka and Munk's absorption and scattering, 1/cm, from those of light transport.
    fn coefficients(&self, band: usize) -> (f64, f64) {
        let nm = wavelength(band);
        let rest = 1.0 - self.melanin - self.blood;
        let absorbed = self.melanin * melanosome(nm) + self.blood * blood(band) + rest * bloodless(nm);
        let law = match self.tissue {
            Tissue::Epidermis => epidermis(nm),
            Tissue::Dermis => dermis(nm),
        };
        let scattered = law * self.scattering;
        (2.0 * absorbed, (0.75 * scattered - 0.25 * absorbed).max(0.05 * scattered))
    }
}

/// What skin throws back at each wavelength, 0 to 1; `layers` from the surface down, at least one.
pub fn reflectance(layers: &[Layer]) -> Spectrum {
    let mut seen = [0.0; BANDS];
    for (band, seen) in seen.iter_mut().enumerate() {
        let mut below = None;
        for layer in layers.iter().rev() {
            let (absorption, scattering) = layer.coefficients(band);
            below = Some(match below {
                None => endless(absorption, scattering),
                Some(below) => above(absorption, scattering, layer.thickness, below),
            });
        }
        let inside = below.unwrap_or(0.0);
        *seen = (1.0 - INTERNAL) * inside / (1.0 - INTERNAL * inside);
    }
    seen
}

/// Reflectance of a layer without end.
fn endless(absorption: f64, scattering: f64) -> f64 {
    let a = 1.0 + absorption / scattering;
    a - (a * a - 1.0).sqrt()
}

/// Reflectance of a layer of `thickness` cm above something that reflects `below`.
fn above(absorption: f64, scattering: f64, thickness: f64, below: f64) -> f64 {
    let a = 1.0 + absorption / scattering;
    let b = (a * a - 1.0).max(1e-12).sqrt();
    let depth = b * scattering * thickness;
    if depth > 30.0 {
        return a - b;
    }
    let (sinh, cosh) = (depth.sinh(), depth.cosh());
    let whole = a * sinh + b * cosh;
    let (reflected, passed) = (sinh / whole, b / whole);
    reflected + passed * passed * below / (1.0 - reflected * below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thick_layer_hides_what_is_below_and_a_thin_one_does_not() {
        let endless = reflectance(&[Layer::dermis(0.01, 1.0)]);
        let thick = reflectance(&[Layer::dermis(0.01, 50.0), Layer::dermis(0.5, 1.0)]);
        assert!(endless.iter().zip(&thick).all(|(a, b)| (a - b).abs() < 1e-9));
        let none = reflectance(&[Layer::epidermis(0.02, 0.0), Layer::dermis(0.01, 1.0)]);
        assert!(none.iter().zip(&endless).all(|(a, b)| (a - b).abs() < 1e-9));
        let brown = reflectance(&[Layer::epidermis(0.2, 0.006), Layer::dermis(0.01, 1.0)]);
        assert!(brown.iter().zip(&endless).all(|(with, without)| with < without));
    }

    #[test]
    fn without_scattering_below_the_light_is_lost_as_beer_says() {
        // A layer that hardly scatters above white (1): exp(-2 K d) comes back.
        let back = above(0.7, 1e-9, 0.5, 1.0);
        assert!((back - (-2.0 * 0.7 * 0.5f64).exp()).abs() < 1e-6, "{back}");
    }
}
