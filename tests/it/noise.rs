//! Noise for images that tests make, the same on every machine.

/// A number in -1..1 for each seed and place.
pub fn noise(seed: u32, at: usize) -> f32 {
    let mut h = (at as u32).wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503);
    h ^= h >> 15;
    h = h.wrapping_mul(0x2C1B_3C6D);
    h ^= h >> 12;
    h = h.wrapping_mul(0x297A_2D39);
    (h ^ (h >> 15)) as f32 / 2f32.powi(31) - 1.0
}
