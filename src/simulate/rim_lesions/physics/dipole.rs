//! The field that a susceptibility distribution makes in a strong static field.
//!
//! D(k) = 1/3 - (k.b)^2 / |k|^2 with k in 1/mm and b the unit field direction (Salomir 2003; Marques and
//! Bowtell 2005); D(0) = 0, so the mean field over the padded box is zero.

use super::fft::{RealFft3, fast_length, frequencies};
use crate::nifti::Volume;

/// D(k) on the half spectrum of a grid.
pub struct Dipole {
    k: [Vec<f64>; 3],
    b0: [f64; 3],
}

impl Dipole {
    /// `shape` is the (padded) transform shape; `b0` need not be normalised.
    pub fn new(shape: [usize; 3], voxel_mm: [f64; 3], b0: [f64; 3]) -> Self {
        let norm = b0.iter().map(|b| b * b).sum::<f64>().sqrt();
        Self {
            k: std::array::from_fn(|axis| frequencies(shape[axis], voxel_mm[axis])),
            b0: b0.map(|component| component / norm),
        }
    }

    /// At frequency indices x, y, z; -2/3..1/3. At the Nyquist frequency of an even axis, which stands for both signs,
    /// the mean over them: so D is what a real volume can be filtered with.
    #[inline]
    pub fn at(&self, index: [usize; 3]) -> f32 {
        let k = std::array::from_fn(|axis| self.k[axis][index[axis]]);
        let nyquist: [bool; 3] = std::array::from_fn(|axis| 2 * index[axis] == self.k[axis].len());
        if nyquist.contains(&true) {
            let other = std::array::from_fn(|axis| if nyquist[axis] { -k[axis] } else { k[axis] });
            ((self.kernel(k) + self.kernel(other)) / 2.0) as f32
        } else {
            self.kernel(k) as f32
        }
    }

    fn kernel(&self, k: [f64; 3]) -> f64 {
        let square = k[0] * k[0] + k[1] * k[1] + k[2] * k[2];
        if square == 0.0 {
            return 0.0;
        }
        let along = k[0] * self.b0[0] + k[1] * self.b0[1] + k[2] * self.b0[2];
        1.0 / 3.0 - along * along / square
    }

    /// D for each element of a half spectrum, in its order.
    pub fn half_spectrum(&self) -> impl Iterator<Item = f32> + '_ {
        let [nx, ny, nz] = [self.k[0].len(), self.k[1].len(), self.k[2].len()];
        (0..nz).flat_map(move |z| (0..ny).flat_map(move |y| (0..nx / 2 + 1).map(move |x| self.at([x, y, z]))))
    }
}

/// Field (ppb of the static field) of a susceptibility map (ppb), zero-padded to at least twice its size
/// along each axis so that the map's periodic copies hardly reach into it.
pub fn field_of(chi_ppb: &Volume<f32>, b0: [f64; 3]) -> Volume<f32> {
    let (shape, voxel_mm) = (chi_ppb.grid.shape, chi_ppb.grid.voxel_mm());
    let padded = shape.map(|n| fast_length(2 * n));
    let fft = RealFft3::new(padded);
    let dipole = Dipole::new(padded, voxel_mm, b0);
    let mut spectrum = fft.forward(&chi_ppb.data, shape);
    for (value, d) in spectrum.iter_mut().zip(dipole.half_spectrum()) {
        *value *= d;
    }
    Volume { grid: chi_ppb.grid, data: fft.inverse(spectrum, shape) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::Grid;

    #[test]
    fn kernel_along_across_and_at_the_magic_angle() {
        let dipole = Dipole::new([8, 8, 8], [1.0; 3], [0.0, 0.0, 2.0]);
        assert_eq!(dipole.at([0, 0, 0]), 0.0);
        assert!((dipole.at([0, 0, 1]) + 2.0 / 3.0).abs() < 1e-7);
        assert!((dipole.at([1, 0, 0]) - 1.0 / 3.0).abs() < 1e-7);
        // k = (1,1,1)/8: cos^2 = 1/3, the magic angle.
        assert!(dipole.at([1, 1, 1]).abs() < 1e-7);
        // With half the voxel size along z the same index is twice the frequency.
        let flat = Dipole::new([8, 8, 8], [1.0, 1.0, 0.5], [0.0, 0.0, 1.0]);
        assert!((flat.at([1, 0, 1]) - (1.0 / 3.0 - 4.0 / 5.0)).abs() < 1e-6);
    }

    /// Outside a uniform sphere the field is chi/3 (a/r)^3 (3 cos^2 - 1); inside, with the Lorentz sphere, zero.
    #[test]
    fn a_spheres_field_is_a_dipoles() {
        let grid = Grid::centred([64, 64, 48], [0.8, 0.8, 1.0]);
        let b0: [f64; 3] = [0.2, 0.1, 0.97];
        let norm = b0.iter().map(|b| b * b).sum::<f64>().sqrt();
        let radius = 8.0;
        // Edge voxels carry their partial volume, from 5x5x5 sub-samples.
        let chi = Volume::from_fn(grid, |voxel| {
            let mut inside = 0;
            for sub in 0..125 {
                let offset = [sub % 5, sub / 5 % 5, sub / 25].map(|s| (s as f64 - 2.0) / 5.0);
                let mm = grid.mm_of(std::array::from_fn(|a| voxel[a] as f64 + offset[a]));
                inside += u32::from(mm.iter().map(|m| m * m).sum::<f64>() < radius * radius);
            }
            100.0 * inside as f32 / 125.0
        });
        let field = field_of(&chi, b0);
        let (mut inside, mut count) = (0.0, 0.0);
        for (index, &value) in field.data.iter().enumerate() {
            let mm = grid.centre_of(grid.voxel(index));
            let r = mm.iter().map(|m| m * m).sum::<f64>().sqrt();
            let cos = (0..3).map(|a| mm[a] * b0[a] / norm).sum::<f64>() / r;
            if r > radius + 2.0 && r < 18.0 {
                let analytic = 100.0 / 3.0 * (radius / r).powi(3) * (3.0 * cos * cos - 1.0);
                assert!((f64::from(value) - analytic).abs() < 1.2, "r {r:.1} cos {cos:.2}: {value} for {analytic}");
            } else if r < radius - 2.0 {
                // The voxels' edges ring a little (Gibbs).
                assert!(value.abs() < 3.0, "inside, r {r:.1}: {value}");
                (inside, count) = (inside + f64::from(value), count + 1.0);
            }
        }
        assert!(f64::abs(inside / count) < 0.2, "mean inside {}", inside / count);
    }
}
